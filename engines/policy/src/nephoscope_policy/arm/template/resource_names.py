"""The resources of one deployment by their names, for references that have no id."""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope_policy.arm.template.expansion_types import PlannedResourceView


class ResourceNames:
    """An index that grows with a list of resources; all names are lower-cased."""

    def __init__(self) -> None:
        self._count = 0
        self._full: dict[str, PlannedResourceView] = {}
        self._typed: dict[str, PlannedResourceView] = {}
        self._short: dict[str, PlannedResourceView | None] = {}

    def find(self, resources: Sequence[PlannedResourceView], name: str) -> PlannedResourceView | None:
        """A resource by its name, by its type and name, or, where just one has it, by the last part of its name."""
        for resource in resources[self._count :]:
            self._add_resource(resource)
        self._count = len(resources)
        return self._full.get(name) or self._typed.get(name) or self._short.get(name)

    def _add_resource(self, resource: PlannedResourceView) -> None:
        full, short = resource.full_name.lower(), resource.key.rpartition("/")[2]
        self._full.setdefault(full, resource)
        self._typed.setdefault(f"{resource.written_type.lower()}/{full}", resource)
        self._typed.setdefault(resource.key.rpartition("/providers/")[2], resource)
        self._short[short] = None if short in self._short else resource
