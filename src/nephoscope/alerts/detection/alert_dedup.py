"""Alert deduplication: match the alerts of a run with earlier ones of the same window."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nephoscope.alerts.detection.alert_similarity import match_similar
from nephoscope.model.alert import Alert
from nephoscope.state.incidents.alerts import StoredAlert

#: What an alert's row says of the moment, of what people decided, and of its entities in other words.
_BESIDE = frozenset({"TimeGenerated", "ProcessingEndTime", "Status", "CompromisedEntity", "_ResourceId"})
#: Which times were looked at: another look that saw the same tells nothing new.
_TIMES = ("Query Start Time UTC", "Query End Time UTC")


def pair_with_earlier(
    alerts: Sequence[Alert], earlier: Sequence[StoredAlert]
) -> list[tuple[Alert, StoredAlert | None]]:
    """Each alert with the earlier one of its window that it is, under that one's id; None = it is new.

    An alert that says just the same is found first, then one of the same id, or of another window with the same name, where names
    tell the rows apart; what is left goes to the earlier one that it is most like. Each earlier alert is found once at most.
    """
    taken, left = {one.id for one in earlier}, UnmatchedAlerts(earlier)
    found: dict[int, StoredAlert] = {}
    for exact in (_find_by_traits, _find_by_id, _find_by_name):
        for place, alert in enumerate(alerts):
            if place not in found and (known := exact(alert, left)) is not None:
                found[place] = left.pop(known.id)
    rest = {place: one for place, one in enumerate(alerts) if place not in found}
    for place, id_ in match_similar(rest, list(left.alerts.values())):
        found[place] = left.pop(id_)
    return [_assign_alert_id(alert, found.get(place), taken) for place, alert in enumerate(alerts)]


class UnmatchedAlerts:
    """The earlier alerts that were not found yet, looked up by their ids and by what they say."""

    def __init__(self, earlier: Sequence[StoredAlert]) -> None:
        self.alerts = {one.id: one for one in earlier}
        self._saying: dict[Hashable, deque[str]] = {}
        for one in self.alerts.values():
            self._saying.setdefault(_build_traits_key(one.group_key, one.traits), deque()).append(one.id)

    def pop(self, id_: str) -> StoredAlert:
        """The alert of an id, which is found now."""
        return self.alerts.pop(id_)

    def find_by_traits(self, group: str, traits: Mapping[str, str]) -> StoredAlert | None:
        """The first one of a group with just these traits."""
        several = self._saying.get(_build_traits_key(group, traits), deque())
        while several and several[0] not in self.alerts:
            several.popleft()
        return self.alerts[several[0]] if several else None


def _build_traits_key(group: str, traits: Mapping[str, str]) -> Hashable:
    return group, frozenset(traits.items())


def _find_by_traits(alert: Alert, left: UnmatchedAlerts) -> StoredAlert | None:
    return left.find_by_traits(alert.group, alert.traits) if alert.traits else None


def _find_by_id(alert: Alert, left: UnmatchedAlerts) -> StoredAlert | None:
    # the id of an alert without a name that stays was made of what it said at first
    known = left.alerts.get(alert.id)
    return None if known is None or (alert.traits and known.traits != alert.traits) else known


def _find_by_name(alert: Alert, left: UnmatchedAlerts) -> StoredAlert | None:
    return None if alert.traits or not alert.group else left.find_by_traits(alert.group, {})


def _assign_alert_id(
    alert: Alert, known: StoredAlert | None, taken: set[str]
) -> tuple[Alert, StoredAlert | None]:
    if known is not None:
        return replace(alert, id=known.id), known
    while alert.id in taken:
        # an alert that began as this one and says something else now
        alert = replace(alert, id=_format_guid(alert.id))
    taken.add(alert.id)
    return alert, None


def _format_guid(id_: str) -> str:
    digest = hashlib.blake2b(id_.encode(), digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def is_same_alert(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Return whether two rows of an alert say the same, in whatever order they name things."""
    names = (before.keys() | after.keys()) - _BESIDE
    return all(
        _normalize_value(name, before.get(name)) == _normalize_value(name, after.get(name)) for name in names
    )


def _normalize_value(name: str, value: Any) -> object:
    if name == "Entities":
        several = [
            {key: one for key, one in each.items() if key != "$id"} for each in json.loads(value or "[]")
        ]
        return _sort_documents(several)
    if name != "ExtendedProperties":
        return value
    properties = json.loads(value or "{}")
    for name in _TIMES:
        properties.pop(name, None)
    details = json.loads(properties.pop("Custom Details", "{}"))
    return properties, {
        key: _sort_documents([_sort_list(one) for one in several]) for key, several in details.items()
    }


def _sort_list(text: str) -> object:
    """The members of a set that is written as a list, in order; other text as it is."""
    if not text.startswith("["):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return _sort_documents(found)


def _sort_documents(several: Sequence[object]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in several)
