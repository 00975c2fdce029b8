"""Assignable people: users with permission for an operation at a scope."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nephoscope.access.scopes import is_permitted
from nephoscope.state.access.principals import PrincipalKind, RoleAssignment

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def list_assignable_people(visit: Visit, operation: str, scope: str) -> list[str]:
    """The names of the persons who may, sorted; those whom nobody lets in any more are not among them."""
    principals, roles = visit.instance.state.principals, defaultdict[str, list[RoleAssignment]](list)
    for one in principals.roles():
        roles[one.principal].append(one)
    return [
        one.name
        for one in principals.all()
        if one.kind is PrincipalKind.PERSON
        and not one.disabled
        and is_permitted(roles[one.id], operation, scope, visit.caller.hierarchy)
    ]
