"""Graph's identityProtection: risky users and risk detections. Nothing here judges identities yet, and the answers say so.

Source: https://learn.microsoft.com/graph/api/resources/identityprotection-overview (v1.0)
"""

from __future__ import annotations

from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import not_assessed
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Identity protection")
REASON = "The risk of identities is not assessed here yet: there are no risk detections and no risky users to tell of."
READ, WRITE = "Nephoscope/identityProtection/read", "Nephoscope/identityProtection/write"
_ROOT = "/{version}/identityProtection"


@SURFACE.get(f"{_ROOT}/{{collection}}", "IdentityProtection_List", READ, versioned=False)
def list_(_: Call) -> Answer:
    """Risk detections, risky users, risky service principals: not assessed."""
    raise not_assessed(REASON)


@SURFACE.get(f"{_ROOT}/{{collection}}/{{id}}", "IdentityProtection_Get", READ, versioned=False)
def get(_: Call) -> Answer:
    """One of them: not assessed."""
    raise not_assessed(REASON)


@SURFACE.act(f"{_ROOT}/riskyUsers/{{action}}", "IdentityProtection_Act", WRITE, versioned=False)
def act(_: Call) -> Answer:
    """Confirm or dismiss a risk: not assessed."""
    raise not_assessed(REASON)
