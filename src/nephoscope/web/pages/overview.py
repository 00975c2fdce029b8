"""The first page: the score and where its points are, what to fix first, open incidents, and what was not assessed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from nephoscope.posture.history.history import History, TrendPoint
from nephoscope.posture.published.findings import UNJUDGED, RecommendationTally
from nephoscope.posture.published.priorities import Priority, priorities_of
from nephoscope.posture.scans.scan import last_request
from nephoscope.state import NotFoundError
from nephoscope.state.incidents.incidents import IncidentFilter, IncidentStatus
from nephoscope.web.page_data.assessment_progress import trouble, under_way
from nephoscope.web.page_data.secure_score import score_of
from nephoscope.web.page_data.suppressed_rule_counts import suppressed_rules
from nephoscope.web.rendering.formatting import STATES, cause_text
from nephoscope.web.rendering.known_names import known_names
from nephoscope.web.tables.page_tables import PageTable, file_of
from nephoscope.web.tables.recommendation_table import rank_recommendations, table
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.model.read_reach import Reach
    from nephoscope.posture.published.findings import FailingResource
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

READ = "Microsoft.Security/assessments/read"
INCIDENTS = "Microsoft.SecurityInsights/incidents/read"
SCORES = "Microsoft.Security/secureScores/read"
SHOWN, MOST_CSV = 8, 10_000
_OPEN = (IncidentStatus.NEW, IncidentStatus.ACTIVE)


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows, or one of its tables as a file."""
    snapshot = visit.snapshot
    if (
        file := file_of(visit, "overview", {name: partial(one, visit) for name, one in TABLES.items()})
    ) is not None:
        return file
    opened = incidents(visit)
    found: dict[str, object] = {
        "snapshot": snapshot,
        "incidents": opened,
        "names": known_names(visit, (one.title for one in opened or ())),
        "under_way": under_way(visit.instance),
        "trouble": trouble(visit.instance) if visit.caller.may(READ, "/") else "",
        "recommendations": "/recommendations",
        "suppressed": suppressed_rules(visit),
    }
    if snapshot is None:
        return found
    reach = visit.reach(READ)
    states = snapshot.findings.states(reach)
    first = list_failing(visit)
    return {
        **found,
        "score": score_of(snapshot, visit.reach(SCORES)),
        "trend": trend(visit),
        "resources": snapshot.inventory.count(reach),
        "stood": states,
        "severities": _severities([one.tally for one in first]),
        "first": first[:SHOWN],
        "failing": len(first),
        "worst": (worst := snapshot.findings.worst(reach, most=SHOWN)),
        "alike": _find_alike(visit, worst),
        "causes": snapshot.findings.causes(reach, UNJUDGED)[:SHOWN],
        "unknown": states.not_assessed,
        "assessed": sum(states.values()),
    }


def ahead(snapshot: PublishedSnapshot, reach: Reach) -> None:
    """Make what the page shows of a reach, as an edition keeps it."""
    score_of(snapshot, reach)
    priorities_of(snapshot).rank(reach, reach)
    snapshot.inventory.count(reach)
    snapshot.findings.states(reach)
    snapshot.findings.worst(reach, most=SHOWN)
    snapshot.findings.causes(reach, UNJUDGED)


def list_failing(visit: Visit) -> list[Priority]:
    """The recommendations that a resource fails, in the order to work on them."""
    return [one for one in rank_recommendations(visit) if one.tally.unhealthy]


def _find_alike(visit: Visit, several: Sequence[FailingResource]) -> dict[str, str]:
    """Id -> resource group and subscription, of resources that others of a list are named like."""
    inside = [one.resource for one in several if one.resource.startswith("/subscriptions/")]
    counts = Counter(map(visit.named, inside))
    return {id_: _place(visit, id_) for id_ in inside if counts[visit.named(id_)] > 1}


def _place(visit: Visit, id_: str) -> str:
    known = ResourceId.parse(id_)
    subscription = visit.subscriptions.get(known.subscription, known.subscription)
    return f"in {known.resource_group}, {subscription}" if known.resource_group else f"in {subscription}"


def _severities(tallies: Sequence[RecommendationTally]) -> list[tuple[str, int]]:
    """Count how many findings there are of each severity, the gravest first."""
    counts: Counter[str] = Counter()
    for one in tallies:
        counts[one.severity.value] += one.unhealthy
    return [(one.value, counts[one.value]) for one in reversed(Severity) if counts[one.value]]


def trend(visit: Visit) -> Sequence[TrendPoint]:
    """The score over time, where the whole estate is looked at."""
    request = last_request(visit.instance.data)
    if request is None or visit.chosen_subscriptions is not None or not visit.reach(READ).everything:
        return ()
    return [one for one in History(visit.instance.data).trend(request.series) if one.when >= visit.since]


def incidents(visit: Visit, most: int = SHOWN) -> list[Any] | None:
    """The newest open incidents of the scope in the workspaces that the caller may read; None where that is none."""
    found, readable = [], False
    for workspace in visit.instance.state.workspaces.all():
        if visit.caller.may(INCIDENTS, f"/workspaces/{workspace.name}"):
            readable = True
            wanted = IncidentFilter(frozenset(_OPEN), numbers=visit.incidents_of(workspace.name))
            found += visit.instance.state.incidents.list_sought(workspace.name, wanted, most=most)
    found.sort(key=lambda one: one.last_activity, reverse=True)
    return found[:most] if readable else None


def _controls(visit: Visit) -> PageTable:
    found = score_of(visit.snapshot, visit.reach(SCORES)).controls if visit.snapshot else ()
    return PageTable(
        ("Control", "Gain", "Unhealthy", "Assessed", "Healthy", "Not assessed"),
        (
            [
                one.name,
                round(one.gain, 2),
                one.unhealthy,
                one.assessed,
                one.healthy,
                one.not_assessed,
            ]
            for one in found
        ),
    )


def _resources(visit: Visit) -> PageTable:
    found = visit.snapshot.findings.worst(visit.reach(READ), most=MOST_CSV) if visit.snapshot else []
    rows = ([one.resource, one.grave, one.failing, one.tenant] for one in found)
    return PageTable(("Resource", "Critical, high", "All", "Tenant"), rows)


def _causes(visit: Visit) -> PageTable:
    found = visit.snapshot.findings.causes(visit.reach(READ), UNJUDGED) if visit.snapshot else []
    return PageTable(
        ("Count", "Why", "State"),
        ([count, cause_text(cause, state), STATES[state]] for state, cause, count in found),
    )


def _incidents(visit: Visit) -> PageTable:
    found = incidents(visit, MOST_CSV)
    if found is None:
        raise NotFoundError("your roles do not include a workspace")
    return PageTable(
        ("Severity", "Incident", "Title", "Last activity", "Status", "Workspace"),
        ([one.severity, one.number, one.title, one.last_activity.isoformat(), one.status.value, one.workspace]
         for one in found),
    )  # fmt: skip


TABLES: Mapping[str, Callable[[Visit], PageTable]] = {
    "first": lambda visit: table(list_failing(visit)),
    "controls": _controls,
    "incidents": _incidents,
    "resources": _resources,
    "not-assessed": _causes,
}
"""Complete tables of the page."""
PAGE = Page("/", "Overview", "overview.html", READ, fill_page, PageArea.TOP, 0, ahead=ahead)
