"""Setup steps: what a new server needs before it protects anything, each with whether it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: Accounts and Owners that a server should have, so that one that is lost does not lock the server.
OWNERS = 2
#: What Owners alone may do.
OWNER = "Nephoscope/audit/read"


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step: what to do, why, the page where it is done, and whether it is."""

    title: str
    why: str
    path: str
    done: bool


def list_setup_steps(visit: Visit) -> list[SetupStep]:
    """List the steps in the order in which they are best done; none for who may not do them."""
    if not visit.caller.is_permitted(OWNER):
        return []
    state = visit.instance.state
    sources = state.sources.all()
    seen = any(one.first_seen for one in state.source_health.all())
    owners = {
        one.principal for one in state.principals.roles() if (one.role, one.scope) == ("Owner", "/")
    } & {one.id for one in state.principals.all() if one.kind is PrincipalKind.PERSON and not one.disabled}
    switched = state.rule_switches.load_switches(DEFAULT)
    reviewed = bool(switched.rules or switched.packs)
    return [
        SetupStep(
            "Connect a tenant", "Its resources are collected and assessed.", "/sources/tenants/new", bool(state.tenants.all())
        ),
        SetupStep(
            "First assessment", "The score and the recommendations come from it.", "/recommendations", visit.snapshot is not None
        ),
        SetupStep("Add a log source", "Detections run on logs.", "/sources/logs/new", bool(sources)),
        SetupStep("Receive the first row", "The source works from end to end.", "/sources", seen),
        SetupStep(
            "Add a second Owner", "One lost account then does not lock the server.", "/settings/people", len(owners) >= OWNERS
        ),
        SetupStep("Review the rules", "Enable what fits your logs; disable what does not.", "/rules", reviewed),
    ]  # fmt: skip
