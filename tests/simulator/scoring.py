"""Precision and recall of risk detections against the truth, false positives, time to detect, and guessers to compare with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from statistics import median_low

from tests.simulator.attacks.stage import Truth

# what is detected may be dated a little before the first step or after the last
BEFORE, AFTER = timedelta(minutes=5), timedelta(hours=2)
# a list of leaked hashes says nothing about when
UNTIMED = {"leakedCredentials"}
TRAVEL = {"impossibleTravel": "unlikelyTravel", "mcasImpossibleTravel": "unlikelyTravel"}


@dataclass(frozen=True)
class Detection:
    """A risk detection on a principal."""

    principal: str
    type: str
    level: str
    activity: datetime
    detected: datetime | None = None


@dataclass
class TypeScore:
    """Counts of one riskEventType."""

    expected: int = 0
    found: int = 0
    right: int = 0
    other_attack: int = 0
    false: int = 0

    @property
    def raised(self) -> int:
        """How many detections were raised."""
        return self.right + self.other_attack + self.false

    @property
    def precision(self) -> float:
        """Share of the detections that are right: on an attacked principal, of a type that fits the attack."""
        return self.right / self.raised if self.raised else 0.0

    @property
    def recall(self) -> float:
        """Share of the expected that was found."""
        return self.found / self.expected if self.expected else 0.0


@dataclass
class AttackScore:
    """How many campaigns of an attack were found, at which level, how soon."""

    campaigns: int = 0
    found: int = 0
    found_at_medium: int = 0
    delays: list[timedelta] = field(default_factory=list)

    @property
    def delay(self) -> timedelta | None:
        """Give the median time to detect."""
        return median_low(self.delays) if self.delays else None


@dataclass
class Scores:
    """All scores of one run."""

    types: dict[str, TypeScore]
    attacks: dict[str, AttackScore]
    false: list[Detection]
    user_days: float

    @property
    def precision(self) -> float:
        """Precision over all types."""
        raised = sum(one.raised for one in self.types.values())
        return sum(one.right for one in self.types.values()) / raised if raised else 0.0

    @property
    def recall(self) -> float:
        """Recall over all types."""
        expected = sum(one.expected for one in self.types.values())
        return sum(one.found for one in self.types.values()) / expected if expected else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def false_rate(self, level: str = "") -> float:
        """False positives per 1,000 users a day, of one level or of all."""
        counted = [one for one in self.false if not level or one.level == level]
        return 1000 * len(counted) / self.user_days


def _family(name: str) -> str:
    return TRAVEL.get(name, name)


def _fits(truth: Truth, detection: Detection) -> bool:
    if detection.type in UNTIMED:
        return detection.type in truth.expected + truth.plausible
    return truth.start - BEFORE <= detection.activity <= truth.end + AFTER


def _group_units(truths: Iterable[Truth]) -> dict[tuple[str, str], list[Truth]]:
    """Group what is to be found: each compromised principal; of a campaign that compromises nobody, any of those attacked."""
    compromising = {one.campaign for one in truths if one.compromised}
    units: dict[tuple[str, str], list[Truth]] = defaultdict(list)
    for truth in truths:
        if truth.compromised:
            units[truth.campaign, truth.principal].append(truth)
        elif truth.campaign not in compromising:
            units[truth.campaign, ""].append(truth)
    return units


def score(truths: Sequence[Truth], detections: Sequence[Detection], user_days: float) -> Scores:
    """Compare detections with the truth."""
    by_principal: dict[str, list[Truth]] = defaultdict(list)
    for truth in truths:
        by_principal[truth.principal].append(truth)
    scores = Scores(defaultdict(TypeScore), defaultdict(AttackScore), [], user_days)
    hits: dict[tuple[str, str], list[Detection]] = defaultdict(list)
    for detection in detections:
        matching = [one for one in by_principal[detection.principal] if _fits(one, detection)]
        for truth in matching:
            hits[truth.campaign, truth.principal].append(detection)
        named = scores.types[_family(detection.type)]
        if not matching:
            named.false += 1
            scores.false.append(detection)
        elif any(_family(detection.type) in map(_family, one.expected + one.plausible) for one in matching):
            named.right += 1
        else:
            named.other_attack += 1
    for group in _group_units(truths).values():
        _score_unit(scores, group, [one for truth in group for one in hits[truth.campaign, truth.principal]])
    return scores


def _score_unit(scores: Scores, group: list[Truth], hits: list[Detection]) -> None:
    truth = group[0]
    kinds = {_family(one.type) for one in hits}
    for expected in {_family(one) for one in truth.expected}:
        scores.types[expected].expected += 1
        scores.types[expected].found += expected in kinds
    attack = scores.attacks[truth.attack]
    attack.campaigns += 1
    attack.found += bool(hits)
    attack.found_at_medium += any(one.level in ("medium", "high") for one in hits)
    detected = [one.detected for one in hits if one.detected and one.type not in UNTIMED]
    if detected:
        attack.delays.append(max(min(detected) - truth.start, timedelta(0)))


def guess_constantly(
    truths: Sequence[Truth], principals: Sequence[str], begins: datetime, days: int
) -> list[Detection]:
    """Call every principal risky twelve times a day, of the type that the truth expects most often."""
    common = Counter(name for one in truths for name in one.expected).most_common(1)[0][0]
    times = [begins + timedelta(hours=2 * step) for step in range(12 * days)]
    return [Detection(principal, common, "high", when, when) for principal in principals for when in times]


def guess_at_random(
    truths: Sequence[Truth], principals: Sequence[str], begins: datetime, days: int, count: int, seed: int
) -> list[Detection]:
    """Call random principals risky at random times, as often as the product did and of types as often as they are expected."""
    rng = Random(f"guess/{seed}")
    names = [name for one in truths for name in one.expected]
    return [
        Detection(
            rng.choice(principals),
            rng.choice(names),
            rng.choice(("low", "medium", "high")),
            begins + timedelta(hours=rng.uniform(0, 24 * days)),
        )
        for _ in range(count)
    ]
