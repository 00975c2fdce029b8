"""Managed identities by the ids under which logs name them, and the resource of the estate that each belongs to.

Source: https://learn.microsoft.com/azure/templates/microsoft.managedidentity/userassignedidentities
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from nephoscope_policy.model.resource import Resource

ASSIGNED_TYPE = "microsoft.managedidentity/userassignedidentities"
#: What the text of every body with a managed identity holds.
WORDS = ("principalId", "dentit")


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """An identity: the lower-cased id of its own resource, or of the one that has it; its object id ('' = not known) and client id."""

    resource: str
    principal: str
    client: str

    @property
    def is_user_assigned(self) -> bool:
        """Return whether it is user-assigned: a resource of its own."""
        return f"/{ASSIGNED_TYPE}/" in self.resource


def map_managed_identities(resources: Iterable[Resource]) -> dict[str, ManagedIdentity]:
    """Return the identities that bodies tell of, by lower-cased object id and client id."""
    return {
        id_: one
        for resource in resources
        for one in _list_identities(resource)
        for id_ in (one.principal, one.client)
        if id_
    }


def _list_identities(resource: Resource) -> Iterator[ManagedIdentity]:
    if resource.type == ASSIGNED_TYPE:
        yield _build_identity(resource.key, get_properties(resource))
    identity: object = resource.body.get("identity")
    if not isinstance(identity, dict):
        return
    yield ManagedIdentity(resource.key, _lower_text(identity.get("principalId")), "")
    several: object = identity.get("userAssignedIdentities")
    for key, document in several.items() if isinstance(several, dict) else ():
        if isinstance(document, dict):
            yield _build_identity(str(key).lower().rstrip("/"), document)


def _build_identity(key: str, identity: dict[str, object]) -> ManagedIdentity:
    return ManagedIdentity(
        key, _lower_text(identity.get("principalId")), _lower_text(identity.get("clientId"))
    )


def _lower_text(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""
