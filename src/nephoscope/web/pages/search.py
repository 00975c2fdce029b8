"""Search: resources, recommendations, incidents and alerts that contain a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from nephoscope.lake.state.alerts import Looked
from nephoscope.lake.state.incidents import Sought
from nephoscope.posture.published.findings import Wanted
from nephoscope.web.download import as_csv
from nephoscope.web.page import Page
from nephoscope.web.visit import Visit

READ = "Microsoft.Security/assessments/read"
RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
INCIDENTS, ALERTS = "Microsoft.SecurityInsights/incidents/read", "Microsoft.Security/alerts/read"
MOST, MOST_CSV = 25, 10_000


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """What the page shows."""
    text = visit.asked("q").strip()
    if visit.asked("format") == "csv":
        found = _found(visit, text, MOST_CSV)
        return as_csv("search", ("Kind", "Name", "Workspace", "Id"), _rows(found))
    return {"text": text, "most": MOST, **_found(visit, text, MOST)}


def _found(visit: Visit, text: str, most: int) -> dict[str, Any]:
    """At most so many of each kind."""
    found: dict[str, Any] = {"resources": [], "tallies": [], "incidents": [], "alerts": []}
    if not text:
        return found
    if visit.edition is not None:
        found["resources"] = visit.edition.inventory.page(visit.reach(RESOURCES), text=text, most=most)
        found["tallies"] = visit.edition.findings.tallies(visit.reach(READ), Wanted(text=text))[:most]
    state = visit.instance.state
    for workspace in (one.name for one in state.workspaces.all()):
        if visit.caller.may(INCIDENTS, f"/workspaces/{workspace}"):
            sought = Sought(text=text, numbers=visit.incidents_of(workspace))
            found["incidents"] += state.incidents.listed(workspace, sought, most=most)
        if visit.caller.may(ALERTS, f"/workspaces/{workspace}"):
            looked = Looked(text=text, within=visit.place)
            found["alerts"] += state.alerts.listed(workspace, looked, most=most)
    return {name: several[:most] for name, several in found.items()}


def _rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        *(("resource", one.name, "", one.id) for one in found["resources"]),
        *(("recommendation", one.title, "", one.recommendation) for one in found["tallies"]),
        *(("incident", one.title, one.workspace, str(one.number)) for one in found["incidents"]),
        *(("alert", str(one.document["AlertName"]), one.workspace, one.id) for one in found["alerts"]),
    ]


PAGE = Page("/search", "Search", "search.html", READ, filled)
