"""Role definitions: whether a role makes an owner, lets somebody change things, or only read.

Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from nephoscope.estate.resource_lookup import get_properties
from nephoscope.model.wildcard import matches_wildcard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope_policy.model.resource import Resource

DEFINITION_TYPE = "microsoft.authorization/roledefinitions"


class RoleClass(StrEnum):
    """Class of a role by the permissions of its holder, widest first."""

    OWNER = "owner"
    WRITE = "write"
    READ = "read"


# Built-in roles whose GUIDs are the same everywhere: known also where role definitions were not collected.
WELL_KNOWN = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": RoleClass.OWNER,  # Owner
    "b24988ac-6180-42a0-ab88-20f7382dd24c": RoleClass.WRITE,  # Contributor
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": RoleClass.READ,  # Reader
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": RoleClass.WRITE,  # User Access Administrator
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": RoleClass.WRITE,  # Role Based Access Control Administrator
    "fb1c8493-542b-48eb-b624-b4c8fea62acd": RoleClass.WRITE,  # Security Admin
    "39bc4728-0917-49c7-9d2c-d95423bc2eb4": RoleClass.READ,  # Security Reader
}

_ASSIGN_ROLES = "microsoft.authorization/roleassignments/write"
_LISTS = ("actions", "notActions", "dataActions", "notDataActions")
_CHANGING = ("write", "delete", "action")


def has_permissions(definition: Resource) -> bool:
    """Return whether a body says what its role may do: an export may have printed a list as a text."""
    permissions: object = get_properties(definition).get("permissions")
    return isinstance(permissions, list) and all(
        isinstance(part, dict) and all(isinstance(part.get(name) or [], list) for name in _LISTS)
        for part in permissions
    )


def classify_role(definition: Resource) -> RoleClass:
    """The class of a role by its permissions.

    An owner may do everything (`*`) and assign roles; a writer may do anything that is not a read, on resources or on
    their data; everybody else is a reader.
    """
    permissions: object = get_properties(definition).get("permissions")
    parts = [part for part in permissions if isinstance(part, dict)] if isinstance(permissions, list) else []
    if any(_is_owner_part(part) for part in parts):
        return RoleClass.OWNER
    if any(
        _may_change(part, "actions", "notActions") or _may_change(part, "dataActions", "notDataActions")
        for part in parts
    ):
        return RoleClass.WRITE
    return RoleClass.READ


def changes_resources(definition: Resource) -> bool:
    """Return whether a role lets its holder change resources themselves, not only the data that they hold."""
    permissions: object = get_properties(definition).get("permissions")
    parts = permissions if isinstance(permissions, list) else ()
    return any(isinstance(part, dict) and _may_change(part, "actions", "notActions") for part in parts)


def permits(definition: Resource, operation: str, *, data: bool = False) -> bool:
    """Return whether a role lets its holder do a lower-cased operation, on resources or (`data`) on what they hold."""
    permissions: object = get_properties(definition).get("permissions")
    allowed, taken = ("dataActions", "notDataActions") if data else ("actions", "notActions")
    return any(
        _matches(operation, _read_words(part, allowed)) and not _matches(operation, _read_words(part, taken))
        for part in (permissions if isinstance(permissions, list) else ())
        if isinstance(part, dict)
    )


def _read_words(part: dict[str, object], name: str) -> list[str]:
    found = part.get(name)
    return [str(word).lower() for word in found] if isinstance(found, list) else []


def _is_owner_part(part: dict[str, object]) -> bool:
    return "*" in _read_words(part, "actions") and not _matches(
        _ASSIGN_ROLES, _read_words(part, "notActions")
    )


def _matches(operation: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern names the operation; '*' runs over slashes, as in Azure."""
    return any(matches_wildcard(operation, pattern) for pattern in patterns)


def _may_change(part: dict[str, object], allowed: str, taken: str) -> bool:
    refused = _read_words(part, taken)
    return any(
        not _matches(operation, refused)
        for pattern in _read_words(part, allowed)
        for operation in _list_operations(pattern)
    )


def _list_operations(pattern: str) -> list[str]:
    """The changing operations that a pattern stands for: `x/*` is `x/*/write`, `x/*/delete` and `x/*/action`."""
    if pattern.endswith("/read"):
        return []
    if pattern.endswith("*"):
        return [f"{pattern}/{verb}" for verb in _CHANGING]
    return [pattern]
