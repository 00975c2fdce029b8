"""Search: resources, recommendations, incidents and people's names that contain a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nephoscope.posture.published.findings import Wanted
from nephoscope.web.page import Page
from nephoscope.web.visit import Visit

READ = "Microsoft.Security/assessments/read"
RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
INCIDENTS = "Microsoft.SecurityInsights/incidents/read"
MOST = 25


def filled(visit: Visit) -> Mapping[str, Any]:
    """What the page shows."""
    text = visit.asked("q").strip()
    found: dict[str, Any] = {"text": text, "resources": [], "tallies": [], "incidents": [], "most": MOST}
    if not text:
        return found
    if visit.edition is not None:
        found["resources"] = visit.edition.inventory.page(visit.reach(RESOURCES), text=text, most=MOST)
        found["tallies"] = visit.edition.findings.tallies(visit.reach(READ), Wanted(text=text))[:MOST]
    if visit.caller.may(INCIDENTS, "/workspaces/default"):
        every = visit.instance.state.incidents.newest("default", most=2000)
        found["incidents"] = [
            one for one in every if text.casefold() in f"{one.number} {one.title}".casefold()
        ][:MOST]
    return found


PAGE = Page("/search", "Search", "search.html", READ, filled)
