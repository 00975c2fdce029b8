"""Facets of a list that a database narrows: it counts the values of one column among the rows that the other facets leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.web.lists.facets import ListFacet, build_facet

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: Facet -> the values that are chosen of it.
Chosen = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class QueryFacet:
    """A facet: its name in the address and to the database, its title, what a value is called, and the order of its values.

    `default` are the values that the list has where none is chosen.
    """

    name: str
    title: str
    title_of: Callable[[str], str] = str
    order: Sequence[str] = ()
    default: frozenset[str] = frozenset()


def read_chosen_values(visit: Visit, facets: Iterable[QueryFacet]) -> dict[str, frozenset[str]]:
    """Return what the address chooses of each facet, or its default."""
    return {one.name: visit.get_query_values(one.name) or one.default for one in facets}


def count_facets(
    visit: Visit, facets: Sequence[QueryFacet], count: Callable[[str, Chosen], Mapping[str, int]]
) -> list[ListFacet]:
    """Build the facets; `count` gives the values of one among the rows that have the chosen values of the others."""
    chosen = read_chosen_values(visit, facets)
    return [
        build_facet(
            visit,
            one.name,
            one.title,
            _order_counts(one, count(one.name, {**chosen, one.name: frozenset()})),
            one.title_of,
        )
        for one in facets
    ]


def _order_counts(facet: QueryFacet, counts: Mapping[str, int]) -> list[tuple[str, int]]:
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    places = {value: at for at, value in enumerate(facet.order)}
    return sorted(found, key=lambda one: places.get(one[0], len(places))) if facet.order else found
