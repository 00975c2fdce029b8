"""Group scopes: a management group that a request names, with the tenant that it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.scopes import MANAGEMENT_GROUP, ONE_TENANT, explain_ambiguity, name_tenant
from nephoscope.operations.declaration.operation import RefusedRequestError

if TYPE_CHECKING:
    from nephoscope.access.scopes import Hierarchy
    from nephoscope.operations.declaration.operation import OperationCall


def place_in_tenant(call: OperationCall, operation: str, scope: str, before: str = "") -> str:
    """Return a parsed scope, a management group behind its tenant: that of the caller's role where several have the name.

    Raises DeniedError where the operation may not be done there; RefusedRequestError, its text behind `before`, where the caller
    may in each of several tenants.
    """
    call.service.require(operation, scope)
    if not scope.startswith(MANAGEMENT_GROUP):
        return scope
    if tenant := call.service.actor.find_tenant(operation, scope):
        return f"{ONE_TENANT}{tenant}{scope}"
    hierarchy = load_hierarchy(call)
    if scope in hierarchy.doubtful:
        raise RefusedRequestError(f"{before}{explain_ambiguity(scope, hierarchy)}", "scope")
    return name_tenant(scope, hierarchy)


def load_hierarchy(call: OperationCall) -> Hierarchy:
    """Return what lies where by the newest published snapshot; its reader is loaded here, since most commands need none."""
    from nephoscope.instance import build_hierarchy
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    return build_hierarchy(PublishedSnapshotCache(call.service.data))
