"""Ordered rows in SQL: numbered by part and place, the row before the first, and the state after a row beside the next one."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter
from nephoscope_kql.dialects.select_block import SelectBlock, make_block_over
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr
Items = list[tuple[str, E]]
PART, PLACE, NUMBER = "part", "place", "number"
"""The columns of numbered rows: which part a row is of, its place there from 1, its place among all."""


def number_rows(block: SelectBlock, items: Items, parts: list[E], keys: list[E], emitter: Emitter) -> str:
    """A common table expression of rows with their part, their place in it and among all; its name."""
    part: E = nodes.build_number(1)
    if parts:
        part = nodes.build_window(nodes.build_call("dense_rank"), [], [nodes.sort_key(one) for one in parts])
    place = nodes.build_window(nodes.build_call("row_number"), parts, keys)
    whole = nodes.build_window(nodes.build_call("row_number"), [], keys)
    counted = [(PART, nodes.build_cast(part, "BIGINT")), (PLACE, place), (NUMBER, whole)]
    return emitter.share_select(block.build_select([*items, *counted]))


def make_table(name: str) -> E:
    """A table of that name."""
    return exp.Table(this=exp.Identifier(this=name))


def build_partition_starts(rows: str, items: Items) -> exp.Select:
    """The row before the first of each part."""
    select = SelectBlock(make_table(rows)).build_select(
        [(PART, nodes.build_name(PART)), (PLACE, nodes.build_cast(nodes.build_number(0), "BIGINT")), *items]
    )
    select.set("distinct", exp.Distinct())
    return select


def join_following_row(state: str, rows: str, items: Items) -> SelectBlock:
    """The state after a row beside the next row of its part; `items` are (name, SQL over `s.` and `r.` columns)."""
    on = nodes.build_binary(
        "and",
        compare_with_state(PART),
        nodes.build_binary("=", build_qualified_column("r", PLACE), build_next_place()),
    )
    join = exp.Join(this=alias_table(rows, "r"), on=on, kind="INNER")
    block = SelectBlock(alias_table(state, "s"), joins=[join])
    return make_block_over(
        block.build_select(
            [(PART, build_qualified_column("r", PART)), (PLACE, build_qualified_column("r", PLACE)), *items]
        ),
        [PART, PLACE, *(name for name, _ in items)],
    )


def compare_with_state(name: str) -> E:
    """Compare a column of a row with that of the state before it."""
    return nodes.build_binary("=", build_qualified_column("r", name), build_qualified_column("s", name))


def build_next_place() -> E:
    """The place behind that of the state."""
    return nodes.build_binary("+", build_qualified_column("s", PLACE), nodes.build_number(1))


def alias_table(name: str, alias: str) -> E:
    """A table of that name under another."""
    return exp.Table(this=exp.Identifier(this=name), alias=exp.TableAlias(this=exp.Identifier(this=alias)))


def build_qualified_column(table_name: str, name: str) -> E:
    """A column of a table."""
    return exp.Column(this=exp.Identifier(this=name), table=exp.Identifier(this=table_name))


def build_initial_value(kind: KqlType) -> E:
    """Return what a column holds before any row: strings are never null."""
    return nodes.build_text("") if kind == KqlType.STRING else nodes.build_null(kind)


def add_items(block: SelectBlock, items: Items) -> SelectBlock:
    """A new block with further columns."""
    ids = list(block.values)
    return make_block_over(
        block.build_select([*block.list_columns(ids), *items]), [*ids, *(name for name, _ in items)]
    )


def coalesce_true(node: E) -> E:
    """Return whether a condition is true, which null is not."""
    return nodes.build_coalesce(node, nodes.build_boolean(False))
