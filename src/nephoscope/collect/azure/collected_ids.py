"""Collected ids by type, which decide the next requests and the claims of the manifest."""

from __future__ import annotations

import threading
from collections import defaultdict

from nephoscope.collect.resource_sources import SEGMENT
from nephoscope_policy.model.resource_id import ResourceId

#: What stands beside resources: extensions themselves, and what is of no service.
_NO_EXTENSIONS = (
    "microsoft.authorization/",
    "microsoft.graph/",
    "microsoft.management/",
    "microsoft.policyinsights/",
    "microsoft.resources/",
    "microsoft.security/",
)


class CollectedIds:
    """Ids as Azure spelled them by lower-cased type.

    `connected` are the keys of bodies that list private endpoint connections, `assigned_groups` the groups that hold a role.
    """

    def __init__(self) -> None:
        self._by_type: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._lock = threading.Lock()
        self.connected: set[str] = set()
        self.assigned_groups: dict[str, str] = {}

    def add_body(self, body: dict[str, object]) -> None:
        """Note a body; one without a usable id is the loader's to report."""
        text = body.get("id")
        if not isinstance(text, str):
            return
        try:
            id_ = ResourceId.parse(text)
        except ValueError:
            return
        properties = body.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        with self._lock:
            self._by_type[id_.type][id_.key] = text.rstrip("/")
            if any(name.lower() == SEGMENT and isinstance(value, list) for name, value in properties.items()):
                self.connected.add(id_.key)
            if id_.type == "microsoft.authorization/roleassignments":
                self._add_assignment(properties)

    def _add_assignment(self, properties: dict[str, object]) -> None:
        principal = properties.get("principalId")
        if str(properties.get("principalType", "")).lower() == "group" and isinstance(principal, str):
            self.assigned_groups[principal.lower()] = principal

    def list_ids(self, type_: str) -> list[tuple[str, str]]:
        """(lower-cased id, id as spelled) of a type, sorted."""
        with self._lock:
            return sorted(self._by_type.get(type_, {}).items())

    @property
    def types(self) -> frozenset[str]:
        """The lower-cased types of which something has been read."""
        with self._lock:
            return frozenset(type_ for type_, found in self._by_type.items() if found)

    def list_extensible(self) -> list[tuple[str, str]]:
        """(lower-cased id, id as spelled) of whatever may have extensions: resources of services, sorted."""
        with self._lock:
            return sorted(
                pair
                for type_, found in self._by_type.items()
                if not type_.startswith(_NO_EXTENSIONS)
                for pair in found.items()
                if pair[0].count("/providers/") == 1
            )

    @property
    def count(self) -> int:
        """Count how many resources have been read."""
        with self._lock:
            return sum(len(found) for found in self._by_type.values())
