"""Help: the documentation that is shipped with the server."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.web.rendering.guide_pages import group_guides, read_guide
from nephoscope.web.visits.page import EVERYBODY, SAME, Page
from nephoscope.web.visits.request_context import Visit


def fill_page(_: Visit) -> Mapping[str, object]:
    """Return the guides by area."""
    return {"guides": group_guides(), "guide": "", "title": "Help"}


def show_guide(visit: Visit) -> Mapping[str, object]:
    """Return a page of the documentation."""
    title, guide = read_guide(visit.parameters["name"])
    return {"guides": {}, "guide": guide, "title": title}


PAGES = (
    Page("/help", "Help", "help.html", EVERYBODY, fill_page, under_scope=SAME),
    Page("/help/{name:path}", "Help", "help.html", EVERYBODY, show_guide, under_scope=SAME),
)
