"""Start of the page of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def compute_page_start(visit: Visit) -> int:
    """Return the index of the first row of the page that the address asks for."""
    given = visit.get_query_value("start", "0")
    return int(given) if given.isdecimal() and len(given) < 9 else 0
