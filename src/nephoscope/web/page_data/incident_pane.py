"""Incident panes: the timeline by day, and the runs of response rules that are about an incident."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from nephoscope.web.page_data.automation_list import list_all_automations, select_readable_automations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from nephoscope.alerts.investigation.incident_details import TimelineEntry
    from nephoscope.state.automation.run_status import RunLine
    from nephoscope.web.visits.request_context import Visit


def group_by_day(moments: Sequence[TimelineEntry]) -> list[tuple[date, list[TimelineEntry]]]:
    """Group what happened, in order, by its day in UTC."""
    return [(day, list(several)) for day, several in groupby(moments, key=lambda one: one.at.date())]


def read_runs(visit: Visit, workspace: str, subjects: Sequence[str]) -> list[tuple[str, RunLine]]:
    """The runs about incidents (by number) and alerts (by id) that the visitor may read, newest first, each with its rule's name."""
    found = visit.instance.state.run_standings.list_runs_about(workspace, subjects)
    if not found:
        return []
    rules, within = select_readable_automations(list_all_automations(visit.instance), visit.caller)
    names = {one.key: one.name for one in rules}
    return [(names.get(one.rule, one.rule), one) for one in found if within is None or one.rule in within]
