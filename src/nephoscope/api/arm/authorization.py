"""Microsoft.Authorization: role assignments and definitions of the estate, and what the caller itself may do here.

Source: https://learn.microsoft.com/rest/api/authorization/role-assignments (2022-04-01), role-definitions, permissions
"""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.access.ambiguous_management_groups import explain_shared_name
from nephoscope.access.authenticator import DeniedError
from nephoscope.access.roles import find_role
from nephoscope.access.scopes import list_held_roles
from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.odata_tree import (
    FunctionCall,
    Node,
    PropertyComparison,
    PropertyPath,
    read_tree,
    split_conjuncts,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token

SURFACE = ApiSurface("Authorization", "Microsoft.Authorization")
_ROOT = "{scope}/providers/Microsoft.Authorization"
ASSIGNMENTS, DEFINITIONS = (
    "microsoft.authorization/roleassignments",
    "microsoft.authorization/roledefinitions",
)
_READ_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments/read"
_READ_DEFINITIONS = "Microsoft.Authorization/roleDefinitions/read"
_OF_ASSIGNMENTS = "$filter is atScope(), principalId eq '<id>' or assignedTo('<id>'), joined by and."
_OF_ROLES = "$filter is roleName eq '<name>', type eq 'BuiltInRole' or type eq 'CustomRole'."
_KINDS = {"builtinrole": "BuiltInRole", "customrole": "CustomRole"}


@SURFACE.get(
    f"{_ROOT}/permissions", "Permissions_ListForResource", "Microsoft.Authorization/permissions/read"
)
def list_permissions(call: ApiCall) -> ApiResponse:
    """List the caller's permissions at a scope: the actions and not-actions of each effective role.

    Raises DeniedError where they hold in several tenants that have a management group of the name.
    """
    if explain_shared_name(call.caller.roles, call.permission, call.scope, call.caller.hierarchy):
        raise DeniedError(call.caller, call.permission, call.scope)
    held = (
        find_role(one.role) for one in list_held_roles(call.caller.roles, call.scope, call.caller.hierarchy)
    )
    return answer_list(
        call,
        [
            {
                "actions": list(one.actions),
                "notActions": list(one.not_actions),
                "dataActions": [],
                "notDataActions": [],
            }
            for one in held
            if one is not None
        ],
    )


@SURFACE.get(f"{_ROOT}/roleAssignments", "RoleAssignments_ListForScope", _READ_ASSIGNMENTS)
def list_assignments(call: ApiCall) -> ApiResponse:
    """List the role assignments at a scope, below it, and inherited from above; `$filter` selects a principal."""
    test, exact = _parse_filter(call)
    page = arm_documents.list_page(call, [ASSIGNMENTS], call.listing_scope, test)
    above = [] if read_skip_token(call) else [one for one in _list_inherited_assignments(call) if test(one)]
    rows = page.body["value"]
    if exact:
        own = f"{call.listing_scope}/providers/{ASSIGNMENTS}/"
        rows = [one for one in rows if str(one["id"]).lower().startswith(own)]
    return ApiResponse({**page.body, "value": [*above, *rows]})


def _list_inherited_assignments(call: ApiCall) -> list[dict[str, object]]:
    """The assignments at what contains the subscription of a scope, where the caller may read something of it."""
    words = call.listing_scope.split("/")
    subscription = words[2] if call.listing_scope.startswith("/subscriptions/") else ""
    reach = call.reach.narrow_to(frozenset({subscription}))
    if not subscription or reach.is_empty:
        return []
    scopes = call.caller.hierarchy.find_groups_above({subscription}) | {""}
    if len(words) > 3:
        scopes |= {f"/subscriptions/{subscription}"} if subscription in reach.subscriptions else set()
    held = reach.with_ancestors(call.snapshot.list_scopes_with_assignments(frozenset(scopes)))
    found = (call.snapshot.listing.get(key, held) for key in sorted(held.above) if f"/{ASSIGNMENTS}/" in key)
    return [one for one in found if one is not None]


def _parse_filter(call: ApiCall) -> tuple[arm_documents.Test, bool]:
    """Return what `$filter` of assignments picks, and whether only what stands at the scope itself; Fault for another filter."""
    tests: list[arm_documents.Test] = []
    exact = False
    for node in split_conjuncts(_find_policy_tree(call, _OF_ASSIGNMENTS)):
        match node:
            case FunctionCall("atscope", ()):
                exact = True
            case FunctionCall("assignedto", (str(id_),)):
                tests.append(_make_property_test("principalId", id_))
            case PropertyComparison(PropertyPath(name), "eq", str(id_)) if (
                name.lower() == "principalid" and id_
            ):
                tests.append(_make_property_test("principalId", id_))
            case _:
                raise make_bad_request_error(_OF_ASSIGNMENTS, "$filter")
    return (lambda body: all(test(body) for test in tests)), exact


def _find_policy_tree(call: ApiCall, expected: str) -> Node | None:
    try:
        return read_tree(call.get_query_value("$filter"))
    except ApiError as fault:
        raise make_bad_request_error(expected, "$filter") from fault


@SURFACE.get(f"{_ROOT}/roleDefinitions", "RoleDefinitions_List", _READ_DEFINITIONS)
def list_definitions(call: ApiCall) -> ApiResponse:
    """List the collected role definitions that can be assigned at a scope; `$filter` selects by type or name."""
    test: arm_documents.Test | None = None
    match _find_policy_tree(call, _OF_ROLES):
        case None:
            pass
        case PropertyComparison(PropertyPath(name), "eq", str(kind)) if (
            name.lower() == "type" and kind.lower() in _KINDS
        ):
            test = _make_property_test("type", kind)
        case PropertyComparison(PropertyPath(name), "eq", str(title)) if name.lower() == "rolename":
            test = _make_property_test("roleName", title)
        case _:
            raise make_bad_request_error(_OF_ROLES, "$filter")
    return arm_documents.list_page(call, [DEFINITIONS], "", test)


def _make_property_test(name: str, value: str) -> arm_documents.Test:
    """Return whether a property has a value, in any case."""

    def test(body: Mapping[str, object]) -> bool:
        properties = body.get("properties")
        return isinstance(properties, dict) and str(properties.get(name, "")).lower() == value.lower()

    return test
