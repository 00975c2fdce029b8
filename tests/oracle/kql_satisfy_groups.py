"""How aggregates are made to have a value: enough rows, distinct values, sums; and the rows of groups."""

from __future__ import annotations

from typing import Any

from kql_satisfy_conditions import alike, follow
from kql_satisfy_maker import AGGREGATE_GIVERS, ROWS, Aggregate, Derived, Fixed, Group, Maker, Row, registered
from kql_satisfy_slots import OPEN, Want, equals
from kql_satisfy_values import decided

from nephoscope_kql.plan import relations

LARGEST = 3_000
"""The largest group that is made."""
FREE = 20
"""From this size on the keys of a group are decided, so that large groups are made fast."""


@registered(ROWS, relations.Aggregated)
def aggregated(maker: Maker, relation: relations.Aggregated) -> Row:
    """A row of a group: its keys are those of its first row, every other row is given the same keys."""
    first = maker.row(relation.input)

    def more() -> Row:
        row = maker.row(relation.input)
        agree = alike if len(group.rows) < FREE else follow
        for _, value in relation.groups:
            if not agree(maker, value, first, value, row):
                maker.note("two rows of one group")
        return row

    group = Group([first], more)
    cells: Row = {column.id: Derived(value, first) for column, value in relation.groups}
    return cells | {column.id: Aggregate(call, group) for column, call in relation.aggregates}


def sized(maker: Maker, want: Want) -> int | None:
    """How many rows a want needs."""
    size = decided(maker, "long", Want(want.tests, want.choices, want.low, want.high))
    return size if isinstance(size, int) and 0 <= size <= LARGEST else None


def grown(maker: Maker, group: Group, size: int) -> None:
    before = len(group.rows)
    group.grow(size)
    maker.trail.append(lambda: group.rows.__delitem__(slice(before, None)))


@registered(AGGREGATE_GIVERS, "count", "cnt")
def count(maker: Maker, cell: Aggregate, want: Want) -> bool:
    now = len(cell.group.rows)
    if want.passes(now):
        return True
    size = sized(maker, want)
    if size is None or size < now:
        return False
    grown(maker, cell.group, size)
    return True


@registered(AGGREGATE_GIVERS, "dcount", "count_distinct")
def dcount(maker: Maker, cell: Aggregate, want: Want) -> bool:
    size = sized(maker, want)
    return size is not None and distinct(maker, cell, size)


def distinct(maker: Maker, cell: Aggregate, size: int) -> bool:
    """Rows enough for that many distinct values of the first argument."""
    value = cell.call.arguments[0]
    seen = {repr(maker.fix(value, row)) for row in cell.group.rows}
    idle = 0
    while len(seen) < size and idle < 5:
        before = len(seen)
        grown(maker, cell.group, len(cell.group.rows) + 1)
        seen.add(repr(maker.fix(value, cell.group.rows[-1])))
        idle = 0 if len(seen) > before else idle + 1
    return len(seen) >= size


@registered(AGGREGATE_GIVERS, "countif")
def countif(maker: Maker, cell: Aggregate, want: Want) -> bool:
    size = sized(maker, want)
    if size is None:
        return False
    grown(maker, cell.group, max(size, 1))
    return all(
        maker.require(cell.call.arguments[0], place < size, row) for place, row in enumerate(cell.group.rows)
    )


@registered(AGGREGATE_GIVERS, "dcountif", "count_distinctif")
def dcountif(maker: Maker, cell: Aggregate, want: Want) -> bool:
    size = sized(maker, want)
    if size is None or not distinct(maker, cell, max(size, 1)):
        return False
    rows = enumerate(cell.group.rows)
    return all(maker.require(cell.call.arguments[1], place < size, row) for place, row in rows)


@registered(AGGREGATE_GIVERS, "sum", "sumif")
def total(maker: Maker, cell: Aggregate, want: Want) -> bool:
    """The first row has it all, the others nothing."""
    value = cell.call.arguments[0]
    sought = decided(maker, str(cell.call.type), want)
    if cell.call.aggregate.name == "sumif":
        maker.require(cell.call.arguments[1], True, cell.group.rows[0])
    if sought is OPEN or sought is None:
        return False
    if not maker.give(value, equals(type(sought)(sought)), cell.group.rows[0]):
        return False
    return all(maker.give(value, equals(type(sought)(0)), row) for row in cell.group.rows[1:])


@registered(AGGREGATE_GIVERS, "min", "avg", "take_any", "any", "percentile", "stdev")
def every_row(maker: Maker, cell: Aggregate, want: Want) -> bool:
    return all(maker.give(cell.call.arguments[0], want, row) for row in cell.group.rows)


@registered(AGGREGATE_GIVERS, "max", "minif", "maxif", "take_anyif", "avgif")
def one_row(maker: Maker, cell: Aggregate, want: Want) -> bool:
    if len(cell.call.arguments) > 1:
        maker.require(cell.call.arguments[1], True, cell.group.rows[0])
    return maker.give(cell.call.arguments[0], want, cell.group.rows[0])


@registered(AGGREGATE_GIVERS, "arg_max", "arg_min")
def extreme(maker: Maker, cell: Aggregate, want: Want) -> bool:
    return all(maker.give(cell.call.arguments[1], want, row) for row in cell.group.rows)


@registered(
    AGGREGATE_GIVERS,
    "make_set",
    "make_list",
    "makeset",
    "makelist",
    "make_list_with_nulls",
    "make_set_if",
    "make_list_if",
)
def collected(maker: Maker, cell: Aggregate, want: Want) -> bool:
    """A length needs so many distinct values; a text in it is one of the values."""
    if len(cell.call.arguments) > 1 and cell.call.aggregate.name.endswith("_if"):
        maker.require(cell.call.arguments[1], True, cell.group.rows[0])
    if want.length and not distinct(maker, cell, want.length):
        return False
    if not want.pieces and not want.choices:
        return True
    hints = Want(choices=want.choices, pieces=want.pieces)
    value = cell.call.arguments[0]
    kinds = {"string": hints, "dynamic": hints}
    asked = kinds.get(str(value.type))
    return asked is not None and maker.give(value, asked, cell.group.rows[0])


@registered(ROWS, relations.Series)
def series(maker: Maker, relation: relations.Series) -> Row:
    """Two rows of a series, its arrays unknown."""
    row = maker.row(relation.input)
    cells: Row = {column.id: Derived(value, row) for column, value in relation.groups}
    unknown: list[Any] = [relation.axis_column, *(item.column for item in relation.items)]
    return cells | {column.id: Fixed(OPEN) for column in unknown}
