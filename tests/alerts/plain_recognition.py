"""Recognition as it is meant, pair by pair: what the product finds by look-ups is compared with this."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from nephoscope.alerts.detection.alert_dedup import _assign_alert_id as named
from nephoscope.alerts.suppression.rule_suppression import PAUSE, REPEAT, YOUNG
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert

#: What the desk may have held an alert back by since it was named.
_LATER = frozenset({"", PAUSE, REPEAT, YOUNG})
LIKE = 0.5
"""From which share of equal columns on two rows without entities are taken for one."""


def recognized(
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
    return [named(alert, found.get(place), taken) for place, alert in enumerate(alerts)]


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
