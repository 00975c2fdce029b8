"""Trials: what somebody asks for waits, is done once, tells how far it is, can be stopped, and survives the end of its worker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.alerts.tuning.conftest import HOUR, rule, signin

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule_files import RuleFolder
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.alerts.tuning.applied_advice import list_applied_advice
from nephoscope.alerts.tuning.trial import KEPT_OF_RULE, MOST_WAITING, RuleTrial, RuleTrials, TrialKind
from nephoscope.alerts.tuning.trial_runner import MOST_STARTS, TrialProgress, TrialRunner, TrialStoppedError
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.lake.lake import Lake
from nephoscope.state import NotFoundError, State, StateError
from nephoscope.state.incidents.incidents import IncidentStatus

BEGIN, END = HOUR - timedelta(hours=1), HOUR + timedelta(hours=72)
ROWS = [signin(day * 1800 + 10, "scan@contoso.com", "198.51.100.7") for day in range(3)]


def wanted(what: TrialKind = TrialKind.REPLAY, **changes: Any) -> RuleTrial:
    return replace(RuleTrial("default", "r1", what, BEGIN, END, "ana", HOUR), **changes)


@pytest.fixture
def trials(state: State) -> RuleTrials:
    return RuleTrials(state)


@pytest.fixture
def trying(lake: Lake, state: State) -> TrialRunner:
    return TrialRunner(state, lake, lambda: RuleFolder((rule(),), ()))


@pytest.fixture
def history(put: Any, lake: Lake, state: State) -> None:
    """Three nights of the same scan, whose alerts were raised and closed as harmless."""
    put("SigninLogs", *ROWS, came=None)
    for day in range(3):
        end = HOUR + timedelta(hours=day * 30 + 1)
        assert list(Schedule(lake, state, [rule()], "default").run_all_rules_once(end, END))
    for one in state.incidents.list_newest("default"):
        IncidentService(state, "default").change(
            one.number, END, "ana", status=IncidentStatus.CLOSED, classification="FalsePositive", reason=""
        )


@pytest.mark.usefixtures("history")
def test_a_replay_says_what_the_rule_would_have_raised(
    trials: RuleTrials, trying: TrialRunner, state: State
) -> None:
    asked = trials.request_trial(wanted())
    before = len(state.alerts.history("default", BEGIN, END))
    assert trying.run_next() is not None
    done = trials.get("default", "r1", asked.id)
    assert (done.standing, done.starts, done.error) == ("done", 1, "")
    assert (done.found["alerts"], done.found["windows"], done.found["rows"]) == (3, 73, 3)
    assert [one["alerts"] for one in done.found["entities"]] == [3, 3]
    assert {one["id"] for one in done.found["newest"]} == {
        one.id for one in state.alerts.history("default", BEGIN, END)
    }, "the same windows give the same alerts"
    assert len(state.alerts.history("default", BEGIN, END)) == before, "nothing is written"
    assert trying.run_next() is None


@pytest.mark.usefixtures("history")
def test_advice_is_found_followed_and_taken_back(
    trials: RuleTrials, trying: TrialRunner, state: State
) -> None:
    asked = trials.request_trial(wanted(TrialKind.ADVICE))
    trying.run_next()
    several = trials.get("default", "r1", asked.id).found["advice"]
    best = max(several, key=lambda one: one["hides"])
    assert (best["hides"], best["of"], best["closedFalse"], best["confidence"]) == (3, 3, 3, "proven")
    applied = trials.request_trial(wanted(TrialKind.APPLY, advice=best["id"]))
    trying.run_next()
    assert trials.get("default", "r1", applied.id).error == ""
    (one,) = list_applied_advice(state, "default", "r1")
    assert (one.advice, one.author, one.stands) == (best["id"], "ana", True)
    trials.request_trial(wanted())
    replayed = trying.run_next()
    assert replayed is not None
    assert replayed.found["alerts"] == 0, "as it is tuned now it raises none of them"
    assert TuningEditor(state, "default", "ben", END).undo(best["id"]) > 0
    assert [each.stands for each in list_applied_advice(state, "default", "r1")] == [False]


def test_advice_that_does_not_hold_is_not_followed(trials: RuleTrials, trying: TrialRunner) -> None:
    asked = trials.request_trial(wanted(TrialKind.APPLY, advice="none"))
    trying.run_next()
    assert "suggestion is outdated" in trials.get("default", "r1", asked.id).error
    gone = trials.request_trial(wanted(rule="r2"))
    trying.run_next()
    assert "rule 'r2' no longer exists" in trials.get("default", "r2", gone.id).error


def test_what_is_asked_twice_is_done_once(trials: RuleTrials) -> None:
    first = trials.request_trial(wanted())
    assert trials.request_trial(wanted(by="ben")).id == first.id
    assert trials.request_trial(wanted(TrialKind.ADVICE)).id != first.id
    with pytest.raises(NotFoundError):
        trials.get("default", "r2", first.id)
    for at in range(MOST_WAITING - 2):
        trials.request_trial(wanted(rule=f"x{at}"))
    with pytest.raises(StateError, match="are already queued"):
        trials.request_trial(wanted(rule="one too many"))


@pytest.mark.full
def test_the_oldest_that_are_over_are_forgotten(trials: RuleTrials, trying: TrialRunner) -> None:
    for at in range(KEPT_OF_RULE + 3):
        asked = trials.request_trial(wanted(asked=HOUR + timedelta(seconds=at), rule="gone"))
        trying.run_next()
    kept = trials.list_for_rule("default", "gone")
    assert len(kept) == KEPT_OF_RULE
    assert kept[0].id == asked.id


def test_it_tells_how_far_it_is_until_it_is_stopped(trials: RuleTrials) -> None:
    asked = trials.request_trial(wanted())
    telling = TrialProgress(trials, replace(asked, starts=1), every=0)
    telling(3, 8)
    found = trials.get("default", "r1", asked.id)
    assert (found.standing, found.done, found.total) == ("running", 3, 8)
    trials.stop(asked)
    with pytest.raises(TrialStoppedError):
        telling(4, 8)
    assert trials.all() == []


@pytest.mark.full
def test_a_worker_that_is_to_end_leaves_it_to_the_next(trials: RuleTrials, trying: TrialRunner) -> None:
    asked = trials.request_trial(wanted())
    assert trying.run_next(lambda: True) is None
    assert trials.get("default", "r1", asked.id).standing == "waiting"
    done = trying.run_next()
    assert done is not None
    assert done.standing == "done"


def test_what_ends_its_worker_again_and_again_is_given_up(trials: RuleTrials, trying: TrialRunner) -> None:
    asked = trials.request_trial(wanted())
    trials.store_progress(replace(asked, starts=MOST_STARTS))
    trying.run_next()
    assert "ended its worker 3 times" in trials.get("default", "r1", asked.id).error
