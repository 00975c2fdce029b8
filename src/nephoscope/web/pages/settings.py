"""Settings: who may come in with which roles, and the audit of what they did; an owner's alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nephoscope.access.roles import ROLES
from nephoscope.web.page import Area, Page
from nephoscope.web.visit import Visit

READ = "Nephoscope/audit/read"
ENTRIES = 100


def filled(visit: Visit) -> Mapping[str, Any]:
    """What the page shows."""
    principals = visit.instance.state.principals
    given = visit.asked("before")
    before = int(given) if given.isdigit() and len(given) < 15 else None
    entries = visit.instance.state.audit.entries(before=before, most=ENTRIES)
    return {
        "principals": [(one, principals.roles(one.id)) for one in principals.all()],
        "roles": ROLES,
        "entries": entries,
        "older": entries[-1].number if entries and entries[-1].number > 1 else None,
        "workspaces": visit.instance.state.workspaces.all(),
    }


PAGE = Page("/settings", "Settings", "settings.html", READ, filled, Area.ESTATE, 90)
