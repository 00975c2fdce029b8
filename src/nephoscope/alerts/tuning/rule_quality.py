"""Rule quality report: alerts, classifications and cost of each rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.alert_history import PastAlert, list_past_alerts
from nephoscope.state.rules.rule_runs import RuleRun

if TYPE_CHECKING:
    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class RuleQuality:
    """A rule in a time: alerts raised and held back, their incidents and how they were closed, runs and what they cost.

    `precision` is the share of true positives among the incidents that were judged (None = none was).
    """

    rule: str
    name: str
    alerts: int
    held: int
    incidents: int
    false: int
    benign: int
    true: int
    undetermined: int
    open: int
    closing: timedelta | None
    runs: int
    errors: int
    seconds: float
    rows: int

    @property
    def precision(self) -> float | None:
        """True positives among those that are true, benign or false."""
        judged = self.true + self.benign + self.false
        return self.true / judged if judged else None


def rate_rules(
    state: State, workspace: str, since: datetime, until: datetime, names: Mapping[str, str]
) -> list[RuleQuality]:
    """Every rule that ran or raised in [since, until), those with the most alerts first; `names` are those of rules by id."""
    alerts: dict[str, list[PastAlert]] = defaultdict(list)
    for one in list_past_alerts(state, workspace, since, until):
        alerts[one.alert.rule].append(one)
    runs: dict[str, list[RuleRun]] = defaultdict(list)
    for run in state.rule_runs.list_runs_between(workspace, since, until):
        runs[run.rule].append(run)
    found = [_rate_rule(rule, names.get(rule, ""), alerts[rule], runs[rule]) for rule in {**alerts, **runs}]
    return sorted(found, key=lambda one: (-one.alerts, -one.seconds, one.name, one.rule))


def _rate_rule(rule: str, name: str, alerts: Sequence[PastAlert], runs: Sequence[RuleRun]) -> RuleQuality:
    incidents = {one.incident.number: one.incident for one in alerts if one.incident is not None}
    verdicts = [one.classification for one in incidents.values()]
    spans = [one.closed - one.created for one in incidents.values() if one.closed is not None]
    known = str(alerts[-1].alert.document["AlertName"]) if alerts else rule
    return RuleQuality(
        rule,
        name or known,
        sum(not one.is_held for one in alerts),
        sum(one.is_held for one in alerts),
        len(incidents),
        verdicts.count("FalsePositive"),
        verdicts.count("BenignPositive"),
        verdicts.count("TruePositive"),
        verdicts.count("Undetermined"),
        sum(one.closed is None for one in incidents.values()),
        timedelta(seconds=median(one.total_seconds() for one in spans)) if spans else None,
        len(runs),
        sum(bool(one.error) for one in runs),
        sum(one.seconds for one in runs),
        sum(one.rows for one in runs),
    )


def build_quality_row(one: RuleQuality) -> dict[str, object]:
    """The worth of a rule as JSON values."""
    return {
        "rule": one.name,
        "alerts": one.alerts,
        "held": one.held,
        "incidents": one.incidents,
        "false": one.false,
        "benign": one.benign,
        "true": one.true,
        "undetermined": one.undetermined,
        "open": one.open,
        "precision": None if one.precision is None else round(one.precision, 3),
        "hoursToClose": None if one.closing is None else round(one.closing / timedelta(hours=1), 2),
        "runs": one.runs,
        "errors": one.errors,
        "seconds": round(one.seconds, 3),
        "rows": one.rows,
        "id": one.rule,
    }
