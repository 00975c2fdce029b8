"""Heads of the columns of a list, which sort it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column: its name in the address, its title, whether it holds numbers, and whether narrow screens leave it out.

    A column that is not `sorted` has no name that an order could have; one that sorts from the `largest` does so first.
    """

    name: str
    title: str
    number: bool = False
    optional: bool = False
    sorted: bool = True
    largest: bool = False


@dataclass(frozen=True, slots=True)
class ListHead:
    """The head of a column: where it leads and how the list is sorted by it (`ascending`, `descending`, '' = it is not)."""

    column: ListColumn
    address: str
    sort: str


def build_heads(visit: Visit, columns: Sequence[ListColumn], default: str) -> list[ListHead]:
    """Build the heads: numbers sort from the largest, texts from the first letter; a second click turns the order round."""
    order = visit.asked("sort") or default
    return [_head(visit, one, order) for one in columns]


def _head(visit: Visit, column: ListColumn, order: str) -> ListHead:
    if not column.sorted:
        return ListHead(column, "", "")
    first, second = column.name, f"-{column.name}"
    if column.number or column.largest:
        first, second = second, first
    sort = {column.name: "ascending", f"-{column.name}": "descending"}.get(order, "")
    return ListHead(column, visit.here(sort=second if order == first else first, start=None, done=None), sort)
