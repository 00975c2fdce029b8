"""Required permissions of a collection: one table for roles, grant scripts and the connection test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nephoscope.collect.azure.collection_plan import CollectionPlan
from nephoscope.collect.azure.content_requirements import ContentNeeds
from nephoscope.collect.azure.microsoft_graph import (
    ALWAYS_READ,
    CONDITIONAL_ACCESS,
    DIRECTORY_ROLES,
    ELIGIBLE_ROLES,
    KINDS,
    NAMED_LOCATIONS,
    PERMISSION_GRANTS,
)
from nephoscope.collect.resource_sources import TypeSources

#: The role that allows every action of the table. Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
_ASKED = {
    "Microsoft.Authorization/permissions/read": "what the sign-in may read in a subscription is asked first",
    "Microsoft.ResourceGraph/resources/read": "most types are read by queries to Resource Graph",
}


_OBJECTS = {
    "microsoft.graph/users": "accounts: blocked and guest accounts that hold roles",
    "microsoft.graph/groups": "groups that hold roles, and who is in them",
    "microsoft.graph/serviceprincipals": "applications that hold roles",
    "microsoft.graph/applications": "federated credentials of applications that hold roles",
    "microsoft.graph/userregistrationdetails": "who has a second factor registered",
    DIRECTORY_ROLES: "who holds roles of the directory",
    NAMED_LOCATIONS: "trusted places, for detections",
    CONDITIONAL_ACCESS: "conditional access policies: which accounts and sign-ins they cover",
    ELIGIBLE_ROLES: "who can activate directory roles",
    PERMISSION_GRANTS: "delegated permissions that were consented to",
}


class PermissionProvider(StrEnum):
    """Provider of a permission: an Azure role on subscriptions, or an application permission of Microsoft Graph."""

    AZURE = "Azure"
    GRAPH = "Microsoft Graph"


@dataclass(frozen=True, slots=True)
class RequiredPermission:
    """A right, the lower-cased type that is read by it ('' = none), and why it is wanted."""

    place: PermissionProvider
    name: str
    type: str
    why: str

    @property
    def provider(self) -> str:
        """The resource provider of an action."""
        return self.name.partition("/")[0].lower()


def list_required_permissions(needs: ContentNeeds, *, graph: bool = True) -> tuple[RequiredPermission, ...]:
    """Every right that reading what is needed takes, sorted by place and name."""
    reading = TypeSources.load_builtin()
    plan = CollectionPlan.of(needs, reading)
    types = {*plan.tables_by_type, *(job.list.type for job in plan.jobs)}
    found = [RequiredPermission(PermissionProvider.AZURE, name, "", why) for name, why in _ASKED.items()]
    found += [
        RequiredPermission(
            PermissionProvider.AZURE, f"{reading.spell(type_)}/read", type_, "policies and analyzers read it"
        )
        for type_ in types
    ]
    kinds = plan.graph | ALWAYS_READ if graph and plan.graph else frozenset()
    found += [
        RequiredPermission(PermissionProvider.GRAPH, KINDS[kind].permission, kind, _OBJECTS[kind])
        for kind in kinds
    ]
    return tuple(sorted(found, key=lambda one: (one.place, one.name.lower())))


def list_names(found: tuple[RequiredPermission, ...], place: PermissionProvider) -> tuple[str, ...]:
    """The names of the rights of a place, each once whatever its case."""
    return tuple({one.name.lower(): one.name for one in found if one.place is place}.values())
