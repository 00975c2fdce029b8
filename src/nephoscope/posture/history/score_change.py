"""Score change between two evaluations: by estate, content or exemptions.

The move is taken apart in order: what was then, judged by the content of now (content), with the exemptions of now (exemption), then
the estate of now (estate). The three parts add up to the whole move.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.history import EvaluationRecord
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.exemption import Exemption


class Cause(StrEnum):
    """Cause of a change of the score."""

    CONTENT = "content: other policies, or policies judged otherwise"
    EXEMPTION = "exemptions: granted, changed, expired or withdrawn"
    ESTATE = "estate: resources that were changed, added or removed"


class ScoreDelta(msgspec.Struct, frozen=True):
    """Change of the score's share by one cause (0.01 is one percentage point)."""

    cause: Cause
    points: float


#: Judges an estate by a plan at a time, taking over what it can from an earlier run.
Judge = Callable[[Estate, EvaluationPlan, datetime, EvaluationRun | None], EvaluationRun]


def split_score_change(
    before: EvaluationRecord,
    then: Estate,
    run: EvaluationRun,
    share_of: Callable[[EvaluationRun], float],
    assess: Judge,
) -> tuple[ScoreDelta, ...]:
    """The move from an evaluation to a run in parts; `then` is the estate that the evaluation judged."""
    if before.percentage is None:
        return ()
    old_exemptions = replace(run.plan, exemptions=parse_exemptions(before.exemptions))
    by_content = assess(then, old_exemptions, before.when, None)
    by_exemption = assess(then, run.plan, run.now, by_content)
    shares = [before.percentage, share_of(by_content), share_of(by_exemption), share_of(run)]
    causes = (Cause.CONTENT, Cause.EXEMPTION, Cause.ESTATE)
    return tuple(ScoreDelta(cause, shares[index + 1] - shares[index]) for index, cause in enumerate(causes))


def format_exemptions(plan: EvaluationPlan) -> str:
    """The exemptions of a plan as they are kept in the history."""
    return msgspec.json.encode(plan.exemptions).decode()


def parse_exemptions(text: str) -> tuple[Exemption, ...]:
    """The exemptions that the history kept."""
    return msgspec.json.decode(text, type=tuple[Exemption, ...])
