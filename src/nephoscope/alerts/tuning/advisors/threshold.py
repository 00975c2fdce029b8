"""A rule that counts: a higher count would still have found what was true."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope.alerts.tuning.case import Case, Proposal, Put, judged

LEAST = 5
SHARE = 0.5
"""The part of the harmless alerts that has to go for a threshold to be worth it."""
FACTOR = 3
"""Where nothing was ever true, the threshold is raised at most so many times."""


def advise(case: Case) -> Iterable[Proposal]:
    """The lowest threshold that hides every harmless alert that it may, and none that is true."""
    rule = case.rule
    if rule.operator != "gt" or rule.one_alert_a_row or len(case.touchable) < LEAST:
        return
    true = [one.events for one in case.alerts if one.untouchable]
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
        Put("triggerThreshold", chosen),
        f"raise triggerThreshold to {chosen} (now {rule.threshold})",
        f"{len(hides)} of {len(case.alerts)} alerts had up to {chosen} rows: {judged(hides)}{found}",
        tuple(hides),
    )
