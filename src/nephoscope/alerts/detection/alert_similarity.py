"""Alert similarity: find the most similar earlier alerts by shared values instead of pairwise comparison.

Many alerts of one rule are alike in most columns. Those of a group are therefore numbered, and all that have one value of a column
are the bits of one number: with how many of its columns an alert agrees with each of them is a few operations on such numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace, merge

from nephoscope.alerts.suppression.rule_suppression import PAUSE, REPEAT, YOUNG
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert

#: What the desk may have held an alert back by since it was named.
_LATER = frozenset({"", PAUSE, REPEAT, YOUNG})
LIKE = 0.5
"""From which share of equal columns on two rows without entities are taken for one."""
#: How like an earlier alert is, from 0 to 1, below nought so that the most alike sorts first, and its id.
Likeness = tuple[float, str]
Keys = frozenset[str]


@dataclass(slots=True)
class AlertSimilarityIndex:
    """Earlier alerts of one group, numbered in the order of their ids; `left` are those that were not found yet."""

    ids: list[str] = field(default_factory=list)
    left: int = 0
    _about: dict[str, int] = field(default_factory=dict)
    _about_nobody: int = 0
    _saying: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, known: StoredAlert, keys: Keys) -> None:
        """One more, with the names of its entities; its id comes after those that are there."""
        bit = 1 << len(self.ids)
        self.ids.append(known.id)
        self.left |= bit
        for key in keys:
            self._about[key] = self._about.get(key, 0) | bit
        if not keys:
            self._about_nobody |= bit
        for said in known.traits.items():
            self._saying[said] = self._saying.get(said, 0) | bit

    def rank_candidates(self, alert: Alert, keys: Keys) -> Iterator[Likeness]:
        """Yield those that may be the alert, the most alike first; what is found meanwhile is left out."""
        columns, levels = len(alert.traits), self._find_similar_by_level(alert, keys)
        above = 0
        for count in range(columns, -1, -1):
            share, exactly = count / columns, levels[count] & ~above
            above |= levels[count]
            if not keys and share < LIKE:
                return
            while several := exactly & self.left:
                lowest = several & -several
                exactly ^= lowest
                yield -share, self.ids[lowest.bit_length() - 1]

    def _find_similar_by_level(self, alert: Alert, keys: Keys) -> list[int]:
        """Return those about the same entities that agree in at least 0, 1, 2 ... columns."""
        about = 0 if keys else self._about_nobody
        for key in keys:
            about |= self._about.get(key, 0)
        levels = [about, *[0] * len(alert.traits)]
        for place, said in enumerate(alert.traits.items()):
            saying = self._saying.get(said, 0)
            for count in range(place, -1, -1):
                levels[count + 1] |= levels[count] & saying
        return levels


@dataclass(slots=True)
class UnnamedAlertIndex:
    """Earlier alerts that were kept before rows had names, by the entities that they are about."""

    _about: dict[str, list[tuple[StoredAlert, Keys]]] = field(default_factory=dict)
    _about_nobody: list[tuple[StoredAlert, Keys]] = field(default_factory=list)

    def add(self, known: StoredAlert, keys: Keys) -> None:
        """One more, with the names of its entities."""
        for key in keys:
            self._about.setdefault(key, []).append((known, keys))
        if not keys:
            self._about_nobody.append((known, keys))

    def rank_candidates(self, alert: Alert, keys: Keys) -> Iterator[Likeness]:
        """Return those that may be the alert, the most alike first."""
        several = {known.id: (known, theirs) for key in keys for known, theirs in self._about.get(key, ())}
        found = (
            (-like, known.id)
            for known, theirs in (several.values() if keys else self._about_nobody)
            if (like := _score_unnamed_alert(alert, known, keys, theirs)) is not None
        )
        return iter(sorted(found))


def _score_unnamed_alert(alert: Alert, known: StoredAlert, mine: Keys, theirs: Keys) -> float | None:
    """Return how like such an alert is, from 0 to 1, by its entities and times; None where it is another for sure."""
    if alert.held_by != known.held_by and known.held_by not in _LATER:
        return None
    entities = len(mine & theirs) / len(mine | theirs) if mine else 1.0
    times = (alert.start == known.started) + (alert.end == known.ended)
    like = (entities + times / 2) / 2
    return like if mine or like >= LIKE else None


def match_similar(alerts: Mapping[int, Alert], earlier: Iterable[StoredAlert]) -> Iterator[tuple[int, str]]:
    """Alerts by their places, each with the id of the earlier one that it is; the most alike are joined first, each once.

    Of those that are as alike, the earlier one with the smallest id comes first, then the alert of the smallest place.
    """
    nameless, crowds = _index_earlier_alerts(alerts, earlier) if alerts else (UnnamedAlertIndex(), {})
    places = {id_: (crowd, 1 << place) for crowd in crowds.values() for place, id_ in enumerate(crowd.ids)}
    options = {place: _list_candidates(alert, nameless, crowds) for place, alert in alerts.items()}
    best = [(*first, place) for place, several in options.items() if (first := next(several, None))]
    heapify(best)
    taken: set[str] = set()
    while best:
        _, id_, place = best[0]
        if id_ not in taken:
            heappop(best)
            taken.add(id_)
            if id_ in places:
                crowd, bit = places[id_]
                crowd.left &= ~bit
            yield place, id_
        elif after := next((one for one in options[place] if one[1] not in taken), None):
            heapreplace(best, (*after, place))
        else:
            heappop(best)


def _index_earlier_alerts(
    alerts: Mapping[int, Alert], earlier: Iterable[StoredAlert]
) -> tuple[UnnamedAlertIndex, dict[str, AlertSimilarityIndex]]:
    """The earlier alerts that one of the alerts may be; the entities of each are read once."""
    nameless = UnnamedAlertIndex()
    crowds = {one.group: AlertSimilarityIndex() for one in alerts.values() if one.traits and one.group}
    for known in sorted(earlier, key=lambda one: one.id):
        crowd = crowds.get(known.group_key) if known.group_key else nameless
        if crowd is not None:
            crowd.add(known, _collect_entity_keys(known))
    return nameless, crowds


def _list_candidates(
    alert: Alert, nameless: UnnamedAlertIndex, crowds: Mapping[str, AlertSimilarityIndex]
) -> Iterator[Likeness]:
    """The earlier alerts that an alert may be, the most alike first."""
    keys = frozenset(key for one in alert.entities for key in one.keys)
    crowd = crowds.get(alert.group) if alert.traits else None
    named = crowd.rank_candidates(alert, keys) if crowd is not None else iter(())
    return merge(named, nameless.rank_candidates(alert, keys))


def _collect_entity_keys(known: StoredAlert) -> Keys:
    return frozenset(key for one in json.loads(known.document["Entities"]) for key in Entity.read(one).keys)
