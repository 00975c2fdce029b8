"""The secure score of what a caller sees, from the published scores of its subscriptions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.model.read_scope import EVERYTHING

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

_SCORE, _CONTROL = "microsoft.security/securescores", "microsoft.security/securescores/securescorecontrols"


@dataclass(frozen=True, slots=True)
class ShownControl:
    """A control over all subscriptions that are looked at; `gain` is what making every unhealthy resource healthy adds, in points."""

    name: str
    max: int
    healthy: int
    unhealthy: int
    not_assessed: int

    @property
    def gain(self) -> float:
        """The points to win."""
        return self.max * self.unhealthy / self.assessed_count if self.assessed_count else 0.0

    @property
    def assessed_count(self) -> int:
        """The resources that are healthy or unhealthy."""
        return self.healthy + self.unhealthy


@dataclass(frozen=True, slots=True)
class _Control:
    """A control in one subscription."""

    name: str
    shown: ShownControl


@dataclass(frozen=True, slots=True)
class _SubscriptionScore:
    """The score of a subscription (its lower-cased GUID)."""

    subscription: str
    current: float
    max: float
    weight: float
    controls: tuple[_Control, ...]


@dataclass(frozen=True, slots=True)
class ShownScore:
    """The score: `share` is None where nothing could be scored; controls with the most to gain first."""

    share: float | None
    current: float
    max: float
    controls: tuple[ShownControl, ...]
    subscriptions: int


def compute_weighted_score(snapshot: PublishedSnapshot, reach: Reach) -> ShownScore:
    """The weighted score, as Defender for Cloud computes it over several subscriptions."""
    return snapshot.get_or_compute(("score", reach), lambda: _build_compute_score(snapshot, reach))


def _build_compute_score(snapshot: PublishedSnapshot, reach: Reach) -> ShownScore:
    scores = [one for one in _list_scores(snapshot) if reach.can_read(one.subscription)]
    controls = _list_controls(each for one in scores for each in one.controls)
    weights = sum(one.weight for one in scores)
    points = sum(one.current / one.max * one.weight for one in scores if one.max)
    share = points / weights if weights else None
    highest = sum(one.max for one in controls)
    return ShownScore(share, (share or 0.0) * highest, highest, tuple(controls), len(scores))


def _list_scores(snapshot: PublishedSnapshot) -> list[_SubscriptionScore]:
    """The scores of all subscriptions, read once for whoever asks: each is shown to who reaches its subscription."""
    return snapshot.get_or_compute(("scores",), lambda: _read_subscription_scores(snapshot))


def _read_subscription_scores(snapshot: PublishedSnapshot) -> list[_SubscriptionScore]:
    controls: defaultdict[str, list[_Control]] = defaultdict(list)
    for body in snapshot.listing.page([_CONTROL], EVERYTHING, most=1_000_000).bodies:
        controls[_read_subscription(body)].append(_build_control(body["name"], body["properties"]))
    scores = snapshot.listing.page([_SCORE], EVERYTHING, most=100_000).bodies
    found = ((_read_subscription(body), body["properties"]) for body in scores)
    return [
        _SubscriptionScore(
            id_,
            properties["score"]["current"],
            properties["score"]["max"],
            properties["weight"],
            tuple(controls[id_]),
        )
        for id_, properties in found
    ]


def _read_subscription(body: Mapping[str, object]) -> str:
    return str(body["id"]).split("/")[2].lower()


def _build_control(name: str, properties: Mapping[str, Any]) -> _Control:
    counts = (properties[f"{one}ResourceCount"] for one in ("healthy", "unhealthy", "notAssessed"))
    return _Control(name, ShownControl(properties["displayName"], properties["score"]["max"], *counts))


def _list_controls(found: Iterable[_Control]) -> list[ShownControl]:
    several: defaultdict[str, list[ShownControl]] = defaultdict(list)
    for one in found:
        several[one.name].append(one.shown)
    added = [
        ShownControl(
            each[0].name,
            max(one.max for one in each),
            sum(one.healthy for one in each),
            sum(one.unhealthy for one in each),
            sum(one.not_assessed for one in each),
        )
        for each in several.values()
    ]
    kept = [one for one in added if one.assessed_count + one.not_assessed]
    return sorted(kept, key=lambda one: (-one.gain, one.name))
