"""Rule overview: last and next run, result, delay and automatic disabling of each rule."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.documents.duration import format_duration
from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.window import find_settle_time
from nephoscope.alerts.scheduling.ad_hoc_runs import find_newest_run, load_last_runs
from nephoscope.alerts.scheduling.due_windows import count_missed_windows, hash_rule
from nephoscope.alerts.tuning.active_suppressions import RuleSuppressions, SuppressionsInForce

if TYPE_CHECKING:
    from nephoscope.state import State
    from nephoscope.state.rules.rule_runs import RuleRun
    from nephoscope.state.rules.rule_state import RuleStanding

#: What a rule is, from the best to the worst.
HUNTING, OFF, NEVER, OK, SUPPRESSED, BEHIND, RETRYING, FAILING, DISABLED = (
    "hunting", "off", "never run", "ok", "suppressed", "behind", "retrying", "failing", "disabled",
)  # fmt: skip


def build_overview(
    state: State, workspace: str, rules: Iterable[AnalyticRule], now: datetime
) -> list[dict[str, Any]]:
    """A row a rule, those that need somebody first."""
    standings = state.rule_standings.all(workspace)
    last = state.rule_runs.last(workspace, before=now)
    faults, apart = state.rule_runs.faults(workspace), load_last_runs(state, workspace)
    in_force, rows = SuppressionsInForce.load(state, workspace, now), []
    for rule in rules:
        scheduled = last.get(rule.id)
        shown = find_newest_run(rule, scheduled, apart.get(rule.id))
        row = _build_row(rule, standings.get(rule.id), (scheduled, shown), faults.get(rule.id, ()), now)
        rows.append(_with_suppressions(row, in_force.for_rule_only(rule.id)))
    return sorted(rows, key=lambda row: (_ORDER.index(row["status"]), row["rule"]))


_ORDER = (DISABLED, FAILING, RETRYING, BEHIND, SUPPRESSED, OK, NEVER, OFF, HUNTING)


def _build_row(
    rule: AnalyticRule,
    standing: RuleStanding | None,
    runs: tuple[RuleRun | None, RuleRun | None],
    faults: Iterable[RuleRun],
    now: datetime,
) -> dict[str, object]:
    """`runs`: the last one of the schedule, from which it goes on, and the last one of all, which is shown."""
    (scheduled, last), waiting = runs, list(faults)
    disabled = standing.disabled if standing and standing.digest == hash_rule(rule) else None
    left = count_missed_windows(rule, scheduled, now) if scheduled else 0
    return {
        "rule": rule.name,
        "id": rule.id,
        "kind": rule.kind.value,
        "status": _choose_status(rule, last, left, disabled, retrying=bool(waiting)),
        "every": format_duration(rule.frequency),
        "lastRun": last.finished if last else None,
        "until": last.until if last else None,
        "nextRun": _find_next_run(rule, scheduled, now, disabled),
        "rows": last.rows if last else None,
        "alerts": last.alerts if last else None,
        "seconds": round(last.seconds, 3) if last else None,
        "behind": left,
        "retrying": len(waiting),
        "skipped": standing.skipped if standing else 0,
        "failures": standing.failures if standing else 0,
        "disabled": disabled,
        "error": (last.error if last else "") or next((one.error for one in waiting), ""),
    }


def _with_suppressions(row: dict[str, object], found: RuleSuppressions) -> dict[str, object]:
    """The row with what holds back its alerts; a rule that raises nothing is not ok, however well it runs."""
    silent = found.whole and row["status"] in (OK, NEVER)
    return {
        **row,
        "status": SUPPRESSED if silent else row["status"],
        "suppressed": "all" if found.whole else "in part" if found else "",
        "suppressions": len(found),
        "suppressedUntil": found.end if found.whole else found.next_end,
    }


def _choose_status(
    rule: AnalyticRule, last: RuleRun | None, left: int, disabled: datetime | None, *, retrying: bool
) -> str:
    if rule.kind is RuleKind.HUNTING:
        return HUNTING
    if not rule.enabled:
        return OFF
    if disabled is not None:
        return DISABLED
    if last is None:
        return NEVER
    if retrying:
        return RETRYING
    if last.error:
        return FAILING
    return BEHIND if left > 1 else OK


def _find_next_run(
    rule: AnalyticRule, last: RuleRun | None, now: datetime, disabled: datetime | None
) -> datetime | None:
    """Return when the next window is run; None for what is not run."""
    if disabled is not None or not rule.enabled or rule.kind is RuleKind.HUNTING:
        return None
    wanted = last.until + rule.frequency + find_settle_time(rule) if last else now
    return max(wanted, now)
