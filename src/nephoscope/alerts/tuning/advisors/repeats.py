"""Propose a repeat interval for a rule that raises the same finding again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from nephoscope.alerts.documents.duration import format_duration
from nephoscope.alerts.tuning.alert_history import PastAlert
from nephoscope.alerts.tuning.rule_case import Proposal, SettingStep, TuningCase, describe_verdicts

INTERVALS = tuple(timedelta(days=days) for days in (1, 3, 7, 14))
LEAST = 3
ENOUGH = 0.8
"""The share, of what the longest interval would hide, for which a shorter one will do."""


def advise(case: TuningCase) -> Iterable[Proposal]:
    """The shortest interval that hides most of the repeats."""
    if case.rule.tuning.repeat is not None:
        return
    longest = _list_repeated_alerts(case.alerts, INTERVALS[-1])
    if len(longest) < LEAST:
        return
    chosen = next(
        one for one in INTERVALS if len(_list_repeated_alerts(case.alerts, one)) >= ENOUGH * len(longest)
    )
    hides = _list_repeated_alerts(case.alerts, chosen)
    span = format_duration(chosen)
    yield Proposal(
        SettingStep("repeatInterval", span),
        f"raise the same entities once in {span}",
        f"{len(hides)} of {len(case.alerts)} alerts repeat one of the same entities within {span}: {describe_verdicts(hides)}",
        tuple(hides),
    )


def _list_repeated_alerts(alerts: Sequence[PastAlert], interval: timedelta) -> list[PastAlert]:
    """The alerts that would be held back; after a true positive, or a story that is open, nothing is."""
    last: dict[str, datetime] = {}
    kept_open: dict[str, bool] = defaultdict(bool)
    found = []
    for one in alerts:
        key = one.key
        before = last.get(key)
        if not key:
            continue
        if before is not None and before < one.alert.raised <= before + interval and not kept_open[key]:
            if one.is_untouchable:
                return []
            found.append(one)
            continue
        last[key] = one.alert.raised
        kept_open[key] = one.is_untouchable
    return found
