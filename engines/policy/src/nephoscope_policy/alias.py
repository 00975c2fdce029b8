"""Aliases of properties and capabilities of resource types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class Alias(msgspec.Struct, frozen=True):
    """One alias: its default path, and the paths that single api-versions or resource types (lower-cased) have instead.

    `types` serves the few aliases that name no type of their own, such as Microsoft.Compute/imagePublisher.
    """

    name: str
    path: str
    versions: Mapping[str, str] = msgspec.field(default_factory=dict)
    modifiable: bool | None = None
    types: Mapping[str, str] = msgspec.field(default_factory=dict)

    def find_path(self, api_version: str, type_: str = "") -> str:
        """The path for an api-version and a lower-cased type, '' for the default."""
        path = self.types.get(type_, self.path) if self.types else self.path
        return self.versions.get(api_version, path) if self.versions else path


class Capability(msgspec.Struct, frozen=True):
    """Capability of a resource type to bear tags and a location, which decides what mode Indexed covers."""

    tags: bool
    location: bool
