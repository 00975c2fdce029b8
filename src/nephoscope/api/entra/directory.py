"""Microsoft Graph: users, groups, applications, second factors, roles and named locations, conditional
access policies and permission grants, as they were read of the directory.

Source: https://learn.microsoft.com/graph/api/overview (v1.0): user-list, group-list, group-list-members, serviceprincipal-list,
application-list, authenticationmethodsroot-list-userregistrationdetails, rbacapplication-list-roleassignments,
rbacapplication-list-roleeligibilityscheduleinstances,
conditionalaccessroot-list-namedlocations, conditionalaccessroot-list-policies, oauth2permissiongrant-list
"""

from __future__ import annotations

from collections.abc import Collection as Collected
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nephoscope.api.wire import microsoft_graph_query
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.microsoft_graph_query import Keyed
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.model.read_scope import EVERYTHING

SURFACE = ApiSurface("Directory")
READ = "microsoft.directory/read"
MOST = 999
_GROUPS = "microsoft.graph/groups"


@dataclass(frozen=True, slots=True)
class DirectoryCollection:
    """A collection: its path, the begin of its operations' names, its type, and what Graph tells only where `$expand` names it.

    `searched` says whether it is of directory objects, which `$search` looks through.
    """

    path: str
    operations: str
    type: str
    expanded: tuple[str, ...] = ()
    searched: bool = False


USERS = DirectoryCollection("users", "Users", "microsoft.graph/users", ("manager",), searched=True)
GROUPS = DirectoryCollection("groups", "Groups", _GROUPS, ("members",), searched=True)
PRINCIPALS = DirectoryCollection(
    "servicePrincipals", "ServicePrincipals", "microsoft.graph/serviceprincipals", searched=True
)
APPLICATIONS = DirectoryCollection(
    "applications",
    "Applications",
    "microsoft.graph/applications",
    ("federatedIdentityCredentials",),
    searched=True,
)
COLLECTIONS = (
    USERS,
    GROUPS,
    PRINCIPALS,
    APPLICATIONS,
    DirectoryCollection(
        "reports/authenticationMethods/userRegistrationDetails",
        "UserRegistrationDetails",
        "microsoft.graph/userregistrationdetails",
    ),
    DirectoryCollection(
        "identity/conditionalAccess/namedLocations", "NamedLocations", "microsoft.graph/namedlocations"
    ),
    DirectoryCollection(
        "identity/conditionalAccess/policies", "ConditionalAccessPolicies", "microsoft.graph/policies"
    ),
    DirectoryCollection(
        "oauth2PermissionGrants", "OAuth2PermissionGrants", "microsoft.graph/oauth2permissiongrants"
    ),
    DirectoryCollection(
        "roleManagement/directory/roleAssignments",
        "DirectoryRoleAssignments",
        "microsoft.graph/roleassignments",
        ("roleDefinition", "principal", "directoryScope"),
    ),
    DirectoryCollection(
        "roleManagement/directory/roleEligibilityScheduleInstances",
        "DirectoryRoleEligibilityScheduleInstances",
        "microsoft.graph/roleeligibilityscheduleinstances",
        ("roleDefinition", "principal", "directoryScope"),
    ),
)


def _declare_directory_operations(kind: DirectoryCollection) -> None:
    path = f"/{{version}}/{kind.path}"

    @SURFACE.get(path, f"{kind.operations}_List", READ, versioned=False)
    def _list(call: ApiCall) -> ApiResponse:
        """List directory objects of this kind; requires permission to read the whole tenant."""
        return _build_page(call, kind)

    @SURFACE.get(f"{path}/{{id}}", f"{kind.operations}_Get", READ, versioned=False)
    def _get(call: ApiCall) -> ApiResponse:
        """Get a directory object."""
        found = _build_object(call, kind, call["id"])
        microsoft_graph_query.check_query_options(call, ("$select", "$expand"))
        shown = _select_shown_properties(call, kind, found)
        return ApiResponse({"@odata.context": f"{_format_context(call, kind.path)}/$entity", **shown})

    @SURFACE.get(f"{path}/$count", f"{kind.operations}_GetCount", READ, versioned=False)
    def _count(call: ApiCall) -> ApiResponse:
        """Count the objects that match `$filter` and `$search`."""
        return _count_objects(call, kind)


for _kind in COLLECTIONS:
    _declare_directory_operations(_kind)


@SURFACE.get("/{version}/groups/{id}/members", "Groups_ListMembers", READ, versioned=False)
def list_members(call: ApiCall) -> ApiResponse:
    """List the members of a group, each with its object type; 501 if the members were not collected."""
    several = _list_members(call)
    microsoft_graph_query.check_query_options(call)
    rows, paging = microsoft_graph_query.read_page(
        call, MOST, lambda after: [one for one in several if one[0] > after]
    )
    context = {"@odata.context": _format_context(call, "directoryObjects")}
    return ApiResponse({**context, **paging, "value": [_select_fields(call, one) for one in rows]})


@SURFACE.get("/{version}/groups/{id}/members/$count", "Groups_CountMembers", READ, versioned=False)
def count_members(call: ApiCall) -> ApiResponse:
    """Count the members of a group that match `$filter`."""
    several = _list_members(call)
    microsoft_graph_query.check_query_options(call, ("$filter",))
    microsoft_graph_query.require_eventual_consistency(call, "$count")
    return _count_as_text(call, several)


def _list_members(call: ApiCall) -> list[Keyed]:
    """The members of the group of a call, each keyed by its place."""
    several = _build_object(call, GROUPS, call["id"]).get("members")
    if not isinstance(several, list):
        raise ApiError(
            501, "NotAssessed", "The members of this group were not collected, because it has no role."
        )
    return [(f"{at:08}", _build_member(call, str(one))) for at, one in enumerate(several)]


def _count_as_text(call: ApiCall, several: Iterable[Keyed]) -> ApiResponse:
    """The number of those that are picked, as text."""
    total = sum(1 for _ in microsoft_graph_query.CollectionQuery.of(call).iterate_matching_items(several))
    return ApiResponse(str(total).encode(), headers={"Content-Type": "text/plain"})


def _build_member(call: ApiCall, id_: str) -> dict[str, object]:
    for kind, word in ((USERS, "user"), (GROUPS, "group"), (PRINCIPALS, "servicePrincipal")):
        known = call.snapshot.listing.get(f"/providers/{kind.type}/{id_}", EVERYTHING)
        if known is not None:
            properties = {
                name: value for name, value in known["properties"].items() if name not in kind.expanded
            }
            return {"@odata.type": f"#microsoft.graph.{word}", **properties}
    return {"@odata.type": "#microsoft.graph.directoryObject", "id": id_}


def _require_tenant_read(call: ApiCall) -> None:
    """The directory is of the whole tenant: Fault in Graph's words for who may read a part alone."""
    if call["version"].lower() not in ("v1.0", "beta"):
        raise ApiError(404, "InvalidVersion", f"Invalid version '{call['version'][:20]}': use v1.0 or beta.")
    if not call.reach.everything:
        raise ApiError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )


def _build_page(call: ApiCall, kind: DirectoryCollection) -> ApiResponse:
    _require_tenant_read(call)
    _admit_options(call, kind, microsoft_graph_query.USUAL)
    rows, paging = microsoft_graph_query.read_page(call, MOST, lambda after: _list_objects(call, kind, after))
    context = {"@odata.context": _format_context(call, kind.path)}
    return ApiResponse(
        {**context, **paging, "value": [_select_shown_properties(call, kind, one) for one in rows]}
    )


def _count_objects(call: ApiCall, kind: DirectoryCollection) -> ApiResponse:
    _require_tenant_read(call)
    _admit_options(call, kind, {"$filter"})
    microsoft_graph_query.require_eventual_consistency(call, "$count")
    return _count_as_text(call, _list_objects(call, kind, ""))


def _admit_options(call: ApiCall, kind: DirectoryCollection, options: Collected[str]) -> None:
    microsoft_graph_query.check_query_options(
        call, {*options, "$expand", *(("$search",) if kind.searched else ())}
    )


def _list_objects(call: ApiCall, kind: DirectoryCollection, after: str) -> Iterator[Keyed]:
    """The objects of a kind after a key, in the order of their ids."""
    while True:
        page = call.snapshot.listing.page([kind.type], EVERYTHING, after=after, most=MOST)
        yield from ((str(one["id"]).lower(), one["properties"]) for one in page.bodies)
        after = page.after
        if not after:
            return


def _build_object(call: ApiCall, kind: DirectoryCollection, id_: str) -> dict[str, object]:
    _require_tenant_read(call)
    found = call.snapshot.listing.get(f"/providers/{kind.type}/{id_}", EVERYTHING)
    if found is None:
        raise ApiError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{id_[:100]}' does not exist or one of its queried reference-property objects are not present.",
        )
    properties: dict[str, object] = found["properties"]
    return properties


def _select_shown_properties(
    call: ApiCall, kind: DirectoryCollection, properties: Mapping[str, object]
) -> dict[str, object]:
    wanted = _read_expand(call, kind)
    hidden = {one for one in kind.expanded if one.lower() not in wanted}
    kept = {name: value for name, value in properties.items() if name not in hidden}
    return _select_fields(call, kept, kind.expanded)


def _read_expand(call: ApiCall, kind: DirectoryCollection) -> set[str]:
    """Return what `$expand` names, in lower case; Fault for what is not stated in this file."""
    named = [one.partition("(")[0].strip() for one in _split_outer_commas(call.get_query_value("$expand"))]
    for one in named:
        if one and one.lower() not in {known.lower() for known in kind.expanded}:
            expandable = ", ".join(kind.expanded) or "nothing"
            raise microsoft_graph_query.make_unsupported_option_error(
                f"$expand of '{one[:60]}' is not supported; supported: {expandable}."
            )
    return {one.lower() for one in named}


def _select_fields(
    call: ApiCall, properties: Mapping[str, object], always: Iterable[str] = ()
) -> dict[str, object]:
    """The fields that `$select` names, with those that were expanded; all where it names none."""
    wanted = {one.strip().lower() for one in call.get_query_value("$select").split(",") if one.strip()}
    kept = wanted | {one.lower() for one in always} | {"@odata.type"}
    return {name: value for name, value in properties.items() if not wanted or name.lower() in kept}


def _split_outer_commas(text: str) -> list[str]:
    """The parts of a list between commas that stand in no parentheses; Fault where those are not closed."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    if depth:
        raise make_bad_request_error("$expand has parentheses that are not closed.", "$expand", "BadRequest")
    return parts


def _format_context(call: ApiCall, path: str) -> str:
    return f"{call.base}/{call['version']}/$metadata#{path}"
