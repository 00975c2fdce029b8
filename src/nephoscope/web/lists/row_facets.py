"""Facets of a list whose rows are in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from nephoscope.web.lists.facets import ListFacet, build_facet

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class RowFacet(Generic[Row]):
    """A facet: its name in the address, its title, the values of a row, what a value is called, and the order of its values.

    Without an `order` the value that most rows have comes first.
    """

    name: str
    title: str
    values_of: Callable[[Row], Iterable[str]]
    title_of: Callable[[str], str] = str
    order: Sequence[str] = ()


def narrow_rows(
    visit: Visit, rows: Sequence[Row], facets: Sequence[RowFacet[Row]]
) -> tuple[list[Row], list[ListFacet]]:
    """Return the rows that have a chosen value of each facet, and the facets.

    The values of a facet are counted over the rows that the other facets leave: the count of a value is what it would show.
    """
    chosen = [visit.several(one.name) for one in facets]
    fits = [
        [not wanted or not wanted.isdisjoint(one.values_of(row)) for row in rows]
        for one, wanted in zip(facets, chosen, strict=True)
    ]
    found = [row for at, row in enumerate(rows) if all(one[at] for one in fits)]
    built = []
    for number, one in enumerate(facets):
        others = [fit for other, fit in enumerate(fits) if other != number]
        left = (row for at, row in enumerate(rows) if all(fit[at] for fit in others))
        built.append(_build(visit, one, Counter(value for row in left for value in one.values_of(row))))
    return found, built


def _build(visit: Visit, facet: RowFacet[Row], counted: Counter[str]) -> ListFacet:
    counts = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    if facet.order:
        places = {value: at for at, value in enumerate(facet.order)}
        counts.sort(key=lambda one: places.get(one[0], len(places)))
    return build_facet(visit, facet.name, facet.title, counts, facet.title_of)
