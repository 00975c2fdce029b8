"""Ad hoc runs of rules (`detect --at`): the last result of each, outside the schedule."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.scheduling.due_windows import hash_rule
from nephoscope.state.rules.rule_runs import RuleRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.alerts.scheduling.run_batch import RuleRunResult
    from nephoscope.state import State

_WHERE = "detection/apart/{}"
_TIMES = ("until", "finished")


def save_run_result(state: State, workspace: str, ran: RuleRunResult) -> None:
    """Keep what a run came to, in place of the one before it of its rule; one that another worker took over came to nothing."""
    if ran.lost:
        return
    outcome = ran.outcome
    run = RuleRun(
        workspace, outcome.rule.id, outcome.window.end, datetime.now(UTC), outcome.rows, len(outcome.alerts), outcome.seconds,
        outcome.error, outcome.fault,
    )  # fmt: skip
    run_document = asdict(run) | {name: getattr(run, name).isoformat() for name in _TIMES}
    state.checkpoints.put(
        _WHERE.format(workspace), run.rule, {"digest": hash_rule(outcome.rule), "run": run_document}
    )


def load_last_runs(state: State, workspace: str) -> Mapping[str, object]:
    """Return what the last runs came to, by rule: for `newest`."""
    return state.checkpoints.all(_WHERE.format(workspace))


def find_newest_run(rule: AnalyticRule, last: RuleRun | None, apart: Any) -> RuleRun | None:
    """The run of a rule that was finished last: by the schedule, or apart from it with the text that it has now."""
    if apart is None or apart["digest"] != hash_rule(rule):
        return last
    run = RuleRun(**apart["run"] | {name: datetime.fromisoformat(apart["run"][name]) for name in _TIMES})
    return run if last is None or last.finished < run.finished else last
