"""Where alerts lie: the subscriptions and the resource groups of the resources that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from nephoscope.model.reach import Reach

#: (subscription, id of the resource group or ''), both in lower case.
Place = tuple[str, str]
_RESOURCE = re.compile(r'/subscriptions/([^/"\s\\]+)(?:/resourcegroups/([^/"\s\\]+))?')
_MOST = 500_000
#: Gives (id, row) of the alerts of some ids.
Reader = Callable[[Sequence[str]], Iterable[tuple[str, Mapping[str, Any]]]]


def places(document: Mapping[str, Any]) -> frozenset[Place]:
    """Where the resources lie that the row of an alert names; none for one that names accounts and addresses alone."""
    text = f"{document.get('_ResourceId') or ''}\n{document.get('Entities') or ''}".lower()
    return frozenset(
        (one, f"/subscriptions/{one}/resourcegroups/{group}" if group else "")
        for one, group in _RESOURCE.findall(text)
    )


class KnownPlaces:
    """The places of alerts, read from each version of an alert once. Safe for threads."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[datetime, frozenset[Place]]] = {}

    def of(self, versions: Mapping[str, datetime], read: Reader) -> dict[str, frozenset[Place]]:
        """Where alerts lie, by their ids; `versions` says when each was changed, `read` gives the rows of those that are not known."""
        found: dict[str, frozenset[Place]] = {}
        for id_, changed in versions.items():
            moment, kept = self._known.get(id_, (None, frozenset[Place]()))
            if moment == changed:
                found[id_] = kept
        fresh = {id_: places(row) for id_, row in read([one for one in versions if one not in found])}
        if len(self._known) + len(fresh) > _MOST:
            self._known = {}
        self._known.update((id_, (versions[id_], one)) for id_, one in fresh.items())
        return found | fresh


def lies_within(where: frozenset[Place], reach: Reach) -> bool:
    """Whether one of some places is of a reach."""
    return any(reach.sees(*one) for one in where)
