"""One actor, many alerts of one run: a scanner that tries thirty machines is one matter, not thirty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from nephoscope.alerts.tuning.alert_history import PastAlert
from nephoscope.alerts.tuning.rule_case import (
    Proposal,
    SettingStep,
    TuningCase,
    count_days,
    describe_verdicts,
)
from nephoscope.alerts.tuning.rule_settings import SINGLE

LEAST, LEAST_DAYS = 5, 2
SHARE = 0.5
"""The part of the alerts that has to go for it to be worth it."""


def advise(case: TuningCase) -> Iterable[Proposal]:
    """Make one alert of what a run finds, where the alerts of every run that raised several have somebody or something in common."""
    if not case.rule.one_alert_a_row:
        return
    runs: dict[object, list[PastAlert]] = defaultdict(list)
    for one in case.alerts:
        runs[one.alert.raised].append(one)
    several = [alerts for alerts in runs.values() if len(alerts) > 1]
    hides = [one for alerts in several for one in alerts[1:]]
    if len(hides) < max(LEAST, SHARE * len(case.alerts)) or count_days(hides) < LEAST_DAYS:
        return
    if not all(map(_have_common_entity, several)) or any(
        one.is_untouchable for alerts in several for one in alerts
    ):
        return
    yield Proposal(
        SettingStep("aggregationKind", SINGLE),
        "raise one alert of all that a run finds",
        f"{len(several)} runs raised {len(hides) + len(several)} of {len(case.alerts)} alerts, those of each about one and the same;"
        f" {len(hides)} would be grouped into another: {describe_verdicts(hides)}",
        tuple(hides),
    )


def _have_common_entity(alerts: Sequence[PastAlert]) -> bool:
    """Return whether all of them name the same entity."""
    first, *others = ({each.key for each in one.subject.entities} for one in alerts)
    return bool(first.intersection(*others))
