"""The lists of automations: what is told when something changes, and every run with its reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from nephoscope.model.resource_names import shorten_name
from nephoscope.state.automation.automation_runs import RunStatus
from nephoscope.state.automation.run_status import NEWEST, RunFilter, RunLine
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import (
    build_number_column,
    build_relative_time_column,
    build_text_column,
)
from nephoscope.web.lists.list_cell import (
    ListCell,
    build_code_cell,
    build_number_cell,
    build_state_cell,
    build_text_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.query_facets import Chosen, QueryFacet
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.page_data.automation_list import AutomationListing

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: What the address says where the runs are listed.
RUNS = "runs"
_TONES = {RunStatus.DEAD: "error", RunStatus.DONE: "pass"}


def describe_scopes(visit: Visit, one: AutomationListing) -> str:
    """Name what an automation is bound to, '' for everywhere."""
    return ", ".join(visit.name_resource(scope) for scope in one.where)


def build_automation_list(visit: Visit) -> RowList[AutomationListing]:
    """Describe the list of automations and rules."""

    def runs(one: AutomationListing, status: str | None = None) -> str:
        return visit.link("/automations", show=RUNS, rule=one.key, status=status)

    def build_name_cell(one: AutomationListing) -> ListCell:
        return build_text_cell(one.name, runs(one) if one.runs.runs else "", note=one.kind)

    def count_failed(one: AutomationListing) -> ListCell:
        return build_number_cell(one.runs.dead, runs(one, RunStatus.DEAD.value) if one.runs.dead else "")

    def build_status_cell(one: AutomationListing) -> ListCell:
        return build_state_cell(one.status, "pass" if one.status == "on" else "error" if one.wrong else "")

    return RowList(
        "automations", "automation",
        (
            ListColumn("name", "Name", build_name_cell, main=True, width="title"),
            build_text_column("trigger", "Trigger", lambda one: ", ".join(one.triggers)),
            build_text_column("actions", "Actions", lambda one: ", ".join(one.does), shown=False),
            build_text_column("place", "Scope", lambda one: describe_scopes(visit, one) or "everywhere", shown=False),
            ListColumn("state", "Status", build_status_cell, width="state"),
            build_relative_time_column("last", "Last run", lambda one: one.runs.last, "never"),
            build_number_column("waiting", "Waiting", lambda one: one.runs.open, shown=False),
            ListColumn("failed", "Failed", count_failed, number=True),
            build_text_column("error", "Error", lambda one: one.reason),
        ),
        lambda one: one.key,
        (
            RowFacet("state", "Status", lambda one: (one.status,), str.capitalize),
            RowFacet("kind", "Kind", lambda one: (one.kind,), str.capitalize),
            RowFacet("trigger", "Trigger", lambda one: one.triggers),
        ),
        lambda one: f"{one.name} {one.key} {one.reason}", hint="Name, id or error", about_of=lambda one: one.reason,
    )  # fmt: skip


def build_run_facets(names: Mapping[str, str]) -> tuple[QueryFacet, ...]:
    """Return what runs are narrowed by; `names` are those of the rules."""
    return (
        QueryFacet("status", "Status", str.capitalize, [one.value for one in RunStatus]),
        QueryFacet("kind", "Event"),
        QueryFacet("rule", "Automation", lambda one: names.get(one, one)),
    )


def build_run_filter(visit: Visit, chosen: Chosen, within: Collection[str] | None) -> RunFilter:
    """Return what the chosen values ask for, of the rules whose runs may be read."""
    return RunFilter(within, chosen["rule"], chosen["status"], chosen["kind"], visit.get_query_value("q"))


def build_run_list(names: Mapping[str, str]) -> RowList[RunLine]:
    """Describe the list of runs."""

    def build_name_cell(one: RunLine) -> ListCell:
        return build_text_cell(names.get(one.rule, one.rule), note=one.action)

    def build_subject_cell(one: RunLine) -> ListCell:
        return build_text_cell(
            shorten_name(one.subject) if one.subject.startswith("/") else one.subject, whole=one.subject
        )

    return RowList(
        "automation-runs", "run",
        (
            ListColumn("name", "Name", build_name_cell, main=True, sorted=False, width="title"),
            build_relative_time_column("changed", "Changed", lambda one: one.changed),
            build_text_column("kind", "Event", lambda one: one.kind),
            ListColumn("subject", "Entities", build_subject_cell, optional=True, sorted=False),
            ListColumn("status", "Status", lambda one: build_state_cell(one.status.value, _TONES.get(one.status, "")), width="state"),
            build_number_column("attempts", "Attempts", lambda one: one.attempts, shown=False),
            build_text_column("result", "Result", lambda one: one.detail, sorted=False),
            ListColumn("id", "ID", _build_id_cell, optional=True, sorted=False, shown=False, width="short"),
            build_text_column("workspace", "Workspace", lambda one: one.workspace, sorted=False, shown=False),
        ),
        lambda one: f"{one.workspace} {one.id}", hint="Entity, result or id", order=NEWEST,
    )  # fmt: skip


def _build_id_cell(one: RunLine) -> ListCell:
    return build_code_cell(one.id[:12], one.id)
