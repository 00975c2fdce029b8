"""Saved views: what somebody looks at often in a list, under a name of their own; scope and time range are those of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from nephoscope.service.saved_queries import remove_query, save_query
from nephoscope.state import StateError
from nephoscope.state.database.etag import to_etag
from nephoscope.web.visits.request_context import FIRST_PAGE, KEPT

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: Stands before the path of a page in the place of a view, which is kept with the saved queries.
PLACE = "list"
LONGEST = 2_000
#: What an address says of a moment, and no view keeps.
DROPPED = frozenset((*KEPT, *FIRST_PAGE, "format", "table"))


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view of the visitor: its name, where it leads, and whether the address is it."""

    id: str
    name: str
    address: str
    chosen: bool
    etag: str


def list_views(visit: Visit) -> list[SavedView]:
    """List the views that the visitor saved of the page."""
    path = visit.request.url.path
    kept = visit.instance.state.saved_queries.list_visible(f"{PLACE}{path}", visit.caller.principal.id)
    now = sorted(parse_qsl(filter_view_query(visit.request.url.query)))
    return [
        SavedView(
            one.id, one.name, _build_address(visit, path, one.query), sorted(parse_qsl(one.query)) == now, to_etag(one.changed)
        )
        for one in kept
    ]  # fmt: skip


def filter_view_query(query: str) -> str:
    """Return what a view keeps of the query of an address: filters, order and columns."""
    return urlencode([one for one in parse_qsl(query) if one[0] not in DROPPED])


def save_view(visit: Visit, paths: Sequence[str]) -> str:
    """Save what a form sends of a list, in place of the view of that name; return its address. StateError for what is none."""
    path, query = visit.form.get("list", ""), filter_view_query(visit.form.get("query", "").lstrip("?"))
    if path not in paths:
        raise StateError("a view is of a list")
    if not query:
        raise StateError("choose a filter, an order or columns first: a view keeps these")
    if len(query) > LONGEST:
        raise StateError(f"a view has at most {LONGEST:,} characters")
    name, owner = visit.form.get("name", ""), visit.caller.principal.id
    kept = save_query(visit.service, f"{PLACE}{path}", name, query, owner, shared=False)
    return _build_address(visit, path, kept.query)


def remove_view(visit: Visit, paths: Sequence[str]) -> str:
    """Remove a view of the visitor; return the address of its list."""
    path, form = visit.form.get("list", ""), visit.form
    if path not in paths:
        raise StateError("a view is of a list")
    remove_query(
        visit.service, f"{PLACE}{path}", form.get("id", ""), visit.caller.principal.id, form.get("etag", "")
    )
    return _build_address(visit, path, "")


def _build_address(visit: Visit, path: str, query: str) -> str:
    """Return a view in the scope and the time range of now, which the form of the list sends along."""
    kept = [
        (name, value) for name in KEPT if (value := visit.form.get(name, "") or visit.get_query_value(name))
    ]
    query_text = urlencode([*kept, *parse_qsl(query)])
    return f"{path}?{query_text}" if query_text else path
