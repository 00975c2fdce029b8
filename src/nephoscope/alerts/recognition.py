"""Which alerts of a run bring earlier ones of the same window up to date, and which are new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nephoscope.alerts.tuning.holding import PAUSE, REPEAT, YOUNG
from nephoscope.lake.state.alerts import StoredAlert
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity

#: What an alert's row says of the moment, of what people decided, and of its entities in other words.
_BESIDE = frozenset({"TimeGenerated", "ProcessingEndTime", "Status", "CompromisedEntity", "_ResourceId"})
#: Which times were looked at: another look that saw the same tells nothing new.
_TIMES = ("Query Start Time UTC", "Query End Time UTC")
#: What the desk may have held an alert back by since it was named.
_LATER = frozenset({"", PAUSE, REPEAT, YOUNG})
LIKE = 0.5
"""From which share of equal columns on two rows without entities are taken for one."""


def recognised(
    alerts: Sequence[Alert], earlier: Sequence[StoredAlert]
) -> list[tuple[Alert, StoredAlert | None]]:
    """Each alert with the earlier one of its window that it is, under that one's id; None = it is new.

    An alert that says just the same is found first, then one of the same id, or of another window with the same name, where names
    tell the rows apart; what is left goes to the earlier one that it is most like. Each earlier alert is found once at most.
    """
    taken, left = {one.id for one in earlier}, {one.id: one for one in earlier}
    found: dict[int, StoredAlert] = {}
    for exact in (_says_the_same, _same_id, _same_name):
        for place, alert in enumerate(alerts):
            if place not in found and (known := exact(alert, left)) is not None:
                found[place] = left.pop(known.id)
    for place, id_ in _likest({place: one for place, one in enumerate(alerts) if place not in found}, left):
        if place not in found and id_ in left:
            found[place] = left.pop(id_)
    return [_named(alert, found.get(place), taken) for place, alert in enumerate(alerts)]


def _says_the_same(alert: Alert, left: Mapping[str, StoredAlert]) -> StoredAlert | None:
    if not alert.traits:
        return None
    same = (one for one in left.values() if one.group_key == alert.group and one.traits == alert.traits)
    return next(same, None)


def _same_id(alert: Alert, left: Mapping[str, StoredAlert]) -> StoredAlert | None:
    # the id of an alert without a name that stays was made of what it said at first
    known = left.get(alert.id)
    return None if known is None or (alert.traits and known.traits != alert.traits) else known


def _same_name(alert: Alert, left: Mapping[str, StoredAlert]) -> StoredAlert | None:
    if alert.traits or not alert.group:
        return None
    return next((one for one in left.values() if one.group_key == alert.group and not one.traits), None)


def _likest(alerts: Mapping[int, Alert], left: Mapping[str, StoredAlert]) -> list[tuple[int, str]]:
    """Alerts and earlier ones that may be the same, the most alike first."""
    pairs = [
        (-like, id_, place)
        for place, alert in alerts.items()
        for id_, known in left.items()
        if (like := likeness(alert, known)) is not None
    ]
    return [(place, id_) for _, id_, place in sorted(pairs)]


def likeness(alert: Alert, known: StoredAlert) -> float | None:
    """How like an earlier alert of the window an alert is, from 0 to 1; None where it is another for sure."""
    mine = {key for one in alert.entities for key in one.keys}
    theirs = {key for one in json.loads(known.document["Entities"]) for key in Entity.read(one).keys}
    about_one = not mine and not theirs if not (mine and theirs) else bool(mine & theirs)
    if not known.group_key:
        return _older(alert, known, mine, theirs) if about_one else None
    if not alert.traits or alert.group != known.group_key:
        return None
    share = sum(known.traits.get(name) == one for name, one in alert.traits.items()) / len(alert.traits)
    return share if about_one and (mine or share >= LIKE) else None


def _older(alert: Alert, known: StoredAlert, mine: set[str], theirs: set[str]) -> float | None:
    """The same for an alert that was kept before rows had names: by its entities and times."""
    if alert.held_by != known.held_by and known.held_by not in _LATER:
        return None
    entities = len(mine & theirs) / len(mine | theirs) if mine or theirs else 1.0
    times = (alert.start == known.started) + (alert.end == known.ended)
    like = (entities + times / 2) / 2
    return like if mine or like >= LIKE else None


def _named(alert: Alert, known: StoredAlert | None, taken: set[str]) -> tuple[Alert, StoredAlert | None]:
    if known is not None:
        return replace(alert, id=known.id), known
    while alert.id in taken:
        # an alert that began as this one and says something else now
        alert = replace(alert, id=_next(alert.id))
    taken.add(alert.id)
    return alert, None


def _next(id_: str) -> str:
    digest = hashlib.blake2b(id_.encode(), digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two rows of an alert say the same, in whatever order they name things."""
    names = (before.keys() | after.keys()) - _BESIDE
    return all(_plain(name, before.get(name)) == _plain(name, after.get(name)) for name in names)


def _plain(name: str, value: Any) -> Any:
    if name == "Entities":
        several = [
            {key: one for key, one in each.items() if key != "$id"} for each in json.loads(value or "[]")
        ]
        return _sorted(several)
    if name != "ExtendedProperties":
        return value
    properties = json.loads(value or "{}")
    for name in _TIMES:
        properties.pop(name, None)
    details = json.loads(properties.pop("Custom Details", "{}"))
    return properties, {key: _sorted([_list(one) for one in several]) for key, several in details.items()}


def _list(text: str) -> Any:
    """The members of a set that is written as a list, in order; other text as it is."""
    if not text.startswith("["):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return _sorted(found)


def _sorted(several: list[Any]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in several)
