"""Late rows: those that come when the window they belong to was run already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.finding import findings
from nephoscope.alerts.rows import ALERTS, INCIDENTS
from nephoscope.alerts.rule import Rule
from nephoscope.alerts.window import ends
from nephoscope.lake.span import Span
from nephoscope.lake.store import existing

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.lake.lake import Lake

OVERLAP = timedelta(minutes=5)
"""How long a row may take from its _IngestedAt to where it is seen: what came in this time is looked at twice."""
GRAIN = "5m"


def late(
    lake: Lake, data: Path, workspace: str, since: datetime, now: datetime, behind: timedelta
) -> dict[str, list[datetime]]:
    """Table -> the times (in steps of GRAIN) of the rows that came since a moment, none older than `behind`."""
    span = Span(now - behind, now, now, since - OVERLAP)
    found = {}
    for _, table in existing(data, workspace):
        if table.startswith("_") or table in (ALERTS, INCIDENTS) or table not in lake.tables:
            continue
        text = f"table('{table}') | summarize by TimeGenerated=bin(TimeGenerated, {GRAIN})"
        rows = findings(lake.rows(text, workspace=workspace, now=now, span=span))
        moments = sorted(moment for row in rows for moment in row.moments())
        if moments:
            found[table] = moments
    return found


def again(
    rule: Rule, tables: frozenset[str], came: Mapping[str, list[datetime]], until: datetime
) -> list[datetime]:
    """The ends of the windows of a rule, run already (the last one ended at `until`), in which late rows are news."""
    moments = {moment for table in tables for moment in came.get(table, ())}
    firsts = {next(ends(rule, moment, moment + rule.frequency), None) for moment in moments}
    return sorted(end for end in firsts if end is not None and end <= until)
