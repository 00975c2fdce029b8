"""Role rights that matter to an attacker.

Source: https://learn.microsoft.com/azure/role-based-access-control/permissions-reference
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from nephoscope.estate.role_definitions import RoleClass, permits

if TYPE_CHECKING:
    from nephoscope.estate.roles import Roles


class RoleRight(StrEnum):
    """A right; CHANGE is that of a Contributor, who may change whatever is no role."""

    OWN = "own"
    CHANGE = "change"
    READ_BLOBS = "readBlobs"
    LIST_STORAGE_KEYS = "listStorageKeys"
    LIST_COSMOS_KEYS = "listCosmosKeys"
    READ_SECRETS = "readSecrets"
    SET_VAULT_POLICIES = "setVaultPolicies"


#: (operation, whether it is one on data)
_OPERATIONS = {
    RoleRight.READ_BLOBS: ("microsoft.storage/storageaccounts/blobservices/containers/blobs/read", True),
    RoleRight.LIST_STORAGE_KEYS: ("microsoft.storage/storageaccounts/listkeys/action", False),
    RoleRight.LIST_COSMOS_KEYS: ("microsoft.documentdb/databaseaccounts/listkeys/action", False),
    RoleRight.READ_SECRETS: ("microsoft.keyvault/vaults/secrets/getsecret/action", True),
    RoleRight.SET_VAULT_POLICIES: ("microsoft.keyvault/vaults/accesspolicies/write", False),
}
_ASSIGN = "microsoft.authorization/roleassignments/write"
#: Who may do these may change nearly everything.
_BROAD = tuple(
    f"{type_}/write"
    for type_ in (
        "microsoft.compute/virtualmachines",
        "microsoft.storage/storageaccounts",
        "microsoft.keyvault/vaults",
    )
)
_MANAGING = frozenset({RoleRight.LIST_STORAGE_KEYS, RoleRight.LIST_COSMOS_KEYS, RoleRight.SET_VAULT_POLICIES})
#: Built-in roles that are the same everywhere, for where role definitions were not read.
_KNOWN = {
    "b24988ac-6180-42a0-ab88-20f7382dd24c": frozenset({RoleRight.CHANGE}) | _MANAGING,  # Contributor
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": frozenset({RoleRight.OWN}),  # User Access Administrator
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": frozenset(
        {RoleRight.OWN}
    ),  # Role Based Access Control Administrator
}


def find_role_rights(roles: Roles, definition: str) -> frozenset[RoleRight]:
    """The rights of a role by its lower-cased definition id; NotCollected where it was not read and is not known."""
    found = roles.find_definition(definition)
    if found is None:
        class_ = roles.classify(definition)
        known = _KNOWN.get(definition.rsplit("/", 1)[-1], frozenset())
        return (
            frozenset({RoleRight.OWN, RoleRight.CHANGE}) | _MANAGING if class_ is RoleClass.OWNER else known
        )
    held = {right for right, (operation, data) in _OPERATIONS.items() if permits(found, operation, data=data)}
    if permits(found, _ASSIGN):
        held.add(RoleRight.OWN)
    if all(permits(found, operation) for operation in _BROAD):
        held.add(RoleRight.CHANGE)
    return frozenset(held)
