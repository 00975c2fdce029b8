"""Group memberships of a principal, directly or through groups."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.estate.principals import GROUP_TYPE
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView


class Memberships:
    """Groups by lower-cased object id of their members."""

    def __init__(self, view: EstateView) -> None:
        self._view = view

    @cached_property
    def _names(self) -> dict[str, str]:
        return {
            one.id.name: str(get_properties(one).get("displayName") or one.id.name)
            for one in self._view.list_resources(GROUP_TYPE)
        }

    @cached_property
    def _direct(self) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for group in self._view.list_resources(GROUP_TYPE):
            members: object = get_properties(group).get("members")
            for member in members if isinstance(members, list) else ():
                id_ = str(member.get("id") if isinstance(member, dict) else member).lower()
                found[id_].append(group.id.name)
        return found

    def name(self, group: str) -> str:
        """The display name of a group, else its object id."""
        return self._names.get(group, group)

    def list_groups(self, principal: str) -> tuple[str, ...]:
        """The object ids of the groups of a principal, the nearest first."""
        seen: dict[str, None] = {}
        waiting = [principal]
        while waiting:
            for group in self._direct.get(waiting.pop(0), ()):
                if group not in seen:
                    seen[group] = None
                    waiting.append(group)
        return tuple(seen)
