"""Microsoft.Security: governance: rules that say who sees to which recommendations by when, and assignments of single ones.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/governance-rules (2022-01-01-preview),
governance-assignments (2021-06-01)
"""

from __future__ import annotations

from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.kept import Body, Kind, declare
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Governance", "Microsoft.Security")
OWNERS = ("ByTag", "Manually")


def check_rule(body: Body) -> None:
    """Fault where a rule names nobody, or no order."""
    properties = body["properties"]
    if not isinstance(properties.get("rulePriority"), int):
        raise bad("'rulePriority' must be a whole number.", "properties.rulePriority")
    owner = properties.get("ownerSource")
    if not isinstance(owner, dict) or owner.get("type") not in OWNERS:
        raise bad(f"'ownerSource.type' is one of {', '.join(OWNERS)}.", "properties.ownerSource.type")


def check_assignment(body: Body) -> None:
    """Fault where an assignment says no day."""
    if not isinstance(body["properties"].get("remediationDueDate"), str):
        raise bad("'remediationDueDate' must be a time.", "properties.remediationDueDate")


for _kind in (
    Kind(
        "Microsoft.Security/governanceRules",
        "GovernanceRules",
        "Nobody is assigned by it here yet; assignments are put one by one.",
        check=check_rule,
    ),
    Kind(
        "Microsoft.Security/assessments/governanceAssignments",
        "GovernanceAssignments",
        "Nobody is written to by it here.",
        check=check_assignment,
    ),
):
    declare(SURFACE, _kind)
