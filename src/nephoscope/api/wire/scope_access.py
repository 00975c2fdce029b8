"""Authorize a call at the scope of its path: check the caller's permissions and that the scope exists.

A list that the caller has no right to is refused and not shown empty. Who may not read at a scope is told the same of one that is
there and of one that is not; that there is none is told only to those who could read it.

Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting and
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.access.authenticator import DeniedError
from nephoscope.access.scopes import MANAGEMENT_GROUP
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.operation import ANYONE, BELOW, OWN

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.api.wire.operation import ApiOperation
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

_SENTINEL = re.compile(
    r".*/providers/microsoft\.operationalinsights/workspaces/(?P<name>[^/]+)/providers/microsoft\.securityinsights/",
    re.IGNORECASE,
)

#: What stands at a management group and holds below it.
_HOLDING = ("Microsoft.Authorization/", "Microsoft.Management/")


def authorize_call(call: ApiCall, operation: ApiOperation) -> None:
    """DeniedError where the caller has no right at the scope of a call, Fault 404 where there is no such scope."""
    if named := _find_named_workspace(call):
        _check_workspace(call, operation, named)
    elif operation.changes:
        call.caller.require(operation.permission, call.changed_scope)
        _check_container(call)
    elif operation.lets == OWN:
        if not call.caller.has_anywhere(operation.permission):
            raise DeniedError(call.caller, operation.permission, call.scope)
    elif operation.lets != ANYONE:
        if not _may_read(call, operation):
            raise DeniedError(call.caller, operation.permission, call.scope)
        _check_container(call)
        _check_resource(call)


def _find_named_workspace(call: ApiCall) -> str:
    """The workspace that a path of Sentinel stands on, '' where it is another path."""
    found = _SENTINEL.match(call.path)
    return call["workspaceName"] or (found["name"] if found else "")


def _check_workspace(call: ApiCall, operation: ApiOperation, named: str) -> None:
    """A workspace is one whatever subscription and group its path names; what was collected of one of Azure's is read by its id."""
    known = call.instance.state.workspaces.find(named)
    at = f"/workspaces/{known.name if known else named}"
    if (
        not operation.changes
        and call.caller.is_permitted(operation.permission, call.scope)
        and scope_exists(call, call.scope)
    ):
        return
    call.caller.require(operation.permission, at)
    if known is None:
        raise ApiError(
            404, "ResourceNotFound", f"The workspace '{call['workspaceName'][:100]}' was not found."
        )


def _may_read(call: ApiCall, operation: ApiOperation) -> bool:
    """Return whether the caller may read at the scope; at the tenant everybody who may read anything, as lists there show
    what one may see.

    A management group, and what is assigned and defined there, is read by whom it stands above, as it holds for what they may read.
    """
    scope = call.scope
    if not scope.startswith(("/subscriptions/", MANAGEMENT_GROUP)):
        return not call.reach.is_empty
    holding = operation.permission.startswith(_HOLDING)
    if (
        holding
        and scope.startswith(MANAGEMENT_GROUP)
        and _extract_management_group(scope) in call.reach.management_groups
    ):
        return True
    if call.caller.is_permitted(operation.permission, scope):
        return True
    return operation.lets == BELOW and any(f"{one}/".startswith(f"{scope}/") for one in call.reach.groups)


def _extract_management_group(scope: str) -> str:
    """The management group that a scope begins with."""
    return MANAGEMENT_GROUP + scope.removeprefix(MANAGEMENT_GROUP).split("/", 1)[0]


def _check_container(call: ApiCall) -> None:
    """Fault where the subscription, resource group or management group of a path is not in the estate that was published last."""
    snapshot = call.instance.snapshots.load_newest()
    parts = call.scope.split("/")
    if snapshot is None or len(parts) < 3:
        return
    if call.scope.startswith(MANAGEMENT_GROUP):
        _check_group(call, snapshot, _extract_management_group(call.scope))
    elif parts[1] == "subscriptions":
        if parts[2] not in snapshot.build_info.subscriptions and not scope_exists(call, "/".join(parts[:3])):
            raise build_no_subscription_error(parts[2])
        if len(parts) > 4 and parts[3] == "resourcegroups" and not scope_exists(call, "/".join(parts[:5])):
            raise build_no_group_error(parts[4])


def _check_group(call: ApiCall, snapshot: PublishedSnapshot, group: str) -> None:
    above = call.caller.hierarchy.ancestors.values()
    if not snapshot.has_documents(group) and not any(group in several for several in above):
        name = group.rsplit("/", 1)[-1][:100]
        raise ApiError(404, "ManagementGroupNotFound", f"The management group '{name}' could not be found.")


def _check_resource(call: ApiCall) -> None:
    """Fault where a path asks what belongs to a resource, and neither it nor anything of it was published."""
    parts = call.scope.split("/")
    in_group = len(parts) > 8 and parts[3] == "resourcegroups" and parts[5] == "providers"
    if in_group and call.instance.snapshots.load_newest() is not None and not scope_exists(call, call.scope):
        kind = "/".join([parts[6], *parts[7::2]])
        name = "/".join(parts[8::2])
        raise ApiError(
            404,
            "ResourceNotFound",
            f"The Resource '{kind[:200]}/{name[:200]}' under resource group '{parts[4][:100]}' was not found.",
        )


def scope_exists(call: ApiCall, scope: str) -> bool:
    """Return whether a scope, or anything below it, was published, put or learned."""
    snapshot, state = call.instance.snapshots.load_newest(), call.instance.state
    return (
        (snapshot is not None and snapshot.has_documents(scope))
        or state.arm_documents.has_any_below(scope)
        or state.external_facts.has_any_below(scope)
    )


def build_no_subscription_error(id_: str) -> ApiError:
    """404: the estate has no such subscription."""
    return ApiError(404, "SubscriptionNotFound", f"The subscription '{id_[:100]}' could not be found.")


def build_no_group_error(name: str) -> ApiError:
    """404: the estate has no such resource group."""
    return ApiError(404, "ResourceGroupNotFound", f"Resource group '{name[:100]}' could not be found.")
