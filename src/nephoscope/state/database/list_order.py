"""Orders of lists in SQL: by the column that a list is sorted by, then as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, case


def list_order(
    order: str,
    columns: Mapping[str, ColumnElement[object]],
    default: Iterable[ColumnElement[object] | ColumnElement[int]],
) -> list[ColumnElement[object] | ColumnElement[int]]:
    """Return the columns to sort by: that of an order's name, `-` before it from the largest, then the default."""
    column = columns.get(order.removeprefix("-"))
    if column is None:
        return list(default)
    return [column.desc() if order.startswith("-") else column.asc(), *default]


def order_position(column: object, order: Sequence[str]) -> ColumnElement[object]:
    """Return the place of a value in an order, counted from its end; what is not in it comes first."""
    places = {value: place for place, value in enumerate(reversed(order), start=1)}
    found: ColumnElement[object] = case(places, value=column, else_=0)
    return found
