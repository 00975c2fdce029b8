"""Microsoft Graph: users, groups with the members of those that hold roles, service principals, applications with their federated
credentials, second factors, directory roles and eligible ones, named locations, conditional access policies, permission grants.

Source: https://learn.microsoft.com/graph/api/user-list, .../group-list, .../group-list-members, .../serviceprincipal-list,
.../application-list, .../authenticationmethodsroot-list-userregistrationdetails, .../rbacapplication-list-roleassignments,
.../rbacapplication-list-roleeligibilityscheduleinstances, .../conditionalaccessroot-list-namedlocations,
.../conditionalaccessroot-list-policies, .../oauth2permissiongrant-list
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nephoscope.collect.azure.checkpoint import Checkpoint, CheckpointEntry, build_request_key
from nephoscope.collect.azure.collection_gaps import parse_refusal
from nephoscope.connect.read_only_client import RequestError, RestClient
from nephoscope.files.json_tree import get_list

GROUPS = "microsoft.graph/groups"
DIRECTORY_ROLES = "microsoft.graph/roleassignments"
"""Who holds roles of the directory."""
ELIGIBLE_ROLES = "microsoft.graph/roleeligibilityscheduleinstances"
"""Who may activate roles of the directory in Privileged Identity Management."""
NAMED_LOCATIONS = "microsoft.graph/namedlocations"
"""Where people come from by right, for detections."""
CONDITIONAL_ACCESS = "microsoft.graph/policies"
"""Conditional access policies: who is covered by which control."""
PERMISSION_GRANTS = "microsoft.graph/oauth2permissiongrants"
"""Delegated permissions that users or administrators consented to."""
ALWAYS_READ = frozenset(
    {DIRECTORY_ROLES, ELIGIBLE_ROLES, NAMED_LOCATIONS, CONDITIONAL_ACCESS, PERMISSION_GRANTS}
)
"""Read wherever the directory is, whatever the content needs."""


@dataclass(frozen=True, slots=True)
class GraphObjectKind:
    """Kind of a Microsoft Graph object: the path that lists it and the application permission that this needs."""

    path: str
    permission: str

    @property
    def type(self) -> str:
        """The pseudo type as Azure writes it."""
        return f"Microsoft.Graph/{self.path.partition('?')[0].rpartition('/')[2]}"


KINDS = {
    "microsoft.graph/users": GraphObjectKind(
        "/v1.0/users?$select=id,displayName,userPrincipalName,mail,userType,accountEnabled,createdDateTime,creationType,givenName,surname,"
        "jobTitle,department,companyName,employeeId,city,state,country,externalUserState,onPremisesSamAccountName,"
        "onPremisesSecurityIdentifier,onPremisesDistinguishedName&$expand=manager($select=id)&$top=999",
        "User.Read.All",
    ),
    GROUPS: GraphObjectKind(
        "/v1.0/groups?$select=id,displayName,securityEnabled,mailEnabled,isAssignableToRole,groupTypes&$top=999",
        "GroupMember.Read.All",
    ),
    "microsoft.graph/serviceprincipals": GraphObjectKind(
        "/v1.0/servicePrincipals?$select=id,appId,displayName,accountEnabled,servicePrincipalType&$top=999",
        "Application.Read.All",
    ),
    "microsoft.graph/applications": GraphObjectKind(
        "/v1.0/applications?$select=id,appId,displayName,passwordCredentials,keyCredentials&$expand=federatedIdentityCredentials&$top=100",
        "Application.Read.All",
    ),
    "microsoft.graph/userregistrationdetails": GraphObjectKind(
        "/v1.0/reports/authenticationMethods/userRegistrationDetails?$top=999", "AuditLog.Read.All"
    ),
    DIRECTORY_ROLES: GraphObjectKind(
        "/v1.0/roleManagement/directory/roleAssignments?$expand=roleDefinition($select=id,displayName,templateId)",
        "RoleManagement.Read.Directory",
    ),
    ELIGIBLE_ROLES: GraphObjectKind(
        "/v1.0/roleManagement/directory/roleEligibilityScheduleInstances?$expand=roleDefinition($select=id,displayName,templateId)",
        "RoleEligibilitySchedule.Read.Directory",
    ),
    NAMED_LOCATIONS: GraphObjectKind("/v1.0/identity/conditionalAccess/namedLocations", "Policy.Read.All"),
    CONDITIONAL_ACCESS: GraphObjectKind("/v1.0/identity/conditionalAccess/policies", "Policy.Read.All"),
    PERMISSION_GRANTS: GraphObjectKind(
        "/v1.0/oauth2PermissionGrants?$top=999", "DelegatedPermissionGrant.Read.All"
    ),
}


class GraphRefusedError(Exception):
    """A kind of object that was not granted: `reason`, and the missing `permission`."""

    def __init__(self, reason: str, permission: str) -> None:
        super().__init__(reason)
        self.reason, self.permission = reason, permission


@dataclass(frozen=True, slots=True)
class GraphClient:
    """Asks with one sign-in and keeps every answer."""

    client: RestClient
    checkpoint: Checkpoint
    tenant: str = ""

    def read_objects(self, kind: str) -> int:
        """Read all objects of a pseudo type other than groups and say how many; raises GraphRefusedError."""
        file = f"graph/{kind.rpartition('/')[2]}.jsonl"
        return sum(len(page.rows) for page in self._fetch_pages(KINDS[kind].path, kind, file))

    def read_groups(self, assigned: Iterable[str] | None) -> list[dict[str, Any]]:
        """Every group as a resource, with `members` where it is, or lies in, one of the assigned (None = all); GraphRefusedError."""
        listed = [
            resource for page in self._fetch_pages(KINDS[GROUPS].path, GROUPS, "") for resource in page.rows
        ]
        by_id = {str(group["name"]).lower(): group for group in listed}
        wanted = by_id.keys() if assigned is None else {id_.lower() for id_ in assigned}
        waiting = sorted(wanted & by_id.keys())
        seen = set(waiting)
        while waiting:
            group = by_id[waiting.pop(0)]
            members = list(self._list_members(str(group["name"])))
            group["properties"]["members"] = members
            for member in members:
                key = member.lower()
                if key in by_id and key not in seen:
                    seen.add(key)
                    waiting.append(key)
        return listed

    def _list_members(self, group: str) -> Iterator[str]:
        path = f"/v1.0/groups/{group}/members?$select=id&$top=999"
        for page in self._fetch_pages(path, f"{GROUPS}/members", ""):
            yield from (str(resource["name"]) for resource in page.rows)

    def _fetch_pages(self, path: str, kind: str, file: str) -> Iterator[CheckpointEntry]:
        following = path
        while following:
            kept = self._fetch_page(following, kind, file)
            if kept.status != 200:
                raise GraphRefusedError(kept.reason, kept.permission)
            yield kept
            following = kept.next

    def _fetch_page(self, url: str, kind: str, file: str) -> CheckpointEntry:
        key = build_request_key("graph", self.tenant, url)
        kept = self.checkpoint.get(key)
        if kept is None:
            try:
                answer = self.client.get(url, kind)
            except RequestError as error:
                if error.status < 500:
                    raise
                return CheckpointEntry(key, "", error.status, [], reason=error.message)
            if answer.ok:
                rows = [
                    _build_resource(kind, value)
                    for value in get_list(answer.body, "value")
                    if isinstance(value, dict) and "id" in value
                ]
                kept = CheckpointEntry(key, file, 200, rows, str(answer.body.get("@odata.nextLink") or ""))
            else:
                permission = KINDS[kind.removesuffix("/members")].permission
                kept = CheckpointEntry(key, "", answer.status, [], "", 0, *parse_refusal(answer, permission))
            self.checkpoint.put(kept)
        return kept


def _build_resource(kind: str, value: dict[str, object]) -> dict[str, Any]:
    """A Graph object as a resource of a pseudo type."""
    id_ = str(value["id"])
    properties = {name: item for name, item in value.items() if not name.startswith("@odata")}
    return {
        "id": f"/providers/{kind.removesuffix('/members')}/{id_}",
        "name": id_,
        "type": kind,
        "properties": properties,
    }
