"""A rule that only costs: many alerts, all of them judged, none ever true, and about so many things that nothing else helps."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope.alerts.tuning.rule_case import (
    Proposal,
    SettingStep,
    TuningCase,
    count_days,
    describe_verdicts,
)
from nephoscope_policy.model.state import Severity

LEAST, LEAST_DAYS = 20, 7
SPREAD = 0.5
"""The least share of alerts with entities of their own."""


def advise(case: TuningCase) -> Iterable[Proposal]:
    """Turn it off, where it is of no high severity."""
    alerts = case.alerts
    if len(alerts) < LEAST or count_days(alerts) < LEAST_DAYS or case.rule.severity is Severity.HIGH:
        return
    if not all(one.benign for one in alerts) or len({one.key for one in alerts}) < SPREAD * len(alerts):
        return
    yield Proposal(
        SettingStep("enabled", False),
        "turn the rule off",
        f"{len(alerts)} alerts about {len({one.key for one in alerts})} things: {describe_verdicts(alerts)}; "
        f"{case.seconds:.1f} s of work",
        tuple(alerts),
    )
