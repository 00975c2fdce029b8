"""Open incidents of the scope in the workspaces that a visitor may read: how many, whose, and the newest of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.state.incidents.incident_counts import count_alerts, count_incidents
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope_policy.model.state import SEVERITIES_OF_INCIDENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from nephoscope.state.incidents.incidents import Incident
    from nephoscope.web.visits.request_context import Visit

READ = "Microsoft.SecurityInsights/incidents/read"
OPEN = frozenset({IncidentStatus.NEW, IncidentStatus.ACTIVE})


@dataclass(frozen=True, slots=True)
class OpenIncidents:
    """Counts by severity (the gravest first), how many have no owner, when the oldest was made, and the newest."""

    severities: Mapping[str, int]
    unassigned: int
    oldest: datetime | None
    newest: Sequence[Incident]
    alerts: Mapping[int, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.severities.values())


def read_open_incidents(visit: Visit, most: int) -> OpenIncidents | None:
    """The open incidents of the scope; None where the visitor may read no workspace."""
    newest = list_open(visit, most)
    if newest is None:
        return None
    database = visit.instance.state.database
    tallies = [
        one
        for name in visit.workspaces(READ)
        for one in count_incidents(database, name, _open_filter(visit, name))
    ]
    counts = Counter[str]()
    for one in tallies:
        counts[one.severity] += one.count
    return OpenIncidents(
        {one.value: counts[one.value] for one in SEVERITIES_OF_INCIDENTS if counts[one.value]},
        sum(one.count for one in tallies if not one.owned),
        min((one.oldest for one in tallies), default=None),
        newest,
        count_alerts(database, [one.number for one in newest]),
    )


def list_open(visit: Visit, most: int) -> list[Incident] | None:
    """List those of the latest activity; None where the visitor may read no workspace."""
    workspaces = visit.workspaces(READ)
    if not workspaces:
        return None
    state = visit.instance.state
    found = [
        one
        for name in workspaces
        for one in state.incidents.list_matching_incidents(name, _open_filter(visit, name), most=most)
    ]
    return sorted(found, key=lambda one: one.last_activity, reverse=True)[:most]


def _open_filter(visit: Visit, workspace: str) -> IncidentFilter:
    return IncidentFilter(frozenset(OPEN), numbers=visit.list_incidents_in_scope(workspace))
