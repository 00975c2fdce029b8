"""Path risk: likelihood, target value and length of an attack path, each with a reason.

A path has points for its begin (0-3) and its target (1-3), one more where a weakness of it is critical, one less where the attacker
must first move between machines. 5 points or more are Critical, 4 High, 3 Medium, fewer Low (decision 370).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.estate.public_endpoint import CLUSTER
from nephoscope.posture.attack_paths.entity import (
    INTERNET,
    MANAGEMENT_GROUP,
    SUBSCRIPTION,
    TENANT,
    ConnectionKind,
    InsightKind,
)
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.attack_path import Chain

LEVELS = ((5, Severity.CRITICAL), (4, Severity.HIGH), (3, Severity.MEDIUM))
_WHOLE = frozenset({SUBSCRIPTION, MANAGEMENT_GROUP, TENANT})
_ACCOUNT = ((InsightKind.NO_SECOND_FACTOR, 2), (InsightKind.GUEST, 1), (InsightKind.STALE, 1))


class RiskPoint(NamedTuple):
    """Contribution to a path's risk: points, the reason as a sentence, the risk factor in Defender for Cloud's words ('' = none)."""

    points: int
    reason: str
    factor: str = ""


class Risk(NamedTuple):
    """A level with what made it."""

    level: Severity
    reasons: tuple[str, ...]
    factors: tuple[str, ...]


def compute_path_risk(chain: Chain) -> Risk:
    """The risk of a chain."""
    points = [*_score_path_begin(chain), *_score_target(chain), *_score_steps(chain)]
    total = sum(one.points for one in points)
    level = next((level for least, level in LEVELS if total >= least), Severity.LOW)
    factors = dict.fromkeys(one.factor for one in points if one.factor)
    return Risk(level, tuple(one.reason for one in points), tuple(factors))


def _score_path_begin(chain: Chain) -> Iterator[RiskPoint]:
    """Yield how easily the path is begun; at most 3 points."""
    if chain.entities[0] == INTERNET:
        yield from _from_internet(chain)
        return
    left = 3
    for kind, points in _ACCOUNT:
        if (known := chain.insights[0].get(kind)) is not None:
            yield RiskPoint(min(points, left), known.text, "Weak authorization")
            left -= min(points, left)


def _from_internet(chain: Chain) -> Iterator[RiskPoint]:
    known = chain.insights[1]
    if (anonymous := known.get(InsightKind.ANONYMOUS_ACCESS)) is not None:
        yield RiskPoint(3, anonymous.text, "Internet exposure")
        return
    yield RiskPoint(1, chain.connections[0].why, "Internet exposure")
    if (weak := known.get(InsightKind.WEAKNESS)) is not None:
        yield RiskPoint(1, weak.text, "Vulnerabilities")
    if (password := known.get(InsightKind.PASSWORD_ACCESS)) is not None:
        yield RiskPoint(0 if weak else 1, password.text, "Weak authorization")


def _score_target(chain: Chain) -> Iterator[RiskPoint]:
    """Yield what is at the end; 1 to 3 points."""
    last, target = chain.connections[-1], chain.target
    if (sensitive := chain.insights[-1].get(InsightKind.SENSITIVE_DATA)) is not None:
        yield RiskPoint(3, sensitive.text, "Sensitive data")
    elif last.kind in (ConnectionKind.OWNS, ConnectionKind.CHANGES):
        whole = target.type in _WHOLE
        points = 1 + (last.kind is ConnectionKind.OWNS) + whole
        loss = f"everything in {target.name}" if whole else f"what is in {target.name}"
        yield RiskPoint(points, f"{last.why}: {loss} is the attacker's", "Critical resource" if whole else "")
    elif last.kind is ConnectionKind.READS_SECRETS:
        yield RiskPoint(2, f"The secrets of {target.name} open what they are for", "Critical resource")
    elif target.type == CLUSTER:
        yield RiskPoint(
            2, f"control of {target.name} is control of everything that runs in it", "Critical resource"
        )
    else:
        yield RiskPoint(1, f"{target.name} holds data of unknown sensitivity")


def _score_steps(chain: Chain) -> Iterator[RiskPoint]:
    """Yield what makes the way shorter or longer."""
    weak = [one.get(InsightKind.WEAKNESS) for one in chain.insights[:-1]]
    worst = next((f for one in weak if one for f in one.findings if f.severity is Severity.CRITICAL), None)
    if worst is not None:
        yield RiskPoint(1, f"A weakness on the way is critical: {worst.title}")
    if any(one.kind is ConnectionKind.REACHES for one in chain.connections):
        yield RiskPoint(-1, "The attacker must first move from one machine to another", "Lateral movement")
    elif any(one.kind is ConnectionKind.AUTHENTICATES_AS for one in chain.connections):
        yield RiskPoint(0, "An identity leads from what runs code to what it may reach", "Lateral movement")
