"""Work items: findings of default branches over their whole life, open until a run no longer finds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from nephoscope.service.pipelines import READ, readable_repositories
from nephoscope.state.estate.pipelines import WorkItem, WorkItemStatus
from nephoscope.web.pages.pipelines import ROWS, SEVERITIES, open_items
from nephoscope.web.pages.recommendations import page_start
from nephoscope.web.tables.download import as_csv
from nephoscope.web.visits.page import SAME, Area, Page
from nephoscope.web.visits.visit import Visit

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


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """Fill the list: open items unless the address asks for others."""
    repositories = readable_repositories(visit.service)
    wanted = visit.asked("repository").lower()
    names = [one.name for one in repositories if not wanted or one.name == wanted]
    every = visit.instance.state.pipelines.items(names)
    chosen = visit.several("status") or frozenset({WorkItemStatus.OPEN.value})
    severities = visit.several("severity")
    stated = [one for one in every if one.status.value in chosen]
    shown = sorted((one for one in stated if _fits(visit, one)), key=_order)
    if visit.asked("format") == "csv":
        return as_csv("work-items", HEADER, map(_row, shown))
    start = page_start(visit)
    return {
        "items": shown[start : start + ROWS], "total": len(shown), "start": start, "rows": ROWS, "any": bool(every), "wanted": wanted,
        "repositories": repositories, "chosen": chosen, "chosen_severities": severities, "text": visit.asked("q"),
        "shown_names": {one.name: one.shown for one in repositories},
        "statuses": _counted((one.status.value for one in every), [one.value for one in WorkItemStatus]),
        "severities": _counted((one.severity for one in stated), SEVERITIES),
    }  # fmt: skip


def _fits(visit: Visit, one: WorkItem) -> bool:
    severities = visit.several("severity")
    words = f"{one.title} {one.rule} {one.file} {one.subject} {one.tool}".lower()
    return (not severities or one.severity in severities) and visit.asked("q").lower() in words


def _order(one: WorkItem) -> tuple[int, int, float, str]:
    status = list(WorkItemStatus).index(one.status)
    severity = SEVERITIES.index(one.severity) if one.severity in SEVERITIES else len(SEVERITIES)
    return status, severity, -one.opened.timestamp(), one.id


def _counted(names: Iterable[str], order: Iterable[str]) -> dict[str, int]:
    counts = Counter(names)
    return {name: counts[name] for name in order if counts[name]}


def _row(one: WorkItem) -> tuple[Any, ...]:
    return (
        one.status.value, one.severity, one.repository, one.file, one.line, one.title, one.rule, one.subject, one.opened, one.closed,
        one.reopened, one.id,
    )  # fmt: skip


PAGES = (
    Page(
        "/work-items", "Work items", "work_items.html", READ, filled, Area.POSTURE, 31, count=open_items, repositories=True,
        under_scope=SAME,
    ),
)  # fmt: skip
