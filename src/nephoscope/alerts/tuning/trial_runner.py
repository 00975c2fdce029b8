"""Trial runner: replay a rule over the past, with proposed or applied advice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.library.active_rules import load_active_rules
from nephoscope.alerts.rules.rule_files import RuleFolder, load_shipped_rules
from nephoscope.alerts.tuning.advice import TuningAdvisor, execute_advice
from nephoscope.alerts.tuning.alert_history import read_entities
from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
from nephoscope.alerts.tuning.replay import ReplayResult, replay_rule
from nephoscope.alerts.tuning.trial import RuleTrial, RuleTrials, TrialKind
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.state.audit.actor import Actor
from nephoscope.state.database.database import NotFoundError, StateError

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State
    from nephoscope.state.incidents.alerts import StoredAlert

WRITE = "Microsoft.SecurityInsights/alertRules/write"
#: How long what an advice changes holds, as with the command.
EXPIRES = timedelta(days=90)
#: Seconds between two notes of how far a trial is.
TELL_SECONDS = 1.0
#: A trial that ended its worker so often is not begun again.
MOST_STARTS = 3
#: Alerts of a replay that are listed, and errors.
SHOWN = 100


class TrialStoppedError(Exception):
    """A trial ended before it was done: somebody took it back, or the worker is to end."""


@dataclass
class TrialProgress:
    """Notes how far a trial is, once in a while; TrialStoppedError where it is to end."""

    trials: RuleTrials
    trial: RuleTrial
    ending: Callable[[], bool] = lambda: False
    every: float = TELL_SECONDS
    _last: float = field(default=0.0, repr=False)

    def __call__(self, done: int, total: int) -> None:
        """So many windows are done of so many."""
        if self.ending():
            # the next worker begins it anew: that this one ends is not the trial's doing
            self.trials.store_progress(replace(self.trial, starts=self.trial.starts - 1))
            raise TrialStoppedError
        if time.monotonic() - self._last < self.every:
            return
        self._last = time.monotonic()
        if not self.trials.store_progress(replace(self.trial, done=done, total=total)):
            raise TrialStoppedError


@dataclass(frozen=True)
class TrialRunner:
    """Does trials over a lake; `known` gives the rules that are there without any that was imported."""

    state: State
    lake: Lake
    known: Callable[[], RuleFolder] = load_shipped_rules

    def run_next(self, ending: Callable[[], bool] = lambda: False) -> RuleTrial | None:
        """Do the trial that waits longest; None where none does, or it was stopped."""
        trials = RuleTrials(self.state)
        wanted = trials.find_next_trial()
        if wanted is None:
            return None
        if wanted.starts >= MOST_STARTS:
            return _end_trial(
                trials,
                replace(
                    wanted, error=f"it ended its worker {wanted.starts} times: the log of the server says why"
                ),
            )
        begun = replace(wanted, starts=wanted.starts + 1)
        if not trials.store_progress(begun):
            return None
        telling = TrialProgress(trials, begun, ending)
        try:
            return _end_trial(trials, replace(begun, found=self._run_trial(begun, telling)))
        except TrialStoppedError:
            return None
        except StateError as error:
            return _end_trial(trials, replace(begun, error=str(error)))

    def _run_trial(self, trial: RuleTrial, telling: TrialProgress) -> dict[str, object]:
        rule = self._find_rule(trial)
        if trial.what is TrialKind.REPLAY:
            return self._replay_trial(trial, rule, telling)
        advising = TuningAdvisor(
            self.state, self.lake, trial.workspace, trial.since, trial.until, report_progress=telling
        )
        if trial.what is TrialKind.ADVICE:
            return {"advice": [one.document() for one in advising.list_advice([rule])]}
        return self._follow_advice(trial, rule, advising)

    def _find_rule(self, trial: RuleTrial) -> AnalyticRule:
        switched = self.state.rule_switches.load_switches(trial.workspace)
        rules = load_active_rules(self.lake.data, self.known(), switched).rules
        found = next((one for one in rules if one.id == trial.rule), None)
        if found is None:
            raise NotFoundError(f"rule {trial.rule!r} no longer exists")
        return found

    def _replay_trial(
        self, trial: RuleTrial, rule: AnalyticRule, telling: TrialProgress
    ) -> dict[str, object]:
        now = datetime.now(UTC)
        tuned = EffectiveTuning.load(self.state, self.lake, trial.workspace, now).apply_to_rule(rule)
        done = replay_rule(
            self.lake, tuned, trial.workspace, trial.since, min(trial.until, now), now, telling
        )
        return build_replay_document(done)

    def _follow_advice(
        self, trial: RuleTrial, rule: AnalyticRule, advising: TuningAdvisor
    ) -> dict[str, object]:
        found = next(advising.list_advice([rule], trial.advice), None)
        if found is None:
            raise StateError("the suggestion is outdated: request suggestions again")
        now = datetime.now(UTC)
        detail = {
            "act": "apply",
            "rule": rule.id,
            "advice": found.id,
            "change": found.proposal.text,
            "workspace": trial.workspace,
        }
        with self.state.audit_change(Actor(trial.by), WRITE, rule.name, detail):
            execute_advice(
                TuningEditor(self.state, trial.workspace, trial.by, now, found.id), found, now + EXPIRES
            )
        return {"advice": [found.document()]}


def build_replay_document(done: ReplayResult) -> dict[str, object]:
    """Return what came of a replay, with its newest alerts."""
    found = done.document()
    newest = sorted(done.alerts, key=lambda one: (one.raised, one.id), reverse=True)
    errors = found["errors"]
    return found | {
        "failed": len(errors),
        "errors": errors[:SHOWN],
        "newest": [_summarize_alert(one) for one in newest[:SHOWN]],
    }


def _summarize_alert(one: StoredAlert) -> dict[str, object]:
    return {
        "id": one.id,
        "title": str(one.document["AlertName"]),
        "severity": one.severity,
        "started": one.started.isoformat(),
        "ended": one.ended.isoformat(),
        "held": bool(one.held_by),
        "entities": [each.title for each in read_entities(one.document)][:5],
    }


def _end_trial(trials: RuleTrials, one: RuleTrial) -> RuleTrial | None:
    ended = replace(one, ended=datetime.now(UTC))
    return ended if trials.store_progress(ended) else None
