"""Facets of a list: what it can be narrowed by, each value with the count of rows that it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: Values of a facet that are shown at once; more are behind a link.
SHOWN = 8
#: What an address names the facets by whose values are all shown; it filters nothing.
MORE = "more"


@dataclass(frozen=True, slots=True)
class FacetOption:
    """A value of a facet: its title, how many rows have it, where it leads, and whether it is chosen."""

    title: str
    count: int
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class ListFacet:
    """A facet with its options; `hidden` more are shown at the address `more`."""

    name: str
    title: str
    options: Sequence[FacetOption]
    hidden: int = 0
    more: str = ""

    @property
    def count_chosen(self) -> int:
        """Return how many of its values are chosen."""
        return sum(one.chosen for one in self.options)


def build_facet(
    visit: Visit,
    name: str,
    title: str,
    counts: Sequence[tuple[str, int]],
    title_of: Callable[[str], str] = str,
) -> ListFacet:
    """Build a facet from the counts of its values: those that are chosen come first, also where no row has them any more.

    Rows without a value are in none of the options.
    """
    chosen = visit.get_query_values(name)
    known = [one for one in counts if one[0]]
    gone = sorted(chosen - {value for value, _ in known})
    ordered = sorted([*((one, 0) for one in gone), *known], key=lambda one: one[0] not in chosen)
    most = len(ordered) if name in visit.get_query_values(MORE) else max(SHOWN, len(chosen))
    options = [
        FacetOption(title_of(value), count, visit.toggle_link(name, value), value in chosen)
        for value, count in ordered[:most]
    ]
    hidden = max(0, len(ordered) - most)
    return ListFacet(name, title, options, hidden, visit.toggle_link(MORE, name) if hidden else "")
