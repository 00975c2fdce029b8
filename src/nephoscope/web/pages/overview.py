"""The first page: how the estate stands and why that moved, open incidents, changes since yesterday, alerts, and what to fix first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from nephoscope.posture.history.history import TrendPoint
from nephoscope.posture.published.findings import UNJUDGED
from nephoscope.posture.published.priorities import Priority, build_priorities
from nephoscope.state import NotFoundError
from nephoscope.web.page_data.alert_timeline import count_alerts, draw_alerts
from nephoscope.web.page_data.assessment_progress import describe_staleness, find_current_assessment
from nephoscope.web.page_data.exposed_resources import find_exposed_resources
from nephoscope.web.page_data.open_incidents import list_open, read_open_incidents
from nephoscope.web.page_data.score_changes import (
    has_score_history,
    read_evaluations,
    read_moves,
    summarize_moves,
)
from nephoscope.web.page_data.secure_score import compute_weighted_score
from nephoscope.web.page_data.setup_steps import list_setup_steps
from nephoscope.web.page_data.source_states import read_source_states
from nephoscope.web.page_data.suppressed_rule_counts import count_suppressed_rules
from nephoscope.web.rendering import charts
from nephoscope.web.rendering.formatting import STATES, describe_cause_or_state
from nephoscope.web.rendering.resolved_names import map_incident_names
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.recommendation_table import PATHS, build_recommendation_table, rank_recommendations
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.findings import FailingResource
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

READ = "Microsoft.Security/assessments/read"
SCORES = "Microsoft.Security/secureScores/read"
SHOWN, MOST_CSV = 8, 10_000


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows, or one of its tables as a file."""
    snapshot = visit.snapshot
    if (
        file := download_table(visit, "overview", {name: partial(one, visit) for name, one in TABLES.items()})
    ) is not None:
        return file
    opened = read_open_incidents(visit, SHOWN)
    found: dict[str, object] = {
        "snapshot": snapshot,
        "incidents": opened,
        "bars": [(name.lower(), count) for name, count in opened.severities.items()] if opened else [],
        "names": map_incident_names(visit, opened.newest if opened else ()),
        "alerts": (alerts := count_alerts(visit)),
        "columns": draw_alerts(alerts) if alerts is not None and alerts.total else "",
        "sources": read_source_states(visit),
        "under_way": find_current_assessment(visit.instance),
        "trouble": describe_staleness(visit.instance, whole=visit.caller.is_permitted(READ, "/")),
        "suppressed": count_suppressed_rules(visit),
    }
    if snapshot is not None:
        return {**found, **_show_posture(visit, snapshot)}
    return {**found, "steps": list_setup_steps(visit)}


def _show_posture(visit: Visit, snapshot: PublishedSnapshot) -> dict[str, object]:
    """What the last assessment found, and what moved since yesterday."""
    reach, first, moves = visit.reach(READ), list_failing_recommendations(visit), read_moves(visit)
    states = snapshot.findings.states(reach)
    paths = snapshot.attack_paths.list_wanted(visit.reach(PATHS))
    score = compute_weighted_score(snapshot, visit.reach(SCORES))
    return {
        "score": score,
        "band": charts.choose_score_band(score.share) if score.share is not None else "",
        "trend": list_trend_points(visit),
        "moves": moves,
        "moved": summarize_moves(visit, moves) if moves else [],
        "tells_score": has_score_history(visit),
        "paths": paths,
        "grave_paths": [one for one in paths if one.level.rank >= Severity.HIGH.rank],
        "exposed": find_exposed_resources(snapshot, reach),
        "resources": snapshot.inventory.count(reach),
        "stood": states,
        "first": first[:SHOWN],
        "failing": len(first),
        "worst": (worst := snapshot.findings.worst_resources(reach, most=SHOWN)),
        "alike": _find_same_names(visit, worst),
        "causes": snapshot.findings.causes(reach, UNJUDGED)[:SHOWN],
        "unknown": states.not_assessed,
        "assessed": sum(states.values()),
    }


def warm_overview(snapshot: PublishedSnapshot, reach: Reach) -> None:
    """Make what the page shows of a reach, as an edition keeps it."""
    compute_weighted_score(snapshot, reach)
    build_priorities(snapshot).rank(reach, reach)
    snapshot.inventory.count(reach)
    snapshot.findings.states(reach)
    snapshot.findings.worst_resources(reach, most=SHOWN)
    snapshot.findings.causes(reach, UNJUDGED)
    find_exposed_resources(snapshot, reach)


def list_failing_recommendations(visit: Visit) -> list[Priority]:
    """The recommendations that a resource fails, in the order to work on them."""
    return [one for one in rank_recommendations(visit) if one.tally.unhealthy]


def _find_same_names(visit: Visit, several: Sequence[FailingResource]) -> dict[str, str]:
    """Id -> resource group and subscription, of resources that others of a list are named like."""
    inside = [one.resource for one in several if one.resource.startswith("/subscriptions/")]
    counts = Counter(map(visit.name_resource, inside))
    return {id_: _describe_place(visit, id_) for id_ in inside if counts[visit.name_resource(id_)] > 1}


def _describe_place(visit: Visit, id_: str) -> str:
    known = ResourceId.parse(id_)
    subscription = visit.subscriptions.get(known.subscription, known.subscription)
    return f"in {known.resource_group}, {subscription}" if known.resource_group else f"in {subscription}"


def list_trend_points(visit: Visit) -> Sequence[TrendPoint]:
    """The score over time, where the whole estate is looked at."""
    if not has_score_history(visit):
        return ()
    known = [one for one in read_evaluations(visit) if one.when >= visit.since]
    return [TrendPoint(one.when, one.percentage) for one in known if one.percentage is not None]


def _build_controls(visit: Visit) -> PageTable:
    found = compute_weighted_score(visit.snapshot, visit.reach(SCORES)).controls if visit.snapshot else ()
    return PageTable(
        ("Control", "Gain", "Unhealthy", "Assessed", "Healthy", "Not assessed"),
        (
            [
                one.name,
                round(one.gain, 2),
                one.unhealthy,
                one.assessed_count,
                one.healthy,
                one.not_assessed,
            ]
            for one in found
        ),
    )


def _build_resources(visit: Visit) -> PageTable:
    found = (
        visit.snapshot.findings.worst_resources(visit.reach(READ), most=MOST_CSV) if visit.snapshot else []
    )
    rows = ([one.resource, one.grave, one.failing, one.tenant] for one in found)
    return PageTable(("Resource", "Critical, high", "All", "Tenant"), rows)


def _build_causes(visit: Visit) -> PageTable:
    found = visit.snapshot.findings.causes(visit.reach(READ), UNJUDGED) if visit.snapshot else []
    return PageTable(
        ("Count", "Why", "State"),
        ([count, describe_cause_or_state(cause, state), STATES[state]] for state, cause, count in found),
    )


def _build_incidents(visit: Visit) -> PageTable:
    found = list_open(visit, MOST_CSV)
    if found is None:
        raise NotFoundError("your roles do not include a workspace")
    return PageTable(
        ("Severity", "Incident", "Title", "Last activity", "Status", "Workspace"),
        ([one.severity, one.number, one.title, one.last_activity.isoformat(), one.status.value, one.workspace]
         for one in found),
    )  # fmt: skip


TABLES: Mapping[str, Callable[[Visit], PageTable]] = {
    "first": lambda visit: build_recommendation_table(list_failing_recommendations(visit)),
    "controls": _build_controls,
    "incidents": _build_incidents,
    "resources": _build_resources,
    "not-assessed": _build_causes,
}
"""Complete tables of the page."""
PAGE = Page(
    "/", "Overview", "overview.html", READ, fill_page, PageArea.TOP, 0, ahead=warm_overview, timed=True
)
