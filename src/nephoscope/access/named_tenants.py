"""Named tenants: roles at a management group that were given without a tenant get it while one tenant alone has the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.scopes import MANAGEMENT_GROUP, name_tenant

if TYPE_CHECKING:
    from nephoscope.access.scopes import Hierarchies
    from nephoscope.state import State

WRITE = "Microsoft.Authorization/roleAssignments/write"
AUTHOR = "nephoscope"


def name_tenants(state: State, hierarchies: Hierarchies) -> int:
    """Rewrite such roles, with an audit entry for each, and count them; the hierarchy is asked for only where there are any."""
    plain = [one for one in state.principals.roles() if one.scope.startswith(MANAGEMENT_GROUP)]
    if not plain:
        return 0
    hierarchy = hierarchies()
    found = [(one, named) for one in plain if (named := name_tenant(one.scope, hierarchy)) != one.scope]
    if found:
        with state.transaction() as session:
            for one, named in found:
                state.principals.grant(session, one.principal, one.role, named, one.author)
                state.principals.revoke(session, one.id)
                detail = {"role": one.role, "scope": named, "before": one.scope}
                state.audit.add(session, AUTHOR, WRITE, one.principal, detail=detail)
    return len(found)
