"""Sources: the live sources of logs and how they are, the tables that rows came into, and the last assessment of the estate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nephoscope.instance import FAILED
from nephoscope.posture.scan import last_request
from nephoscope.web.page import Area, Page
from nephoscope.web.visit import Visit

READ = "Nephoscope/sources/read"


def filled(visit: Visit) -> Mapping[str, Any]:
    """What the page shows."""
    state = visit.instance.state
    health = state.source_health.all()
    whole = {one.source: one for one in health if not one.table}
    sources = [(one, whole.get(one.name)) for one in state.sources.all()]
    request = last_request(visit.instance.data)
    return {
        "sources": sources,
        "tables": [one for one in health if one.table],
        "request": request,
        "edition": visit.edition,
        "failed": state.checkpoints.get(*FAILED) or "",
    }


PAGE = Page("/sources", "Sources", "sources.html", READ, filled, Area.ESTATE, 0)
