"""Facets of a list whose rows are in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import TYPE_CHECKING, Generic, TypeVar

from nephoscope.web.lists.facets import ListFacet, build_facet

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class RowFacet(Generic[Row]):
    """A facet: its name in the address, its title, the values of a row, what a value is called, and the order of its values.

    Without an `order` the value that most rows have comes first. A value is counted once for each `unit_of` its rows, such as their
    resource; without it for each row.
    """

    name: str
    title: str
    values_of: Callable[[Row], Iterable[str]]
    title_of: Callable[[str], str] = str
    order: Sequence[str] = ()
    unit_of: Callable[[Row], str] | None = None


def filter_rows(
    visit: Visit, rows: Sequence[Row], facets: Sequence[RowFacet[Row]]
) -> tuple[list[Row], list[ListFacet]]:
    """Return the rows that have a chosen value of each facet, and the facets.

    The values of a facet are counted over the rows that the other facets leave: the count of a value is what it would show.
    """
    fits = [_match_rows(one, rows, visit.get_query_values(one.name)) for one in facets]
    found = _select_rows(rows, fits)
    built = []
    for number, one in enumerate(facets):
        left = _select_rows(rows, [*fits[:number], *fits[number + 1 :]])
        built.append(_build_facet(visit, one, _count_values(one, left)))
    return found, built


def _match_rows(facet: RowFacet[Row], rows: Sequence[Row], wanted: frozenset[str]) -> list[bool] | None:
    """Return which rows have one of the values, None where none is chosen: all fit then."""
    return [not wanted.isdisjoint(facet.values_of(row)) for row in rows] if wanted else None


def _select_rows(rows: Sequence[Row], fits: Sequence[list[bool] | None]) -> list[Row]:
    chosen = [one for one in fits if one is not None]
    return list(compress(rows, map(all, zip(*chosen, strict=True)))) if chosen else list(rows)


def _count_values(facet: RowFacet[Row], rows: Sequence[Row]) -> Counter[str]:
    unit_of = facet.unit_of
    if unit_of is None:
        return Counter(chain.from_iterable(map(facet.values_of, rows)))
    return Counter(
        value for value, _ in {(value, unit_of(row)) for row in rows for value in facet.values_of(row)}
    )


def _build_facet(visit: Visit, facet: RowFacet[Row], counted: Counter[str]) -> ListFacet:
    counts = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    if facet.order:
        places = {value: at for at, value in enumerate(facet.order)}
        counts.sort(key=lambda one: places.get(one[0], len(places)))
    return build_facet(visit, facet.name, facet.title, counts, facet.title_of)
