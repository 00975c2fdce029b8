"""The list of images: where each stands in its registry, and what was found in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from nephoscope.service.image_overview import STATUS_WORDS, ImageOverview
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_number_column, build_relative_time_column
from nephoscope.web.lists.list_cell import (
    NONE,
    ListCell,
    build_number_cell,
    build_state_cell,
    build_text_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.page_data.image_facts import count_unassessed_packages

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

TONES = {
    "Promoted": "pass",
    "Passed": "pass",
    "Rejected": "error",
    "Failed": "error",
    "Held": "fail",
    "Queued": "new",
}
#: Name of the column -> title and what is counted of an image.
PROBLEMS = {
    "malware": ("Malware", "Malware"),
    "secrets": ("Secrets", "Secrets"),
    "config": ("Config", "Configuration"),
}


def build_image_list(
    visit: Visit,
    severities: Callable[[ImageOverview], Mapping[str, int] | None],
    problems: Callable[[ImageOverview], Mapping[str, int | None] | None],
) -> RowList[ImageOverview]:
    """Describe the list; what counts findings is asked of the images of a page alone, so no order is by them."""

    def build_title_cell(one: ImageOverview) -> ListCell:
        name = f"{one.repository}:{one.tags[-1]}" if one.tags else one.repository
        return build_text_cell(name, visit.link(f"/images/{one.digest}"), whole=f"{one.name} {one.digest}")

    def make_severity_cell(name: str) -> Callable[[ImageOverview], ListCell]:
        def build_cell(one: ImageOverview) -> ListCell:
            found = severities(one)
            return build_number_cell(None, text=NONE if found is None else f"{found[name]:,}")

        return build_cell

    def count_cell(name: str) -> Callable[[ImageOverview], ListCell]:
        def build_cell(one: ImageOverview) -> ListCell:
            found = problems(one)
            count = None if found is None else found.get(name, 0)
            return build_number_cell(count)

        return build_cell

    return RowList(
        "images", "image",
        (
            ListColumn("status", "Status", _build_status_cell, width="state"),
            ListColumn("image", "Image", build_title_cell, main=True),
            ListColumn("registry", "Registry", lambda one: build_text_cell(one.server), optional=True, shown=False),
            ListColumn("critical", "Critical", make_severity_cell("Critical"), number=True, width="count", sorted=False,
                       hint="Critical vulnerabilities"),
            ListColumn("high", "High", make_severity_cell("High"), number=True, width="count", optional=True, sorted=False,
                       hint="High vulnerabilities"),
            *(
                ListColumn(name, head, count_cell(of), number=True, width="count", optional=True, sorted=False)
                for name, (head, of) in PROBLEMS.items()
            ),
            ListColumn("unassessed", "Unassessed", lambda one: build_number_cell(count_unassessed_packages(one)), number=True,
            optional=True, shown=False,
                       hint="Packages not assessed"),
            build_relative_time_column("scanned", "Scanned", lambda one: one.scanned_at, "Not yet"),
            ListColumn("digest", "Digest", lambda one: build_text_cell(one.digest[:19], whole=one.digest), optional=True, shown=False),
            build_number_column("running", "Running in", lambda one: len(one.running), hint="Clusters and services"),
        ),
        lambda one: f"{one.server}/{one.repository}@{one.digest}",
        (
            RowFacet("status", "Status", lambda one: (one.status,), lambda one: STATUS_WORDS.get(one, one), order=tuple(STATUS_WORDS)),
            RowFacet("registry", "Registry", lambda one: (one.server,)),
            RowFacet("running", "Workloads", _list_running_values, lambda one: "Running" if one == "1" else "Not running"),
            RowFacet("scanned", "Scan", lambda one: ("Scanned" if one.scanned_at else "Not scanned yet",)),
            RowFacet("repository", "Repository", lambda one: (one.repository,)),
        ),
        hint="Name, tag or digest", about_of=lambda one: one.registered.error if one.registered else "",
    )  # fmt: skip


def _list_running_values(one: ImageOverview) -> tuple[str, ...]:
    return ("1" if one.running else "0",)


def _build_status_cell(one: ImageOverview) -> ListCell:
    order = float(list(STATUS_WORDS).index(one.status))
    whole = one.registered.error if one.registered else ""
    return build_state_cell(STATUS_WORDS[one.status], TONES.get(one.status, ""), whole=whole, order=order)
