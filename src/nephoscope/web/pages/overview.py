"""The first page: the score and where its points are, what to fix first, open incidents, and what was not assessed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nephoscope.lake.state.incidents import IncidentStatus, Sought
from nephoscope.model.state import Severity, State
from nephoscope.posture.history import History, TrendPoint
from nephoscope.posture.published.findings import Tally, Wanted
from nephoscope.posture.scan import last_request
from nephoscope.web.page import Area, Page
from nephoscope.web.progress import trouble, under_way
from nephoscope.web.scores import score_of
from nephoscope.web.visit import Visit

READ = "Microsoft.Security/assessments/read"
INCIDENTS = "Microsoft.SecurityInsights/incidents/read"
SHOWN = 8
#: Causes of Unknown and Error in the words of a person; another is shown as it is.
SAID = {
    "not-collected": "The snapshot did not read what they are judged by",
    "no-properties": "The snapshot lists the resources without their properties",
    "not-held": "A definition that is assigned is not loaded",
    "parameter-error": "A parameter of the assignment does not fit",
    "initiative-error": "The initiative cannot be used",
}
_OPEN = (IncidentStatus.NEW, IncidentStatus.ACTIVE)
_UNKNOWN = frozenset({State.UNKNOWN.value, State.ERROR.value})


def filled(visit: Visit) -> Mapping[str, Any]:
    """What the page shows."""
    edition = visit.edition
    found: dict[str, Any] = {
        "edition": edition,
        "incidents": incidents(visit),
        "under_way": under_way(visit.instance),
        "trouble": trouble(visit.instance) if visit.caller.may(READ, "/") else "",
        "recommendations": "/recommendations",
    }
    if edition is None:
        return found
    reach = visit.reach(READ)
    states = edition.findings.states(reach)
    tallies = [one for one in edition.findings.tallies(reach) if one.unhealthy]
    return {
        **found,
        "score": score_of(edition, visit.reach("Microsoft.Security/secureScores/read")),
        "trend": trend(visit),
        "states": states,
        "resources": edition.inventory.count(reach),
        "severities": _severities(tallies),
        "causes_said": SAID,
        "tallies": tallies[:SHOWN],
        "failing": len(tallies),
        "worst": edition.findings.worst(reach, most=SHOWN),
        "causes": edition.findings.causes(reach, Wanted(states=_UNKNOWN))[:SHOWN],
        "unknown": states[State.UNKNOWN] + states[State.ERROR],
        "assessed": sum(states.values()),
    }


def _severities(tallies: Sequence[Tally]) -> list[tuple[str, int]]:
    """How many findings there are of each severity, the gravest first."""
    counts: Counter[str] = Counter()
    for one in tallies:
        counts[one.severity.value] += one.unhealthy
    return [(one.value, counts[one.value]) for one in reversed(Severity) if counts[one.value]]


def trend(visit: Visit) -> Sequence[TrendPoint]:
    """The score over time, where the whole estate is looked at."""
    request = last_request(visit.instance.data)
    if request is None or visit.chosen is not None or not visit.reach(READ).everything:
        return ()
    return [one for one in History(visit.instance.data).trend(request.series) if one.when >= visit.since]


def incidents(visit: Visit) -> list[Any] | None:
    """The newest open incidents of the scope in the workspaces that the caller may read; None where that is none."""
    found, readable = [], False
    for workspace in visit.instance.state.workspaces.all():
        if visit.caller.may(INCIDENTS, f"/workspaces/{workspace.name}"):
            readable = True
            wanted = Sought(frozenset(_OPEN), numbers=visit.incidents_of(workspace.name))
            found += visit.instance.state.incidents.listed(workspace.name, wanted, most=SHOWN)
    found.sort(key=lambda one: one.last_activity, reverse=True)
    return found[:SHOWN] if readable else None


PAGE = Page("/", "Overview", "overview.html", READ, filled, Area.TOP, 0)
