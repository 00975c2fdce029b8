"""Exemption authorization: who may exempt resources, at the exemption and at its assignment.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure (required permissions)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nephoscope.access.authenticator import Caller, LinkedDeniedError
from nephoscope.access.scopes import TENANT, Hierarchy
from nephoscope.posture.governance.effective_policy import EffectivePolicy, is_outside_scope
from nephoscope_policy import assignment
from nephoscope_policy.assignment import Assignment, get_containing_scope
from nephoscope_policy.exemption import Exemption

WRITE = "Microsoft.Authorization/policyExemptions/write"
EXEMPT = "Microsoft.Authorization/policyAssignments/exempt/action"


def may_exempt(caller: Caller, exemption: Exemption, governing: Callable[[str], EffectivePolicy]) -> None:
    """LinkedDeniedError where the caller has no right to an assignment that an exemption speaks of.

    That of an exemption that names recommendations are all that hold one of them over its scope. What is assigned
    in the tenant of its scope is asked for only where it decides. PolicyError for what is no id of an assignment.
    """
    if caller.is_permitted(EXEMPT):
        return
    for scope in sorted(
        set(
            _list_linked_scopes(exemption, governing(_find_tenant(caller, exemption.scope)), caller.hierarchy)
        )
    ):
        if not caller.is_permitted(EXEMPT, scope):
            raise LinkedDeniedError(caller, EXEMPT, scope, WRITE, exemption.scope or TENANT)


def _find_tenant(caller: Caller, scope: str) -> str:
    parts = scope.split("/")
    if parts[1:2] == ["subscriptions"]:
        return caller.hierarchy.tenants.get(parts[2], "")
    return caller.find_tenant(WRITE, scope)


def _list_linked_scopes(
    exemption: Exemption, governing: EffectivePolicy, hierarchy: Hierarchy
) -> Iterator[str]:
    """The scopes at which the right is needed."""
    if exemption.assignment:
        found = governing.assignment(exemption.assignment)
        written = get_containing_scope(
            exemption.assignment, assignment.TYPE_NAME, "properties.policyAssignmentId"
        )
        yield _find_scope(found, exemption, governing) if found is not None else written or TENANT
    if exemption.recommendations:
        for one in governing.find_assignments(exemption.recommendations):
            if not is_outside_scope(one.scope, exemption.scope, hierarchy):
                yield _find_scope(one, exemption, governing)


def _find_scope(one: Assignment, exemption: Exemption, governing: EffectivePolicy) -> str:
    """The scope of an assignment; the server's own stands for the one that Azure makes in each subscription."""
    if governing.is_built_in(one):
        parts = exemption.scope.split("/")
        return "/".join(parts[:3]) if parts[1:2] == ["subscriptions"] else exemption.scope or TENANT
    return one.scope or TENANT
