"""Role scopes with subscription names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.scopes import (
    MANAGEMENT_GROUP,
    ONE_TENANT,
    REPOSITORY,
    TENANT,
    WORKSPACE,
    split_tenant,
)

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def describe_place(visit: Visit, scope: str) -> str:
    """Describe a scope, as `at prod`; by its id where the visitor may not see the subscription or it was not collected."""
    if scope == TENANT:
        return "at all scopes"
    last = scope.rsplit("/", 1)[-1]
    if scope.startswith(WORKSPACE):
        return f"at workspace {last}"
    if scope.startswith(REPOSITORY):
        return f"at repository {scope.removeprefix(REPOSITORY)}"
    if scope.startswith(MANAGEMENT_GROUP):
        return f"at management group {last}"
    if scope.startswith(ONE_TENANT):
        tenant, group = split_tenant(scope)
        return f"at management group {last} of tenant {tenant}" if group else f"at tenant {tenant}"
    id_ = scope.split("/")[2]
    name = visit.subscriptions.get(id_, id_)
    return f"at {last} in {name}" if "/resourcegroups/" in scope else f"at {name}"
