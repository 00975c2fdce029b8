"""DuckDB probe: answers for a binder that must inspect rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count

import duckdb

from nephoscope_kql.dialects.duckdb import write_relation
from nephoscope_kql.externaldata import ExternalSource
from nephoscope_kql.plan.column_references import list_order_ids
from nephoscope_kql.plan.relations import Materialized
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.sql.routines import Routine

_numbers = count(1)


class DuckDBProbe:
    """Runs parts of a query on a connection; the rows it keeps are temporary tables until `close`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        prepare: Callable[[Iterable[Routine], Iterable[ExternalSource]], None],
        parameters: Mapping[str, object],
    ) -> None:
        self._connection = connection
        self._prepare = prepare
        self._parameters = parameters
        self._kept: list[str] = []

    def fetch_rows(self, relation: Relation) -> list[tuple[object, ...]]:
        """The rows of a relation, in its order."""
        sql, parameters = self._to_sql(relation)
        found: list[tuple[object, ...]] = self._connection.execute(sql, parameters).fetchall()
        return found

    def materialize(self, relation: Relation) -> Relation:
        """The rows in a temporary table, with the hidden columns of their order."""
        name = f"kept_{next(_numbers)}"
        sql, parameters = self._to_sql(relation, list_order_ids(relation.order))
        self._connection.execute(f"CREATE TEMP TABLE {name} AS {sql}", parameters)
        self._kept.append(name)
        return Materialized(columns=relation.columns, order=relation.order, open=relation.open, name=name)

    def close(self) -> None:
        """Drop what was kept."""
        for name in self._kept:
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")
        self._kept.clear()

    def _to_sql(self, relation: Relation, hidden: set[str] | None = None) -> tuple[str, dict[str, object]]:
        sql, emitter = write_relation(relation, sorted(hidden or ()))
        self._prepare(emitter.routines.values(), emitter.external.values())
        return sql, {name: self._parameters[name] for name in emitter.parameters}
