"""The secure score of what a caller sees, from the published scores of its subscriptions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nephoscope.model.reach import Reach
    from nephoscope.posture.published.edition import Edition

_SCORE, _CONTROL = "microsoft.security/securescores", "microsoft.security/securescores/securescorecontrols"


@dataclass(frozen=True, slots=True)
class ControlShown:
    """A control over all subscriptions that are looked at; `gain` is what making every unhealthy resource healthy adds, in points."""

    name: str
    max: int
    healthy: int
    unhealthy: int
    not_assessed: int

    @property
    def gain(self) -> float:
        """The points to win."""
        weight = self.healthy + self.unhealthy
        return self.max * self.unhealthy / weight if weight else 0.0


@dataclass(frozen=True, slots=True)
class ScoreShown:
    """The score: `share` is None where nothing could be scored; controls with the most to gain first."""

    share: float | None
    current: float
    max: float
    controls: tuple[ControlShown, ...]
    subscriptions: int


def score_of(edition: Edition, reach: Reach) -> ScoreShown:
    """The weighted score, as Defender for Cloud computes it over several subscriptions."""
    return edition.once(("score", reach), lambda: _score_of(edition, reach))


def _score_of(edition: Edition, reach: Reach) -> ScoreShown:
    scores = [one["properties"] for one in edition.listing.page([_SCORE], reach, most=100_000).bodies]
    controls = _controls(edition.listing.page([_CONTROL], reach, most=1_000_000).bodies)
    weights = sum(one["weight"] for one in scores)
    points = sum(
        one["score"]["current"] / one["score"]["max"] * one["weight"] for one in scores if one["score"]["max"]
    )
    share = points / weights if weights else None
    highest = sum(one.max for one in controls)
    return ScoreShown(share, (share or 0.0) * highest, highest, tuple(controls), len(scores))


def _controls(bodies: tuple[dict[str, Any], ...]) -> list[ControlShown]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for body in bodies:
        found[body["name"]].append(body["properties"])
    shown = [
        ControlShown(
            several[0]["displayName"],
            max(one["score"]["max"] for one in several),
            sum(one["healthyResourceCount"] for one in several),
            sum(one["unhealthyResourceCount"] for one in several),
            sum(one["notAssessedResourceCount"] for one in several),
        )
        for several in found.values()
    ]
    kept = [one for one in shown if one.healthy + one.unhealthy + one.not_assessed]
    return sorted(kept, key=lambda one: (-one.gain, one.name))
