"""The list of rules: how each stands, with its alerts of the time range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.rule_overview import (
    BEHIND,
    DISABLED,
    FAILING,
    NEVER,
    OFF,
    OK,
    RETRYING,
    SUPPRESSED,
)
from nephoscope.state.incidents.alert_counts import AlertTally
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_relative_time_column, build_text_column
from nephoscope.web.lists.list_cell import (
    CellMark,
    ListCell,
    build_number_cell,
    build_state_cell,
    build_text_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet
from nephoscope.web.rendering.display_names import format_tactics
from nephoscope.web.rendering.formatting import spell_duration

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

TONES = {
    OK: "pass",
    FAILING: "error",
    DISABLED: "error",
    RETRYING: "error",
    SUPPRESSED: "unknown",
    OFF: "",
    NEVER: "unknown",
}
ORDER = (DISABLED, FAILING, RETRYING, BEHIND, SUPPRESSED, OK, NEVER, OFF)
SUPPRESSIONS = {"all": "All alerts", "in part": "Some alerts", "none": "Not suppressed"}


@dataclass(frozen=True, slots=True)
class ListedRule:
    """A rule with its row of the overview and its alerts of the time range."""

    rule: AnalyticRule
    status: str
    suppressed: str
    last_run: datetime | None
    next_run: datetime | None
    seconds: float | None
    error: str
    tally: AlertTally
    row: Mapping[str, object]


def build_rule_list(visit: Visit, workspace: str) -> RowList[ListedRule]:
    """Describe the list of a workspace."""

    def get_page_path(one: ListedRule) -> str:
        return visit.link(f"/rules/{one.rule.id}", workspace=workspace)

    def build_alerts_cell(one: ListedRule) -> ListCell:
        return build_number_cell(one.tally.raised, f"{get_page_path(one)}#alerts" if one.tally.raised else "")

    return RowList(
        "rules", "rule",
        (
            ListColumn("status", "Status", _build_status_cell, optional=True),
            ListColumn("rule", "Rule", lambda one: build_text_cell(one.rule.name, get_page_path(one)), main=True, width="title"),
            build_severity_column(lambda one: one.rule.severity.value, optional=True),
            ListColumn("frequency", "Frequency", _build_frequency_cell, optional=True, shown=False, width="short"),
            build_relative_time_column("last", "Last run", lambda one: one.last_run),
            ListColumn("alerts", "Alerts", build_alerts_cell, number=True, width="count", hint="Alerts with events in the time range"),
            ListColumn(
                "false", "False positives", _build_false_share_cell, number=True, optional=True, width="ago",
                hint="Share of alerts in closed incidents",
            ),
            build_text_column("error", "Error", lambda one: one.error, shown=False),
            ListColumn("seconds", "Seconds", _build_seconds_cell, number=True, optional=True, shown=False),
            build_relative_time_column("next", "Next run", lambda one: one.next_run, shown=False),
            build_text_column("tactics", "Tactics", lambda one: format_tactics(", ".join(one.rule.tactics)), shown=False),
            build_text_column("kind", "Kind", lambda one: one.rule.kind.value, shown=False, width="short"),
        ),
        lambda one: one.rule.id,
        (
            RowFacet("status", "Status", lambda one: (one.status,), name_status, order=ORDER),
            build_severity_facet(lambda one: one.rule.severity.value),
            RowFacet("suppressed", "Suppression", lambda one: (one.suppressed or "none",), lambda one: SUPPRESSIONS.get(one, one)),
            RowFacet("tactic", "Tactic", lambda one: one.rule.tactics, format_tactics),
            RowFacet("kind", "Kind", lambda one: (one.rule.kind.value,)),
        ),
        lambda one: one.rule.name,
        about_of=lambda one: one.rule.description,
        hint="Name",
    )  # fmt: skip


def name_status(status: str) -> str:
    """Return the status of a rule in words that begin with a capital."""
    return "OK" if status == OK else status.capitalize()


def _build_status_cell(one: ListedRule) -> ListCell:
    marks: tuple[CellMark, ...] = ()
    if one.suppressed == "in part":
        marks = (CellMark("partly suppressed"),)
    elif one.suppressed and one.status != SUPPRESSED:
        marks = (CellMark("suppressed"),)
    place = ORDER.index(one.status) if one.status in ORDER else len(ORDER)
    return build_state_cell(
        name_status(one.status), TONES.get(one.status, ""), whole=one.error, marks=marks, order=float(place)
    )


def _build_frequency_cell(one: ListedRule) -> ListCell:
    return ListCell(spell_duration(one.rule.frequency), order=one.rule.frequency.total_seconds())


def _build_seconds_cell(one: ListedRule) -> ListCell:
    return build_number_cell(one.seconds, text="" if one.seconds is None else f"{one.seconds:g}")


def _build_false_share_cell(one: ListedRule) -> ListCell:
    tally = one.tally
    return build_number_cell(
        tally.false_share if tally.closed else None,
        text=f"{tally.false} of {tally.closed}" if tally.closed else "–",
    )
