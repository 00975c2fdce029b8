"""Readable scopes: check permissions before reading, since Azure silently omits unreadable resources.

Rows of Resource Graph and lists of a subscription hold what the sign-in may read and say nothing of the rest, so that an answer
proves that a type was read only where it may be read in all of the scope. That is asked of each subscription (or resource group
that was named); where a subscription does not grant everything, or may not be asked, also of the resource groups in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nephoscope.collect.azure import permissions
from nephoscope.collect.azure.arm_get import ArmGet, FailedRequest
from nephoscope.collect.azure.collection_gaps import CollectionGaps
from nephoscope.collect.azure.permissions import Permissions

PERMISSIONS = "microsoft.authorization/permissions"
_ASKING = "Microsoft.Authorization/permissions/read"


@dataclass(frozen=True, slots=True)
class PermissionCheck:
    """Notes in `gaps` which of the lower-cased `types` may not be read in a scope; `action` gives the action that reads a type."""

    types: tuple[str, ...]
    action: Callable[[str], str]
    gaps: CollectionGaps

    def check_scope(self, arm: ArmGet, scope: str) -> None:
        """Ask of a subscription, or of a resource group that was named; where it is refused nothing there counts as read."""
        granted = read_permissions(arm, scope)
        if isinstance(granted, Permissions):
            self._add_gaps(scope, self._find_refused_actions(granted))
            return
        self.gaps.add(PERMISSIONS, scope, granted.reason, granted.permission)
        for type_ in self.types:
            reason = f"the permissions to read all of it could not be checked ({granted.reason})"
            self.gaps.add(type_, scope, reason)

    def widen(self, arm: ArmGet, subscription: str, group: str) -> bool:
        """Ask of a resource group in a subscription that has gaps; whether something may be read there that lacks around it.

        Only then what may not be read in the group is noted: the gaps of the subscription hold for every other group.
        """
        granted = read_permissions(arm, group)
        if not isinstance(granted, Permissions):
            return False
        refused = self._find_refused_actions(granted)
        if all(type_ in refused for type_ in self.types if self.gaps.is_missing(type_, subscription)):
            return False
        self._add_gaps(group, refused)
        return True

    def _find_refused_actions(self, granted: Permissions) -> frozenset[str]:
        return frozenset(type_ for type_ in self.types if not granted.allows(self.action(type_)))

    def _add_gaps(self, scope: str, types: Iterable[str]) -> None:
        for type_ in types:
            self.gaps.add(type_, scope, "the sign-in may not read it in all of the scope", self.action(type_))


def read_permissions(arm: ArmGet, scope: str) -> Permissions | FailedRequest:
    """Return what the sign-in may do in a scope, or why it may not be asked."""
    rows: list[dict[str, object]] = []
    reader = ArmGet(arm.client, arm.checkpoint, rows.append)
    failed = reader.read(
        permissions.build_permissions_url(scope), "", permissions.WHAT, _ASKING, must_be=True
    )
    return Permissions.of(rows) if failed is None else failed
