"""The secure score of Defender for Cloud, exactly as published.

A control scores `max / (healthy + unhealthy) * healthy`; a resource counts once in a control and is healthy there only when it
passes every recommendation of the control. A subscription's score is the sum of current over the sum of max of the controls that have
a healthy or an unhealthy resource; several subscriptions are weighted by their healthy and unhealthy resources.
Source: https://learn.microsoft.com/azure/defender-for-cloud/secure-score-security-controls
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum

import msgspec

from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState


class SecurityControl(msgspec.Struct, frozen=True):
    """A security control: its id (a GUID), name and the points that a perfect estate gets for it."""

    id: str
    name: str
    max_score: int


class ScoreState(IntEnum):
    """State of a resource in a control; where its recommendations differ, the highest wins.

    Unknown outranks healthy: a resource that could not be judged in full is never called healthy.
    """

    NOT_APPLICABLE = 0
    HEALTHY = 1
    UNKNOWN = 2
    UNHEALTHY = 3


class ControlScore(msgspec.Struct, frozen=True):
    """The score of one control over some resources; `unknown` resources count neither way."""

    control: SecurityControl
    healthy: int = 0
    unhealthy: int = 0
    not_applicable: int = 0
    unknown: int = 0

    @property
    def weight(self) -> int:
        """The resources that count: healthy and unhealthy."""
        return self.healthy + self.unhealthy

    @property
    def max(self) -> int:
        """The points that can be won here, 0 where no resource counts."""
        return self.control.max_score if self.weight else 0

    @property
    def current(self) -> float:
        """The points won."""
        return self.control.max_score / self.weight * self.healthy if self.weight else 0.0

    @property
    def percentage(self) -> float:
        """Current over max, 0 to 1 with 4 decimals; 0 where nothing can be won."""
        return _compute_share(self.current, self.max)

    @property
    def potential(self) -> float:
        """The points that making every unhealthy resource healthy adds."""
        return self.control.max_score / self.weight * self.unhealthy if self.weight else 0.0


class ScopeScore(msgspec.Struct, frozen=True):
    """The score of one subscription."""

    subscription: str
    controls: tuple[ControlScore, ...]
    weight: int

    @property
    def max(self) -> int:
        """The points that can be won."""
        return sum(control.max for control in self.controls)

    @property
    def current(self) -> float:
        """The points won."""
        return sum(control.current for control in self.controls)

    @property
    def percentage(self) -> float:
        """Current over max, 0 to 1 with 4 decimals; 0 where nothing can be won."""
        return _compute_share(self.current, self.max)

    @property
    def is_scored(self) -> bool:
        """Return whether anything could be judged: without it a percentage says nothing."""
        return self.max > 0


class SecureScore(msgspec.Struct, frozen=True):
    """The score of an estate: each subscription's, and per control over all of them."""

    subscriptions: tuple[ScopeScore, ...]
    controls: tuple[ControlScore, ...]

    @property
    def assessed_controls(self) -> tuple[ControlScore, ...]:
        """The controls of which a resource was assessed, also where that ended Unknown."""
        return tuple(one for one in self.controls if one.weight or one.unknown)

    @property
    def is_scored(self) -> bool:
        """Return whether any subscription could be judged."""
        return any(scope.is_scored for scope in self.subscriptions)

    @property
    def share(self) -> float:
        """The weighted share of the points of the subscriptions that could be judged, 0 to 1, not rounded."""
        scored = [scope for scope in self.subscriptions if scope.is_scored]
        weights = sum(scope.weight for scope in scored)
        points = sum(scope.current / scope.max * scope.weight for scope in scored)
        return points / weights if weights else 0.0

    @property
    def percentage(self) -> float:
        """The share with 4 decimals, as the API gives it."""
        return round(self.share, 4)

    @property
    def max(self) -> int:
        """The points that can be won in the whole estate."""
        return sum(control.max for control in self.controls)

    @property
    def current(self) -> float:
        """The points that the weighted share stands for."""
        return self.share * self.max


def find_score_state(state: ComplianceState, cause: str) -> ScoreState:
    """Return what one assessment says of its resource: a Mitigated exemption is healthy, a Waiver leaves the score."""
    if state is ComplianceState.EXEMPT:
        return ScoreState.HEALTHY if cause.casefold() == "mitigated" else ScoreState.NOT_APPLICABLE
    return {
        ComplianceState.COMPLIANT: ScoreState.HEALTHY,
        ComplianceState.NON_COMPLIANT: ScoreState.UNHEALTHY,
        ComplianceState.NOT_APPLICABLE: ScoreState.NOT_APPLICABLE,
    }.get(state, ScoreState.UNKNOWN)


def compute_secure_score(
    assessments: Iterable[Assessment],
    control_of: Callable[[str], str | None],
    controls: Sequence[SecurityControl],
) -> SecureScore:
    """Score assessments; `control_of` maps a recommendation key to a control id, None for what does not count (preview, custom).

    What lies in no subscription (built-in roles, management groups) does not count: a secure score is one of subscriptions.
    """
    standings: dict[str, dict[str, dict[str, ScoreState]]] = defaultdict(lambda: defaultdict(dict))
    known = {control.id for control in controls}
    control_ids: dict[str, str | None] = {}
    for assessment in assessments:
        key = assessment.key
        if key not in control_ids:
            control_ids[key] = control_of(key)
        control_id = control_ids[key]
        if control_id is None or control_id not in known:
            continue
        resource = ResourceId.parse(assessment.resource)
        if not resource.subscription:
            continue
        rank = find_score_state(assessment.state, assessment.cause)
        ranks = standings[resource.subscription][control_id]
        ranks[resource.key] = max(rank, ranks.get(resource.key, rank))
    scopes = tuple(_build_scope(name, standings[name], controls) for name in sorted(standings))
    return combine_scores(scopes, controls)


def combine_scores(scopes: Iterable[ScopeScore], controls: Sequence[SecurityControl]) -> SecureScore:
    """The score of an estate from the scores of its subscriptions, each of them once, for the same controls."""
    ordered = tuple(sorted(scopes, key=lambda scope: scope.subscription))
    return SecureScore(ordered, _merge_scope_controls(ordered, controls))


def _build_scope(
    subscription: str, by_control: Mapping[str, Mapping[str, ScoreState]], controls: Sequence[SecurityControl]
) -> ScopeScore:
    scores = tuple(_build_control(control, by_control.get(control.id, {})) for control in controls)
    counted = {
        key
        for ranks in by_control.values()
        for key, rank in ranks.items()
        if rank in (ScoreState.HEALTHY, ScoreState.UNHEALTHY)
    }
    return ScopeScore(subscription, scores, len(counted))


def _build_control(control: SecurityControl, ranks: Mapping[str, ScoreState]) -> ControlScore:
    counts = Counter(ranks.values())
    return ControlScore(
        control,
        healthy=counts[ScoreState.HEALTHY],
        unhealthy=counts[ScoreState.UNHEALTHY],
        not_applicable=counts[ScoreState.NOT_APPLICABLE],
        unknown=counts[ScoreState.UNKNOWN],
    )


def _merge_scope_controls(
    scopes: Sequence[ScopeScore], controls: Sequence[SecurityControl]
) -> tuple[ControlScore, ...]:
    merged = []
    for index, control in enumerate(controls):
        parts = [scope.controls[index] for scope in scopes]
        merged.append(
            ControlScore(
                control,
                healthy=sum(part.healthy for part in parts),
                unhealthy=sum(part.unhealthy for part in parts),
                not_applicable=sum(part.not_applicable for part in parts),
                unknown=sum(part.unknown for part in parts),
            )
        )
    return tuple(merged)


def _compute_share(current: float, maximum: float) -> float:
    return round(current / maximum, 4) if maximum else 0.0
