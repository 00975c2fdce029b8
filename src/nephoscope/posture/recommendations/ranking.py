"""Recommendations ranked by severity and by what fixing them gains."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

import msgspec

from nephoscope.posture.recommendations.finding_subject import choose_worst_state
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.report_row import ReportRow
from nephoscope.posture.recommendations.score import ScoreState, SecurityControl, find_score_state
from nephoscope.posture.recommendations.state_counts import StateCounts
from nephoscope_policy.model.assessment import get_failure_title
from nephoscope_policy.model.state import ComplianceState, Severity


class RankedRecommendation(msgspec.Struct, frozen=True):
    """A recommendation with how its resources stand and the score points that making all of them healthy adds.

    `gain` is in points of the control over the whole estate: only a resource that fails nothing else in the control gains when
    this is fixed.
    """

    recommendation: Recommendation
    counts: StateCounts
    control: SecurityControl | None
    gain: float

    @property
    def unhealthy(self) -> int:
        """The resources that fail it."""
        return self.counts.unhealthy

    @property
    def title(self) -> str:
        """The name of the recommendation, as a failure is called where a resource fails it."""
        name = self.recommendation.name
        return get_failure_title(name) if self.unhealthy else name

    @property
    def finding(self) -> str:
        """Return what was found on how many of the resources; '' where nothing fails or the title cannot be turned round."""
        return self.recommendation.describe_finding(self.counts)

    @property
    def order(self) -> tuple[int, float, int, str, str]:
        """The sort key."""
        known = self.recommendation
        return build_rank_key(known.severity, self.gain, self.unhealthy, known.name, known.key)


def build_rank_key(
    severity: Severity, gain: float, unhealthy: int, name: str, key: str
) -> tuple[int, float, int, str, str]:
    """The sort key of a recommendation: severity first, then gain, then how many resources fail, then the name."""
    return -severity.rank, -gain, -unhealthy, name.casefold(), key


class RecommendationCounts:
    """Counts of resources by their state against recommendations; rows may be added part by part, a resource's all at once."""

    def __init__(self, control_of: Callable[[str], SecurityControl | None]) -> None:
        self._control_of = control_of
        self._counts: defaultdict[str, StateCounts] = defaultdict(StateCounts)
        self._judged: Counter[str] = Counter()
        self._gained: Counter[str] = Counter()

    def add(self, rows: Iterable[ReportRow]) -> None:
        """Count rows; all rows of a resource must come in one call."""
        verdicts: defaultdict[str, dict[str, ComplianceState]] = defaultdict(dict)
        standings: defaultdict[str, dict[str, dict[str, ScoreState]]] = defaultdict(dict)
        controls: dict[str, SecurityControl | None] = {}
        for row in rows:
            item, resource = row.assessment, row.id.key
            key, states = item.key, verdicts[item.key]
            states[resource] = choose_worst_state(item.state, states.get(resource))
            if key not in controls:
                controls[key] = self._control_of(key)
            control = controls[key]
            if control is not None:
                ranks = standings[control.id].setdefault(resource, {})
                value = find_score_state(item.state, item.cause)
                ranks[key] = max(value, ranks.get(key, value))
        for key, states in verdicts.items():
            self._counts[key].update(states.values())
        for id_, resources in standings.items():
            for ranks in resources.values():
                self._count_in_control(id_, ranks)

    def _count_in_control(self, control: str, ranks: dict[str, ScoreState]) -> None:
        """Count one resource in a control: only what fails nothing else there gains when it is fixed."""
        top = max(ranks.values())
        if top in (ScoreState.HEALTHY, ScoreState.UNHEALTHY):
            self._judged[control] += 1
        if top is ScoreState.UNHEALTHY:
            failed = [key for key, rank in ranks.items() if rank is ScoreState.UNHEALTHY]
            if len(failed) == 1 and ScoreState.UNKNOWN not in ranks.values():
                self._gained[failed[0]] += 1

    def rank(self, recommendation_of: Callable[[str], Recommendation]) -> list[RankedRecommendation]:
        """Every recommendation that was assessed, those with failing resources first, each group in rank order."""
        found = [
            RankedRecommendation(
                recommendation_of(key), counts, self._control_of(key), self._compute_gain(key)
            )
            for key, counts in self._counts.items()
        ]
        return sorted(found, key=lambda item: (not item.unhealthy, item.order))

    def _compute_gain(self, key: str) -> float:
        control = self._control_of(key)
        if control is None or not control.max_score or not self._judged[control.id]:
            return 0.0
        return control.max_score * self._gained[key] / self._judged[control.id]
