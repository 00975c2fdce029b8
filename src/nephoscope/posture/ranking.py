"""Recommendations ranked by severity and by what fixing them gains."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nephoscope.model.assessment import Assessment
from nephoscope.model.resource_id import ResourceId
from nephoscope.model.state import State
from nephoscope.posture.recommendation import Recommendation
from nephoscope.posture.score import Control, Standing, standing
from nephoscope.posture.subject import worst


@dataclass(frozen=True, slots=True)
class Ranked:
    """A recommendation with how its resources stand and the score points that making all of them healthy adds.

    `gain` is in points of the control over the whole estate: only a resource that fails nothing else in the control gains when
    this is fixed.
    """

    recommendation: Recommendation
    counts: Counter[State]
    control: Control | None
    gain: float

    @property
    def unhealthy(self) -> int:
        """The resources that fail it."""
        return self.counts[State.NON_COMPLIANT]

    @property
    def order(self) -> tuple[int, float, int, str]:
        """The sort key: severity first, then gain, then how many resources fail, then the name."""
        return (
            -self.recommendation.severity.rank,
            -self.gain,
            -self.unhealthy,
            self.recommendation.name.casefold(),
        )


def rank(
    assessments: Iterable[Assessment],
    recommendation_of: Callable[[str], Recommendation],
    control_of: Callable[[str], Control | None],
) -> list[Ranked]:
    """Every recommendation that was assessed, those with failing resources first, each group in rank order."""
    verdicts: dict[str, dict[str, State]] = defaultdict(dict)
    standings: dict[str, dict[str, dict[str, Standing]]] = defaultdict(lambda: defaultdict(dict))
    for item in assessments:
        resource = ResourceId.parse(item.resource).key
        verdicts[item.key][resource] = worst(item.state, verdicts[item.key].get(resource))
        control = control_of(item.key)
        if control is not None:
            ranks = standings[control.id][resource]
            value = standing(item.state, item.cause)
            ranks[item.key] = max(value, ranks.get(item.key, value))
    ranked = [
        Ranked(
            recommendation_of(key),
            Counter(states.values()),
            control_of(key),
            _gain(key, control_of(key), standings),
        )
        for key, states in verdicts.items()
    ]
    return sorted(ranked, key=lambda item: (not item.unhealthy, item.order))


def _gain(key: str, control: Control | None, standings: dict[str, dict[str, dict[str, Standing]]]) -> float:
    if control is None or not control.max_score:
        return 0.0
    counted = gained = 0
    for ranks in standings[control.id].values():
        top = max(ranks.values())
        if top in (Standing.HEALTHY, Standing.UNHEALTHY):
            counted += 1
        if ranks.get(key) is Standing.UNHEALTHY:
            rest = [rank for name, rank in ranks.items() if name != key]
            gained += all(rank in (Standing.HEALTHY, Standing.NOT_APPLICABLE) for rank in rest)
    return control.max_score * gained / counted if counted else 0.0
