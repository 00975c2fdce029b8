"""Alert scopes: subscriptions and resource groups of the resources that an alert names."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from nephoscope.model.read_scope import Reach
from nephoscope_policy.model.resource_id import ResourceId

#: (subscription, id of the resource group or ''), both in lower case.
Place = tuple[str, str]
#: Gives (id, row) of the alerts of some ids.
Reader = Callable[[Sequence[str]], Iterable[tuple[str, Mapping[str, object]]]]


def resources(document: Mapping[str, object]) -> list[ResourceId]:
    """The resources of subscriptions that the row of an alert names; none for one that names accounts and addresses alone."""
    several: list[ResourceId] = []
    candidates = [str(document.get("_ResourceId") or "")]
    for entity in json.loads(str(document.get("Entities") or "[]")):
        candidates += [str(entity.get(name) or "") for name in ("ResourceId", "AzureID")]
    for text in candidates:
        try:
            found = ResourceId.parse(text) if text else None
        except ValueError:
            continue
        if found is not None and found.subscription:
            several.append(found)
    return several


def list_places(document: Mapping[str, object]) -> frozenset[Place]:
    """Return where the resources lie that the row of an alert names."""
    return frozenset((one.subscription, one.resource_group_id) for one in resources(document))


class KnownPlaces:
    """The places of alerts, read from each version of an alert once. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, Hashable] = {}
        self._lying: defaultdict[Place, set[str]] = defaultdict(set)

    def find_in_reach(
        self, versions: Sequence[tuple[str, Hashable]], reach: Reach, read: Reader
    ) -> list[str]:
        """Return which alerts, (id, what is equal while it is unchanged), lie in a reach; `read` gives the rows of
        those not known so."""
        known = self._versions
        if fresh := {id_: version for id_, version in versions if known.get(id_) != version}:
            rows = [(id_, list_places(row)) for id_, row in read(list(fresh))]
            with self._lock:
                self._keep_places(fresh, rows)
        with self._lock:
            found = set().union(*(ids for place, ids in self._lying.items() if reach.can_read(*place)))
        return [id_ for id_, _ in versions if id_ in found]

    def _keep_places(
        self, fresh: Mapping[str, Hashable], rows: Iterable[tuple[str, frozenset[Place]]]
    ) -> None:
        for id_, where in rows:
            if id_ in self._versions:
                for several in self._lying.values():
                    several.discard(id_)
            self._versions[id_] = fresh[id_]
            for one in where:
                self._lying[one].add(id_)
