"""The state of writing one query for Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.select_block import SelectBlock, Value
from nephoscope_kql.dialects.spark.scalars import write_scalar
from nephoscope_kql.errors import make_unsupported_query_error
from nephoscope_kql.plan.column_references import list_order_ids
from nephoscope_kql.plan.values import Bound, Relation, SortKey
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Routine
from nephoscope_kql.types import KqlType

SparkWriter: TypeAlias = Callable[[Any, frozenset[str], Any], SelectBlock]
"""Writes a relation: the relation, the ids of the columns that are needed, the emitter."""
NOTHING: Mapping[str, Value] = MappingProxyType({})


class SparkEmitter(Emitter):
    """Writes relations by Spark's own writers, expressions by Spark's own table."""

    def __init__(self, writers: Mapping[type[Relation], SparkWriter]) -> None:
        super().__init__("spark")
        self.writers = writers

    def use_routine(self, routine: Routine) -> str:
        """Make a vectorised function part of the query; its name. What its text uses is its own affair."""
        self.routines[routine.name] = routine
        return routine.name

    def write_rows(self, relation: Relation, needed: Needed) -> SelectBlock:
        """The block of a relation; KqlError (unsupported) where Spark has no writer of its kind."""
        writer = self.writers.get(type(relation))
        if writer is None:
            raise make_unsupported_query_error(f"{type(relation).__name__} on {self.dialect}", self.nowhere)
        return writer(relation, needed | list_order_ids(relation.order), self)

    def write_scalar(self, value: Bound, block: SelectBlock) -> exp.Expr:
        """The SQL of an expression over a block."""
        return write_scalar(value, block.values, self)

    def write_constant(self, value: Bound) -> exp.Expr:
        """The SQL of an expression without columns."""
        return write_scalar(value, NOTHING, self)

    def write_keys(self, order: Iterable[SortKey], block: SelectBlock) -> list[exp.Expr]:
        """The keys of an order over a block, without those that are the same on every row."""
        keys = [one for key in order for one in self._list_keys(key, block)]
        return [key for key in keys if key.find(exp.Column, exp.Anonymous)]

    def _list_keys(self, key: SortKey, block: SelectBlock) -> list[exp.Expr]:
        """NaN stands between the nulls and the numbers, which Spark does only where nulls are high."""
        value = self.write_scalar(key.value, block)
        if key.value.type != KqlType.REAL or key.ascending != key.nulls_first:
            return [nodes.sort_key(value, key.ascending, key.nulls_first)]
        low = nodes.build_cast(nodes.build_text("-Infinity"), KqlType.REAL.physical)
        undefined = exp.EQ(
            this=nodes.wrap_in_parentheses(value),
            expression=nodes.build_cast(nodes.build_text("NaN"), "DOUBLE"),
        )
        return [
            nodes.sort_key(
                nodes.build_case((undefined, low), otherwise=value), key.ascending, key.nulls_first
            ),
            nodes.sort_key(undefined, not key.ascending, key.nulls_first),
        ]
