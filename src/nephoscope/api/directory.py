"""Microsoft Graph: users, groups, service principals, second factors, roles and named locations, as they were read of the directory.

Source: https://learn.microsoft.com/graph/api/overview (v1.0): user-list, group-list, group-list-members, serviceprincipal-list,
authenticationmethodsroot-list-userregistrationdetails, rbacapplication-list-roleassignments,
conditionalaccessroot-list-namedlocations
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nephoscope.api.wire.answer import Answer, next_link, resumed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import Fault, bad
from nephoscope.api.wire.odata_filter import matching
from nephoscope.api.wire.operation import Surface
from nephoscope.model.reach import EVERYTHING

SURFACE = Surface("Directory")
READ = "microsoft.directory/read"
MOST = 999
_GROUPS = "microsoft.graph/groups"


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: its path, the begin of its operations' names, its type, and what Graph tells only where `$expand` names it."""

    path: str
    operations: str
    type: str
    expanded: tuple[str, ...] = ()


USERS = Collection("users", "Users", "microsoft.graph/users", ("manager",))
GROUPS = Collection("groups", "Groups", _GROUPS, ("members",))
PRINCIPALS = Collection("servicePrincipals", "ServicePrincipals", "microsoft.graph/serviceprincipals")
COLLECTIONS = (
    USERS,
    GROUPS,
    PRINCIPALS,
    Collection(
        "reports/authenticationMethods/userRegistrationDetails",
        "UserRegistrationDetails",
        "microsoft.graph/userregistrationdetails",
    ),
    Collection(
        "identity/conditionalAccess/namedLocations", "NamedLocations", "microsoft.graph/namedlocations"
    ),
    Collection(
        "roleManagement/directory/roleAssignments",
        "DirectoryRoleAssignments",
        "microsoft.graph/roleassignments",
        ("roleDefinition", "principal", "directoryScope"),
    ),
)


def _declare(kind: Collection) -> None:
    path = f"/{{version}}/{kind.path}"

    @SURFACE.get(path, f"{kind.operations}_List", READ, versioned=False)
    def _list(call: Call) -> Answer:
        """The objects of a kind; nobody but who may read the whole tenant gets them."""
        return _page(call, kind)

    @SURFACE.get(f"{path}/{{id}}", f"{kind.operations}_Get", READ, versioned=False)
    def _get(call: Call) -> Answer:
        """One object."""
        found = _object(call, kind, call["id"])
        shown = _shown(call, kind, found)
        return Answer({"@odata.context": f"{_context(call, kind.path)}/$entity", **shown})


for _kind in COLLECTIONS:
    _declare(_kind)


@SURFACE.get("/{version}/groups/{id}/members", "Groups_ListMembers", READ, versioned=False)
def members(call: Call) -> Answer:
    """The members of a group, each as the kind of object that it is; not assessed where they were not read."""
    group = _object(call, GROUPS, call["id"])
    several = group.get("members")
    if not isinstance(several, list):
        raise Fault(501, "NotAssessed", "The members of this group were not read: it holds no role.")
    found = [_member(call, str(one)) for one in several]
    return Answer(
        {
            "@odata.context": _context(call, "directoryObjects"),
            "value": [_selected(call, one) for one in found],
        }
    )


def _member(call: Call, id_: str) -> dict[str, Any]:
    for kind, word in ((USERS, "user"), (GROUPS, "group"), (PRINCIPALS, "servicePrincipal")):
        known = call.edition.listing.get(f"/providers/{kind.type}/{id_}", EVERYTHING)
        if known is not None:
            told = {name: value for name, value in known["properties"].items() if name not in kind.expanded}
            return {"@odata.type": f"#microsoft.graph.{word}", **told}
    return {"@odata.type": "#microsoft.graph.directoryObject", "id": id_}


def _permitted(call: Call) -> None:
    """The directory is of the whole tenant: Fault in Graph's words for who may read a part alone."""
    if call["version"].lower() not in ("v1.0", "beta"):
        raise Fault(404, "InvalidVersion", f"'{call['version'][:20]}' is no version: v1.0 and beta are.")
    if not call.reach.everything:
        raise Fault(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _page(call: Call, kind: Collection) -> Answer:
    _permitted(call)
    fits = matching(call.asked("$filter"))
    page = call.edition.listing.page([kind.type], EVERYTHING, after=resumed(call), most=call.top(MOST))
    rows = [one["properties"] for one in page.bodies]
    body: dict[str, Any] = {
        "@odata.context": _context(call, kind.path),
        "value": [_shown(call, kind, one) for one in rows if fits(one)],
    }
    if page.after:
        body["@odata.nextLink"] = next_link(call, page.after)
    return Answer(body)


def _object(call: Call, kind: Collection, id_: str) -> dict[str, Any]:
    _permitted(call)
    found = call.edition.listing.get(f"/providers/{kind.type}/{id_}", EVERYTHING)
    if found is None:
        raise Fault(
            404,
            "Request_ResourceNotFound",
            f"Resource '{id_[:100]}' does not exist or one of its queried reference-property objects are not present.",
        )
    properties: dict[str, Any] = found["properties"]
    return properties


def _shown(call: Call, kind: Collection, properties: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {one.partition("(")[0].strip().lower() for one in _outer(call.asked("$expand"))}
    hidden = {one for one in kind.expanded if one.lower() not in wanted}
    kept = {name: value for name, value in properties.items() if name not in hidden}
    return _selected(call, kept, kind.expanded)


def _selected(call: Call, properties: Mapping[str, Any], always: Iterable[str] = ()) -> dict[str, Any]:
    """The fields that `$select` names, with those that were expanded; all where it names none."""
    wanted = {one.strip().lower() for one in call.asked("$select").split(",") if one.strip()}
    kept = wanted | {one.lower() for one in always} | {"@odata.type"}
    return {name: value for name, value in properties.items() if not wanted or name.lower() in kept}


def _outer(text: str) -> list[str]:
    """The parts of a list between commas that stand in no parentheses; Fault where those are not closed."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    if depth:
        raise bad("$expand has parentheses that are not closed.", "$expand", "BadRequest")
    return parts


def _context(call: Call, path: str) -> str:
    return f"{call.base}/{call['version']}/$metadata#{path}"
