"""Principals of a tenant: users with what is known of them, and groups with everybody in them.

Facts come as resources of the pseudo types `microsoft.graph/...`, whose body's properties are the Graph object.
Source: https://learn.microsoft.com/graph/api/resources/user, .../group, .../userregistrationdetails
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

USER_TYPE = "microsoft.graph/users"
GROUP_TYPE = "microsoft.graph/groups"
SERVICE_TYPE = "microsoft.graph/serviceprincipals"
REGISTRATION_TYPE = "microsoft.graph/userregistrationdetails"

_MEMBER_TYPES = (USER_TYPE, GROUP_TYPE, SERVICE_TYPE)
READS = (USER_TYPE, GROUP_TYPE, SERVICE_TYPE, REGISTRATION_TYPE)


class EstatePrincipals:
    """Users, groups and registrations of an estate by lower-cased object id."""

    def __init__(self, estate: AnalyzerEstate) -> None:
        self._estate = estate
        self._expanded: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {}

    def _build_index(self, type_: str) -> dict[str, Resource]:
        return {resource.id.name: resource for resource in self._estate.list_of_type(type_)}

    @cached_property
    def _users(self) -> dict[str, Resource]:
        return self._build_index(USER_TYPE)

    @cached_property
    def _groups(self) -> dict[str, Resource]:
        return self._build_index(GROUP_TYPE)

    @cached_property
    def _services(self) -> dict[str, Resource]:
        return self._build_index(SERVICE_TYPE)

    @cached_property
    def _registrations(self) -> dict[str, Resource]:
        return self._build_index(REGISTRATION_TYPE)

    def covers(self, type_: str) -> bool:
        """Return whether every object of a Graph pseudo type was read."""
        return self._estate.coverage.covers(type_, "")

    def explain(self, what: str) -> str:
        """Return what of the directory was not read, with why, where the export tells why it lacks a type that the text names."""
        gaps = self._estate.coverage.gaps
        reasons = dict.fromkeys(gaps[type_] for type_ in READS if type_ in what and gaps.get(type_))
        return f"{what} ({'; '.join(reasons)})" if reasons else what

    def find_user(self, object_id: str) -> Resource | None:
        """A user, None where the account no longer exists; raises DataNotCollectedError where users were not read."""
        found = self._users.get(object_id)
        if found is None and not self.covers(USER_TYPE):
            raise DataNotCollectedError(f"{USER_TYPE}/{object_id}")
        return found

    def is_guest(self, object_id: str) -> bool:
        """Return whether an account comes from outside the tenant; a deleted account is no guest."""
        user = self.find_user(object_id)
        if user is None:
            return False
        body = get_properties(user)
        kind = body.get("userType")
        if isinstance(kind, str):
            return kind.lower() == "guest"
        if "#EXT#" in str(body.get("userPrincipalName", "")).upper():
            return True
        raise DataNotCollectedError(f"userType of {USER_TYPE}/{object_id}")

    def is_blocked(self, object_id: str) -> bool:
        """Return whether an account cannot sign in; a deleted account is not blocked, it is gone."""
        user = self.find_user(object_id)
        if user is None:
            return False
        enabled = get_properties(user).get("accountEnabled")
        if not isinstance(enabled, bool):
            raise DataNotCollectedError(f"accountEnabled of {USER_TYPE}/{object_id}")
        return not enabled

    def has_second_factor(self, object_id: str) -> bool:
        """Return whether an account has registered a second factor that the tenant's policy lets it use."""
        found = self._registrations.get(object_id)
        body: dict[str, object] = get_properties(found) if found is not None else {}
        registered, capable = body.get("isMfaRegistered"), body.get("isMfaCapable")
        if not isinstance(registered, bool) and not isinstance(capable, bool):
            raise DataNotCollectedError(f"{REGISTRATION_TYPE}/{object_id}")
        return registered is not False and capable is not False

    def find_name(self, object_id: str) -> str:
        """The user principal name, else the object id."""
        user = self._users.get(object_id)
        return str((get_properties(user) if user is not None else {}).get("userPrincipalName") or object_id)

    def find_members(self, object_id: str, kind: str) -> tuple[frozenset[str], tuple[str, ...]]:
        """The users that a principal stands for, and what was not read and could add more.

        `kind` is the lower-cased principalType of a role assignment ('' = not said). Groups are taken apart to any
        depth; service principals and devices are no accounts of people.
        """
        if kind == "user":
            return frozenset([object_id]), ()
        if kind in ("serviceprincipal", "device"):
            return frozenset(), ()
        if kind == "foreigngroup":
            return frozenset(), (f"the members of the foreign group {GROUP_TYPE}/{object_id}",)
        found = self._expanded.get(object_id)
        if found is None:
            found = self._expanded[object_id] = self._expand_groups(object_id, kind)
        return found

    def _expand_groups(self, start: str, kind: str) -> tuple[frozenset[str], tuple[str, ...]]:
        users: set[str] = set()
        unsure: list[str] = []
        waiting, seen = [(start, kind)], {start}
        while waiting:
            object_id, kind = waiting.pop()
            if object_id in self._users:
                users.add(object_id)
            elif object_id in self._groups:
                for member in self._list_members(object_id, unsure):
                    if member not in seen:
                        seen.add(member)
                        waiting.append((member, ""))
            elif not self._is_gone(object_id, kind):
                unsure.append(f"{self._find_unread_type(kind)}/{object_id}")
        return frozenset(users), tuple(unsure)

    def _list_members(self, group: str, unsure: list[str]) -> list[str]:
        members = get_properties(self._groups[group]).get("members")
        if not isinstance(members, list):
            unsure.append(f"members of {GROUP_TYPE}/{group}")
            return []
        return [str(member.get("id") if isinstance(member, dict) else member).lower() for member in members]

    def _find_unread_type(self, kind: str) -> str:
        """The type of an object that is in no index, of those that were not read in full."""
        unread = [type_ for type_ in _MEMBER_TYPES if not self.covers(type_)]
        return GROUP_TYPE if kind == "group" or not unread else unread[0]

    def _is_gone(self, object_id: str, kind: str) -> bool:
        """Return whether an id that is in no index is no user: a service principal, or an object that no longer exists."""
        if object_id in self._services:
            return True
        if kind == "group":
            return self.covers(GROUP_TYPE)
        return all(self.covers(type_) for type_ in _MEMBER_TYPES)
