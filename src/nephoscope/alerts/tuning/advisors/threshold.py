"""A rule that counts, rows or something that its alerts tell: a higher count would still have found what was true."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope.alerts.suppression.condition import SuppressionCondition, parse_number
from nephoscope.alerts.tuning.alert_history import PastAlert
from nephoscope.alerts.tuning.rule_case import (
    Proposal,
    SettingStep,
    SuppressStep,
    TuningCase,
    describe_verdicts,
)

LEAST = 5
SHARE = 0.5
"""The part of the harmless alerts that has to go for a threshold to be worth it."""
FACTOR = 3
"""Where nothing was ever true, the threshold is raised at most so many times."""


def advise(case: TuningCase) -> Iterable[Proposal]:
    """The lowest threshold that hides every harmless alert that it may, and none that is true."""
    if case.rule.operator == "gt" and len(case.touchable) >= LEAST:
        yield from (
            _propose_detail_thresholds(case) if case.rule.one_alert_a_row else _propose_row_thresholds(case)
        )


def _propose_row_thresholds(case: TuningCase) -> Iterable[Proposal]:
    """For all rows of a run together."""
    rule = case.rule
    true = [one.events for one in case.alerts if one.is_untouchable]
    if not true and rule.threshold == 0:
        # a rule that asks for one row has found one: there is no measure of what more would mean
        return
    limit = min(true) - 1 if true else rule.threshold * FACTOR
    candidates = sorted({one.events for one in case.touchable if one.events <= limit})
    if not candidates or candidates[-1] <= rule.threshold:
        return
    chosen = candidates[-1]
    hides = [one for one in case.touchable if one.events <= chosen]
    if len(hides) < SHARE * len(case.touchable):
        return
    found = f"; {len(true)} true ones had {min(true)} or more" if true else "; none was ever true"
    yield Proposal(
        SettingStep("triggerThreshold", chosen),
        f"raise triggerThreshold to {chosen} (now {rule.threshold})",
        f"{len(hides)} of {len(case.alerts)} alerts had up to {chosen} rows: {describe_verdicts(hides)}{found}",
        tuple(hides),
    )


def _propose_detail_thresholds(case: TuningCase) -> Iterable[Proposal]:
    """For a number that every alert tells, where what was true told of more each time: else nobody knows that more is worse."""
    harmful = [one for one in case.alerts if one.is_untouchable]
    for name, _ in case.rule.custom_details if harmful else ():
        amounts = {one.id: amount for one in case.alerts if (amount := _read_number(one, name)) is not None}
        if len(amounts) < len(case.alerts):
            continue
        least = min(amounts[one.id] for one in harmful)
        hides = [one for one in case.touchable if amounts[one.id] < least]
        if len(hides) < max(LEAST, SHARE * len(case.touchable)):
            continue
        most = max(amounts[one.id] for one in hides)
        yield Proposal(
            SuppressStep((SuppressionCondition(f"details.{name}", "atMost", (f"{most:g}",)),)),
            f"leave out what has {name} up to {most:g}",
            f"{len(hides)} of {len(case.alerts)} alerts had {name} up to {most:g}: {describe_verdicts(hides)}; "
            f"{len(harmful)} that are true or may be had {least:g} or more",
            tuple(hides),
        )


def _read_number(one: PastAlert, name: str) -> float | None:
    """The number that an alert tells by a name; None where it tells none, or several."""
    values = one.subject.details.get(name, ())
    return parse_number(values[0]) if len(values) == 1 else None
