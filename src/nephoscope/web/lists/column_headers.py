"""Column headers of a list, which sort it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from nephoscope.web.lists.list_cell import ListCell

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class ListColumn(Generic[Row]):
    """A column: its name in the address, its title, what a row says in it, and how wide it is ('' = its share of the room).

    Narrow screens leave an `optional` column out and say it below the title. The `main` column is the title of a row and always
    shown; one that is not `shown` is so where it is chosen. A column that is not `sorted` has no order; one that sorts from the
    `largest` does so first. `hint` explains the head.
    """

    name: str
    title: str
    cell: Callable[[Row], ListCell] = lambda _: ListCell()
    number: bool = False
    optional: bool = False
    sorted: bool = True
    largest: bool = False
    main: bool = False
    shown: bool = True
    width: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ListHead(Generic[Row]):
    """The head of a column: where it leads and how the list is sorted by it (`ascending`, `descending`, '' = it is not)."""

    column: ListColumn[Row]
    address: str
    sort: str


def build_heads(visit: Visit, columns: Sequence[ListColumn[Row]], default: str) -> list[ListHead[Row]]:
    """Build the heads: numbers sort from the largest, texts from the first letter; a second click turns the order round."""
    order = visit.get_query_value("sort") or default
    return [_build_head(visit, one, order) for one in columns]


def _build_head(visit: Visit, column: ListColumn[Row], order: str) -> ListHead[Row]:
    if not column.sorted:
        return ListHead(column, "", "")
    first, second = column.name, f"-{column.name}"
    if column.number or column.largest:
        first, second = second, first
    sort = {column.name: "ascending", f"-{column.name}": "descending"}.get(order, "")
    return ListHead(column, visit.build_list_address(sort=second if order == first else first), sort)


def sort_rows(rows: Sequence[Row], columns: Sequence[ListColumn[Row]], order: str) -> list[Row]:
    """Sort by the column that an order names, `-` before it from the largest; an order that is unknown leaves the rows."""
    column = next((one for one in columns if one.sorted and one.name == order.removeprefix("-")), None)
    if column is None:
        return list(rows)
    cell = column.cell
    return sorted(rows, key=lambda row: cell(row).sort_key, reverse=order.startswith("-"))
