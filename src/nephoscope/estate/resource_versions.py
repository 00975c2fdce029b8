"""Versions of resources: the hash of a body, and what differs between two estates."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.coverage import find_scope, was_read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate import Estate
    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource


class Diff(msgspec.Struct, frozen=True):
    """Difference between an earlier and a later state, as sorted lower-cased ids.

    `removed` are gone although the later state has read their type; `unread` are missing in the later state, which has
    not read their type; `unchanged` counts the rest.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unread: tuple[str, ...]
    unchanged: int

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is known to differ."""
        return not (self.added or self.changed or self.removed)


def hash_content(resource: Resource) -> str:
    """32 hexadecimal digits over the body, whatever the order of its keys, and whether it is complete."""
    text = msgspec.json.encode(resource.body, order="sorted")
    return hashlib.blake2b(
        text, digest_size=16, person=b"whole" if resource.complete else b"listed"
    ).hexdigest()


def hash_snapshot(hashes: Iterable[tuple[str, str]], coverage: Coverage) -> str:
    """64 hexadecimal digits over (id, content hash) in the order of ids and the coverage: the identity of a snapshot's content."""
    digest = hashlib.sha256()
    for key, content in hashes:
        digest.update(f"{key}\0{content}\n".encode("utf-8", "surrogatepass"))
    for scope, types in sorted(coverage.scopes.items()):
        digest.update(f"{scope}\0{chr(0).join(sorted(types))}\n".encode("utf-8", "surrogatepass"))
    digest.update(repr((coverage.declared, sorted(coverage.gaps.items()))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def hash_resources(resources: Iterable[Resource]) -> dict[str, str]:
    """The content hash of each resource by id; derived containers are left out, as nothing was read of them."""
    return {resource.key: hash_content(resource) for resource in resources if not resource.derived}


def is_history_covered(resource: Resource, coverage: Coverage) -> bool:
    """Return whether the coverage has read every resource of this one's type (or this name of it) where it lies."""
    return was_read(coverage, resource.id, find_scope(resource))


def compare_estates(before: Estate, after: Estate) -> Diff:
    """Return what differs between two estates, by content hash; derived containers are left out."""
    old, new = hash_resources(before.resources.values()), hash_resources(after.resources.values())
    gone = [before.resources[key] for key in old.keys() - new.keys()]
    return Diff(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(key for key in old.keys() & new.keys() if old[key] != new[key])),
        removed=tuple(
            sorted(resource.key for resource in gone if is_history_covered(resource, after.coverage))
        ),
        unread=tuple(
            sorted(resource.key for resource in gone if not is_history_covered(resource, after.coverage))
        ),
        unchanged=sum(old[key] == new[key] for key in old.keys() & new.keys()),
    )
