"""Resource diff: resources that differ between two states of an estate, compared by digest in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import msgspec

from nephoscope_policy.model.resource import Resource


class ResourceBatch(msgspec.Struct, frozen=True):
    """A few resources; `digest` names their ids and bodies (b'' = the origin of some is not known)."""

    resources: tuple[Resource, ...]
    digest: bytes


#: A resource is in the batch that its id's hash picks; the batches are a power of two.
Batches = Sequence[ResourceBatch]
_SIZE = 8


def iterate_batches(resources: Mapping[str, Resource]) -> list[ResourceBatch]:
    """Resources by lower-cased id in batches of some eight, which two states of an estate fill alike."""
    count = 1 << max(len(resources) // _SIZE, 1).bit_length()
    found: list[list[Resource]] = [[] for _ in range(count)]
    for key, resource in resources.items():
        found[hash(key) & (count - 1)].append(resource)
    return [ResourceBatch(tuple(members), _compute_digest(members)) for members in found]


def _compute_digest(resources: list[Resource]) -> bytes:
    origins = [resource.origin for resource in resources]
    if not all(origins):
        return b""
    named = msgspec.msgpack.encode(([resource.id.key for resource in resources], origins))
    return blake2b(named, digest_size=16).digest()


def find_changed_resources(old: Batches, new: Batches) -> list[str]:
    """The ids of the resources that only one side has, or that differ."""
    if len(old) != len(new):
        return find_changed_ids(_index_by_key(old), _index_by_key(new))
    pairs = [
        (before, after)
        for before, after in zip(old, new, strict=True)
        if before is not after and not (before.digest and before.digest == after.digest)
    ]
    return find_changed_ids(
        _index_by_key(before for before, _ in pairs), _index_by_key(after for _, after in pairs)
    )


def _index_by_key(some: Iterable[ResourceBatch]) -> dict[str, Resource]:
    return {resource.id.key: resource for batch in some for resource in batch.resources}


def find_changed_ids(old: Mapping[str, Resource], new: Mapping[str, Resource]) -> list[str]:
    """The ids of the resources that only one side has, or that differ, out of resources by id."""
    found = []
    for key, after in new.items():
        before = old.get(key)
        if before is None or (
            before is not after
            and not (before.origin and before.origin == after.origin)
            and not _is_same(before, after)
        ):
            found.append(key)
    return [*found, *(old.keys() - new.keys())]


def _is_same(one: Resource, other: Resource) -> bool:
    return (
        one.complete == other.complete
        and one.derived == other.derived
        and is_exactly_equal(one.body, other.body)
    )


def is_exactly_equal(one: object, other: object) -> bool:
    """Return whether two JSON values are written the same: True is not 1, 1.0 is not 1, and keys stand in the same order."""
    return msgspec.msgpack.encode(one) == msgspec.msgpack.encode(other)
