"""SELECT block: source, filters and column expressions of a SELECT while it is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from nephoscope_kql.sql import nodes

HEAVY = 12
"""From this size on an expression that several others use is computed once, in a SELECT of its own."""


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A datetime or text column as the store holds it: its SQL and, of a datetime, a word of TableSchema.storage.

    `day` is the SQL of a DATE that is the column's UTC day, where the store has one: by it whole files are left out unopened.
    """

    sql: exp.Expr
    unit: str = ""
    day: exp.Expr | None = None


@dataclass(slots=True)
class Value:
    """SQL of a column here, its size, and whether it is a window function (no WHERE may see it).

    `called`: it calls a routine outside of the database, one call of which costs more than many expressions of SQL.
    """

    sql: exp.Expr
    size: int = 1
    window: bool = False
    stored: StoredColumn | None = None
    called: bool = False


@dataclass(slots=True)
class SelectBlock:
    """A SELECT that can still grow. `source` is None where there is no FROM."""

    source: exp.Expr | None
    values: dict[str, Value] = field(default_factory=dict)
    joins: list[exp.Join] = field(default_factory=list)
    where: list[exp.Expr] = field(default_factory=list)

    @property
    def has_window(self) -> bool:
        """Return whether a window function is among its columns."""
        return any(value.window for value in self.values.values())

    def build_select(
        self,
        items: Iterable[tuple[str, exp.Expr]],
        order: list[exp.Expr] | None = None,
        limit: exp.Expr | None = None,
    ) -> exp.Select:
        """The SELECT of (name, SQL) items; a dummy where there is none."""
        expressions: list[exp.Expr] = [
            exp.Alias(this=sql, alias=exp.Identifier(this=name)) for name, sql in items
        ] or [exp.Alias(this=nodes.build_number(1), alias=exp.Identifier(this="one"))]
        node = exp.Select(expressions=expressions)
        if self.source is not None:
            node.set("from_", exp.From(this=self.source))
        if self.joins:
            node.set("joins", self.joins)
        if self.where:
            node.set("where", exp.Where(this=nodes.build_chain("and", self.where)))
        if order:
            node.set("order", exp.Order(expressions=order))
        if limit is not None:
            node.set("limit", exp.Limit(expression=limit))
        return node

    def list_columns(self, ids: Iterable[str]) -> list[tuple[str, exp.Expr]]:
        """(name, SQL) items of columns by id."""
        return [(one, self.values[one].sql) for one in ids]

    def seal(
        self, ids: Iterable[str], order: list[exp.Expr] | None = None, limit: exp.Expr | None = None
    ) -> SelectBlock:
        """A new block over this one's SELECT: its columns are plain names."""
        kept = list(ids)
        return make_block_over(self.build_select(self.list_columns(kept), order, limit), kept)


def make_block_over(select: exp.Expr, ids: Iterable[str]) -> SelectBlock:
    """A block over a finished SELECT."""
    return SelectBlock(exp.Subquery(this=select), {one: Value(nodes.build_name(one)) for one in ids})


def make_table_block(table: exp.Expr, ids: Mapping[str, str]) -> SelectBlock:
    """A block over a named table or CTE: column id -> the name it has there."""
    return SelectBlock(table, {one: Value(nodes.build_name(stored)) for one, stored in ids.items()})
