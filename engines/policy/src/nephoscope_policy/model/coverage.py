"""Coverage of one tenant by a snapshot, so that what it has not read is Unknown and never healthy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.model.resource_id import get_parent_scope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class Coverage(msgspec.Struct, frozen=True):
    """The coverage manifest of one tenant's snapshot: a tree of scopes, each with what was read there in full.

    `scopes` maps a lower-cased scope ('' for the tenant, then a management group, subscription, resource group or resource) to the
    lower-cased resource types that were read at it and everywhere below it; the type `*` stands for every top-level and child type.
    An entry may carry a name, `microsoft.security/assessments/<key>`: then only that name was read; `<type>/providers/<extension>`
    is the extension under resources of that type alone (docs/decisions/0081-what-a-manifest-may-claim.md).
    `declared` is False where the manifest was inferred from the types that were seen.
    `gaps` maps a lower-cased type to the reason why it was not read ('403 on ...').
    `tenant` is the lower-cased id of the tenant ('' where the snapshot does not tell it). `read_at` maps a scope to the time at
    which it was read, None where nobody knows; a scope that is not in it was read when the nearest scope above it was.
    `claimed_at` maps a scope to the times of single claims at it, where they were made apart from the rest; one that is not in
    `scopes` has expired (docs/decisions/0405-own-facts.md).
    `supposed` is True where nothing was read at all: the resources are a world that somebody made up, with nothing beside them.
    """

    scopes: dict[str, frozenset[str]]
    declared: bool = False
    gaps: dict[str, str] = msgspec.field(default_factory=dict)
    tenant: str = ""
    read_at: dict[str, datetime | None] = msgspec.field(default_factory=dict)
    supposed: bool = False
    claimed_at: dict[str, dict[str, datetime]] = msgspec.field(default_factory=dict)

    @classmethod
    def cover_everything(cls) -> Coverage:
        """The manifest of a snapshot that is the whole world: a missing resource does not exist."""
        return cls({"": frozenset({"*"})}, declared=True, supposed=True)

    def covers(self, type_: str, scope: str, name: str = "") -> bool:
        """Return whether every resource of the lower-cased type (and name) in the scope was read, so that absence means
        'does not exist'.

        A claim holds for its scope and for all that lies below it.
        """
        place = scope
        while True:  # asked for each look-up, so written to be fast
            types = self.scopes.get(place)
            if types is not None and (
                type_ in types or "*" in types or (name and f"{type_}/{name}" in types)
            ):
                return True
            if not place:
                return False
            place = get_parent_scope(place)

    def list_claim_times(self, type_: str, scope: str, name: str = "") -> Iterator[datetime | None]:
        """Yield of each claim by which `covers` holds when it was read, None where the manifest does not tell."""
        return (self.find_read_time(place, type_, name) for place in self._list_claims(type_, scope, name))

    def _list_claims(self, type_: str, scope: str, name: str) -> Iterator[str]:
        """Yield the scope itself and those above it at which the type (or the name) is claimed."""
        place = scope
        while True:
            types = self.scopes.get(place)
            if types is not None and (
                type_ in types or "*" in types or (name and f"{type_}/{name}" in types)
            ):
                yield place
            if not place:
                return
            place = get_parent_scope(place)

    def find_claim_time(self, scope: str, type_: str, name: str = "") -> datetime | None:
        """Return when a type (or a name of it) was claimed apart at a scope or above it, also where the claim expired;
        None for never."""
        place = scope if self.claimed_at else ""
        while place:
            claims = self.claimed_at.get(place, {})
            found = claims.get(f"{type_}/{name}") or claims.get(type_)
            if found is not None:
                return found
            place = get_parent_scope(place)
        return None

    def find_read_time(self, scope: str, type_: str = "", name: str = "") -> datetime | None:
        """Return when a scope was read (or a type in it, or a name of the type), None where the manifest does not tell."""
        place = scope
        while True:
            claims = self.claimed_at.get(place)
            found = claims and (claims.get(f"{type_}/{name}") or claims.get(type_))
            if found:
                return found
            if not place or place in self.read_at:
                return self.read_at.get(place)
            place = get_parent_scope(place)
