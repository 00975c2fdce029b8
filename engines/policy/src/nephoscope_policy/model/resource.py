"""An ARM resource as it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Mapping

UNREAD = "unreadPaths"
"""The member of a body that lists the paths, as lists of lower-cased keys, whose values its export cut to text: they are not in it."""


def list_unread_paths(body: Mapping[str, object]) -> frozenset[tuple[str, ...]]:
    """The paths that a body says its export cut to text, keys lower-cased."""
    found = body.get(UNREAD)
    paths = found if isinstance(found, list) else ()
    return frozenset(tuple(map(str, path)) for path in paths if isinstance(path, list) and path)


class Planning(msgspec.Struct, frozen=True):
    """Facts of a resource that a deployment is to make, beside the body that is sent.

    The body may hold `arm.unknown.Unknown` values, and a member of `properties` that it lacks is what Azure makes of it: unknown, but
    for what lies at or under a path in `absent` (lower-cased keys). `condition` says why it may not be made at all, '' where it is;
    `unnamed` why its name or id is not known in full, '' where it is: then the body has them as they are shown.
    """

    absent: frozenset[tuple[str, ...]] = frozenset()
    condition: str = ""
    unnamed: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One ARM resource: its parsed id and its body exactly as the source gave it.

    `body` is raw ARM JSON with the keys `id`, `name`, `type`, `location`, `tags`, `kind`, `sku`, `identity`,
    `zones`, `plan`, `managedBy`, `properties`. `complete` is False where the source listed the resource without its
    `properties` (`az resource list`): a condition that reads them then ends Unknown.
    It is False too where the export cut values to text (`@{...}`): then what reads a path in `unread` ends Unknown. `derived` is True
    where no source listed the resource and only its id is known (a resource group that other ids name): it is never complete, and what
    reads anything but its id, name and type (its tags, its location) ends Unknown. `origin` names the bytes that it was read
    from (b'' = not known): two of one id and origin have the same body. `planned` is None for what exists. Identity is the id's key.
    """

    id: ResourceId
    body: dict[str, Any] = field(repr=False)
    complete: bool = True
    derived: bool = False
    origin: bytes = field(default=b"", repr=False)
    planned: Planning | None = None

    @classmethod
    def of(cls, body: dict[str, Any], *, complete: bool = True) -> Resource:
        """Wrap a body; raises ValueError when it has no usable `id`."""
        text = body.get("id")
        if not isinstance(text, str):
            raise ValueError("the body has no 'id'")
        return cls(ResourceId.parse(text), body, complete)

    @classmethod
    def wrap(cls, given: Resource | dict[str, object]) -> Resource:
        """A resource as it is, or a body wrapped; raises ValueError as `of`."""
        return cls.of(given) if isinstance(given, dict) else given

    @property
    def unread(self) -> frozenset[tuple[str, ...]]:
        """The paths whose values the export cut to text, keys lower-cased."""
        return frozenset() if self.complete else list_unread_paths(self.body)

    @property
    def key(self) -> str:
        """The lower-cased id."""
        return self.id.key

    @property
    def type(self) -> str:
        """The lower-cased type, from the id."""
        return self.id.type

    @property
    def name(self) -> str:
        """The name as the source spelled it."""
        return str(self.body.get("name") or self.id.name)
