"""Narrower roles: the role with the fewest permissions that allows what the activity log shows an administrator to have done.

The activity log holds changes, not reads: a role is proposed only where it lets its holder read what was changed. What is done with
data, as by keys or in databases, is not in that log.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.role_definitions import DEFINITION_TYPE, has_permissions, permits

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

READER = "Reader"
_GROUP = re.compile(r"/subscriptions/[^/]+(/resourcegroups/[^/]+)?")


class UsedOperation(msgspec.Struct, frozen=True):
    """A lower-cased operation that was done, and the subscription or resource group of it ('' = not known)."""

    operation: str
    place: str = ""


class RoleProposals:
    """Proposes roles by the definitions of one estate."""

    def __init__(self, estate: AnalyzerEstate) -> None:
        self._definitions: Mapping[str, Resource] = {
            one.id.name: one
            for one in estate.list_of_type(DEFINITION_TYPE)
            if one.complete and has_permissions(one)
        }
        self._widths: dict[str, int] = {}

    def propose(self, definition: str, scope: str, used: Iterable[UsedOperation]) -> str:
        """Return the name of a narrower role than one that is held at a scope, '' where there is none or the role was not read."""
        if definition not in self._definitions:
            return ""
        operations = {one.operation for one in used if is_within(one.place, scope)}
        if not operations:
            return READER
        needed = operations | {f"{one.rpartition('/')[0]}/read" for one in operations if one.count("/") > 1}
        fitting = [
            (self._count_operations(id_), _read_role_name(body))
            for id_, body in self._definitions.items()
            if all(permits(body, one) for one in needed)
        ]
        width, name = min(fitting, default=(0, ""))
        return name if name and width < self._count_operations(definition) else ""

    def _count_operations(self, definition: str) -> int:
        """Count the known operations that a role allows."""
        found = self._widths.get(definition)
        if found is None:
            body = self._definitions[definition]
            found = sum(permits(body, one) for one in self._operations)
            self._widths[definition] = found
        return found

    @cached_property
    def _operations(self) -> Collection[str]:
        """The operations that any role names in full."""
        return {
            word for body in self._definitions.values() for word in _list_actions(body) if "*" not in word
        }


def is_within(place: str, scope: str) -> bool:
    """Return whether an operation in a subscription or resource group may lie in a scope; what is not known may."""
    if not place or not scope.startswith("/subscriptions/"):
        return True
    found = _GROUP.match(scope)
    around = found.group(0) if found else scope
    return f"{place}/".startswith(f"{around}/")


def _read_role_name(body: Resource) -> str:
    return str(get_properties(body).get("roleName") or body.id.name)


def _list_actions(body: Resource) -> list[str]:
    permissions = get_properties(body).get("permissions")
    parts = permissions if isinstance(permissions, list) else []
    return [str(word).lower() for part in parts for word in part.get("actions") or []]
