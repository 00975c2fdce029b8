"""Spark's answers to a binder that has to see rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING

from nephoscope_kql.dialects.spark import write_relation
from nephoscope_kql.externaldata import ExternalSource
from nephoscope_kql.plan.column_references import list_order_ids
from nephoscope_kql.plan.relations import Materialized
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.sql.routines import Routine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_numbers = count(1)


class SparkProbe:
    """Runs parts of a query in a session; the rows it keeps are cached views until `close`."""

    def __init__(
        self,
        ask: Callable[[str, Mapping[str, object]], DataFrame],
        prepare: Callable[[Iterable[Routine], Iterable[ExternalSource]], None],
        parameters: Mapping[str, object],
    ) -> None:
        self._ask = ask
        self._prepare = prepare
        self._parameters = parameters
        self._kept: dict[str, DataFrame] = {}

    def fetch_rows(self, relation: Relation) -> list[tuple[object, ...]]:
        """The rows of a relation, in its order."""
        return [tuple(row.values()) for row in self._run_relation(relation).toArrow().to_pylist()]

    def materialize(self, relation: Relation) -> Relation:
        """The rows in a cached view, with the hidden columns of their order."""
        name = f"kept_{next(_numbers)}"
        self._kept[name] = self._run_relation(relation, list_order_ids(relation.order)).cache()
        self._kept[name].createOrReplaceTempView(name)
        return Materialized(columns=relation.columns, order=relation.order, open=relation.open, name=name)

    def close(self) -> None:
        """Drop what was kept."""
        for name, rows in self._kept.items():
            rows.unpersist()
            self._ask(f"DROP VIEW IF EXISTS {name}", {})
        self._kept.clear()

    def _run_relation(self, relation: Relation, hidden: set[str] | None = None) -> DataFrame:
        sql, emitter = write_relation(relation, sorted(hidden or ()))
        self._prepare(emitter.routines.values(), emitter.external.values())
        return self._ask(sql, {name: self._parameters[name] for name in emitter.parameters})
