"""The list of work items: findings of default branches, open until a run no longer finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nephoscope.state.estate.pipeline_records import WorkItem, WorkItemFilter, WorkItemStatus
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column, build_time_column
from nephoscope.web.lists.list_cell import CellMark, ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.query_facets import Chosen, QueryFacet
from nephoscope.web.lists.severity_column import ORDER, build_severity_column
from nephoscope.web.rendering.formatting import count_text

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

TONES = {WorkItemStatus.OPEN: "fail", WorkItemStatus.FIXED: "pass"}


def build_item_facets(names: Mapping[str, str]) -> tuple[QueryFacet, ...]:
    """Return what work items are narrowed by; `names` are the repositories as people write them."""
    statuses = [one.value for one in WorkItemStatus]
    return (
        QueryFacet("status", "Status", order=statuses, default=frozenset({WorkItemStatus.OPEN.value})),
        QueryFacet("severity", "Severity", order=ORDER),
        QueryFacet("repository", "Repository", lambda one: names.get(one, one)),
        QueryFacet("tool", "Tool"),
    )


def build_item_filter(chosen: Chosen, names: Mapping[str, str], text: str) -> WorkItemFilter:
    """Return what the chosen values ask for, of the repositories that may be read."""
    wanted = {one.lower() for one in chosen["repository"]}
    readable = [one for one in names if not wanted or one in wanted]
    return WorkItemFilter(readable, chosen["status"], chosen["severity"], text, chosen["tool"])


def build_item_list(visit: Visit, names: Mapping[str, str]) -> RowList[WorkItem]:
    """Describe the list."""

    def build_title_cell(one: WorkItem) -> ListCell:
        return build_text_cell(
            one.title, visit.link(f"/pipelines/runs/{one.seen_run}", q=one.file or one.rule)
        )

    def build_repository_cell(one: WorkItem) -> ListCell:
        shown = names.get(one.repository, one.repository)
        return build_text_cell(shown, visit.link(f"/pipelines/repository/{one.repository}"), note=one.tool)

    def build_subject_cell(one: WorkItem) -> ListCell:
        is_resource = one.subject.startswith("/subscriptions/")
        link = visit.link(f"/resource{one.subject}") if is_resource else ""
        return build_text_cell(one.subject.rsplit("/", 1)[-1], link, whole=one.subject)

    return RowList(
        "work-items", "work item",
        (
            ListColumn("status", "Status", _build_status_cell, width="state"),
            build_severity_column(lambda one: one.severity),
            ListColumn("title", "Finding", build_title_cell, main=True, width="title"),
            build_text_column("file", "File", lambda one: f"{one.file}:{one.line}" if one.file else ""),
            ListColumn("repository", "Repository", build_repository_cell, optional=True),
            ListColumn("subject", "Subject", build_subject_cell, optional=True, sorted=False, shown=False),
            build_text_column("rule", "Rule", lambda one: one.rule, sorted=False, shown=False),
            build_time_column("opened", "Opened", lambda one: one.opened),
            build_time_column("closed", "Closed", lambda one: one.closed, shown=False),
        ),
        lambda one: one.id,
    )  # fmt: skip


def _build_status_cell(one: WorkItem) -> ListCell:
    marks = (
        (CellMark("reopened", title=f"{count_text(one.reopened, 'time')} reopened"),) if one.reopened else ()
    )
    return build_state_cell(one.status.value, TONES.get(one.status, ""), marks=marks)
