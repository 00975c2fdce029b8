"""Permissions of the signed-in identity in a scope.

Source: https://learn.microsoft.com/rest/api/authorization/permissions
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nephoscope.model.wildcard import matches_wildcard

API_VERSION = "2022-04-01"
WHAT = "permissions"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Pairs of lower-cased actions and not-actions; what any of them grants is granted."""

    pairs: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @classmethod
    def of(cls, rows: Iterable[dict[str, object]]) -> Permissions:
        """From the rows of the answer."""
        return cls(tuple((_read_words(row, "actions"), _read_words(row, "notActions")) for row in rows))

    def allows(self, action: str) -> bool:
        """Return whether an action in any case is granted."""
        action = action.lower()
        return any(
            _matches(action, actions) and not _matches(action, refused) for actions, refused in self.pairs
        )


def build_permissions_url(scope: str) -> str:
    """The path that answers for a scope."""
    return f"{scope}/providers/Microsoft.Authorization/permissions?api-version={API_VERSION}"


def _read_words(row: dict[str, object], name: str) -> tuple[str, ...]:
    found = row.get(name)
    return tuple(str(word).lower() for word in found) if isinstance(found, list) else ()


def _matches(action: str, patterns: tuple[str, ...]) -> bool:
    return any(matches_wildcard(action, pattern) for pattern in patterns)
