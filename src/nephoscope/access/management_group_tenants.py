"""Tenants of management groups: fill in the tenant of roles and documents while only one tenant has a group of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.scopes import MANAGEMENT_GROUP, find_owning_tenant, name_tenant
from nephoscope.state.estate.arm_documents import FOR_EACH_TENANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.access.scopes import Hierarchies, Hierarchy
    from nephoscope.state import State
    from nephoscope.state.access.principals import RoleAssignment

WRITE = "Microsoft.Authorization/roleAssignments/write"
AUTHOR = "nephoscope"


def name_tenants(state: State, hierarchies: Hierarchies) -> int:
    """Rewrite such roles, with an audit entry for each, and documents, and count them; the hierarchy is asked for only where
    there are any.
    """
    plain = [one for one in state.principals.roles() if one.scope.startswith(MANAGEMENT_GROUP)]
    shared = state.checkpoints.all(FOR_EACH_TENANT)
    documents = [
        one.key for one in state.arm_documents.list_at_groups() if not one.tenant and one.key not in shared
    ]
    if not (plain or documents):
        return 0
    hierarchy = hierarchies()
    return _qualify_role_scopes(state, plain, hierarchy) + _assign_document_tenants(
        state, documents, hierarchy
    )


def _assign_document_tenants(state: State, keys: Iterable[str], hierarchy: Hierarchy) -> int:
    found = [(key, find_owning_tenant((), WRITE, key, hierarchy)) for key in keys]
    named = [(key, tenant) for key, tenant in found if tenant]
    if named:
        with state.transaction() as session:
            for key, tenant in named:
                state.arm_documents.name_tenant(session, key, tenant)
    return len(named)


def _qualify_role_scopes(state: State, plain: Iterable[RoleAssignment], hierarchy: Hierarchy) -> int:
    found = [(one, named) for one in plain if (named := name_tenant(one.scope, hierarchy)) != one.scope]
    if found:
        with state.transaction() as session:
            for one, named in found:
                state.principals.grant(session, one.principal, one.role, named, one.author)
                state.principals.revoke(session, one.id)
                detail = {"role": one.role, "scope": named, "before": one.scope}
                state.audit.add(session, AUTHOR, WRITE, one.principal, detail=detail)
    return len(found)
