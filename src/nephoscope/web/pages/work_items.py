"""Work items: findings of default branches over their whole life, open until a run no longer finds them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from nephoscope.service.pipelines import READ, list_readable_repositories
from nephoscope.state.estate.pipeline_records import WorkItem, WorkItemFilter
from nephoscope.web.lists.list_view import ROWS, show_page
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.query_facets import count_facets, read_chosen_values
from nephoscope.web.lists.work_item_list import build_item_facets, build_item_filter, build_item_list
from nephoscope.web.pages.pipelines import open_items
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

HEADER = (
    "Status",
    "Severity",
    "Repository",
    "File",
    "Line",
    "Finding",
    "Rule",
    "Subject",
    "Opened",
    "Closed",
    "Reopened",
    "Id",
)


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list: open items unless the address asks for others."""
    names = {one.name: one.shown for one in list_readable_repositories(visit.service)}
    held, facets, text = visit.instance.state.pipelines, build_item_facets(names), visit.get_query_value("q")
    which, order = (
        build_item_filter(read_chosen_values(visit, facets), names, text),
        visit.get_query_value("sort"),
    )
    if visit.get_query_value("format") == "csv":
        return build_csv_response(
            "work-items", HEADER, map(_build_row, held.list_item_page(which, order=order))
        )
    start = compute_page_start(visit)
    counted = count_facets(
        visit, facets, lambda name, chosen: held.count_items(build_item_filter(chosen, names, text), name)
    )
    page, total = (
        held.list_item_page(which, start, ROWS, order),
        sum(held.count_items(which, "status").values()),
    )
    return {
        "list": show_page(visit, build_item_list(visit, names), page, counted, total, start),
        "any": bool(held.count_items(WorkItemFilter(list(names)), "status")),
    }


def _build_row(one: WorkItem) -> tuple[object, ...]:
    return (
        one.status.value, one.severity, one.repository, one.file, one.line, one.title, one.rule, one.subject, one.opened, one.closed,
        one.reopened, one.id,
    )  # fmt: skip


PAGES = (
    Page(
        "/work-items", "Work items", "work_items.html", READ, fill_page, PageArea.POSTURE, 31, count=open_items, repositories=True,
        under_scope=SAME,
    ),
)  # fmt: skip
