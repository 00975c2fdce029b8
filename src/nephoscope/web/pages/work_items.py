"""Work items: findings of default branches over their whole life, open until a run no longer finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.responses import Response

from nephoscope.service.pipelines import READ, readable_repositories
from nephoscope.state.estate.pipelines import WorkItem, WorkItemFilter, WorkItemStatus
from nephoscope.web.pages.pipelines import ROWS, SEVERITIES, open_items
from nephoscope.web.pages.recommendations import page_start
from nephoscope.web.tables.table_download import as_csv
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
    repositories = readable_repositories(visit.service)
    wanted = visit.asked("repository").lower()
    names = [one.name for one in repositories if not wanted or one.name == wanted]
    held = visit.instance.state.pipelines
    chosen = visit.several("status") or frozenset({WorkItemStatus.OPEN.value})
    severities, text = visit.several("severity"), visit.asked("q")
    which = WorkItemFilter(names, chosen, severities, text)
    if visit.asked("format") == "csv":
        return as_csv("work-items", HEADER, map(_row, held.item_page(which)))
    statuses = held.item_counts(WorkItemFilter(names), "status")
    start = page_start(visit)
    return {
        "items": held.item_page(which, start, ROWS), "total": sum(held.item_counts(which, "status").values()), "start": start,
        "rows": ROWS, "any": bool(statuses), "wanted": wanted, "repositories": repositories, "chosen": chosen,
        "chosen_severities": severities, "text": text, "shown_names": {one.name: one.shown for one in repositories},
        "statuses": _order_counts(statuses, [one.value for one in WorkItemStatus]),
        "severities": _order_counts(held.item_counts(WorkItemFilter(names, chosen), "severity"), SEVERITIES),
    }  # fmt: skip


def _order_counts(counts: Mapping[str, int], order: Iterable[str]) -> dict[str, int]:
    return {name: counts[name] for name in order if counts.get(name)}


def _row(one: WorkItem) -> tuple[object, ...]:
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
