"""Findings that come back with the very same entities: the rule may know them as usual."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from nephoscope.alerts.tuning.alert_history import PastAlert
from nephoscope.alerts.tuning.rule_case import LearnStep, Proposal, TuningCase, count_days, describe_verdicts

LEAST_TIMES, LEAST_DAYS, LEAST = 3, 2, 3


def advise(case: TuningCase) -> Iterable[Proposal]:
    """Yield what came at least three times, on two days, and was never true."""
    groups: dict[str, list[PastAlert]] = defaultdict(list)
    for one in case.alerts:
        if one.key:
            groups[one.key].append(one)
    usual = {
        key: alerts
        for key, alerts in groups.items()
        if len(alerts) >= LEAST_TIMES
        and count_days(alerts) >= LEAST_DAYS
        and not any(one.is_untouchable for one in alerts)
    }
    hides = [one for one in case.alerts if one.key in usual]
    # where one alert stands for many rows, its entities are not those of a row
    if not case.rule.one_alert_a_row or len(hides) < LEAST or len(usual) < 2:
        return
    yield Proposal(
        LearnStep(tuple(sorted(usual))),
        f"learn {len(usual)} usual combinations of entities",
        f"{len(hides)} of {len(case.alerts)} alerts are of combinations that came {LEAST_TIMES} times or more: "
        f"{describe_verdicts(hides)}",
        tuple(hides),
    )
