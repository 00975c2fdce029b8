"""The table of transitions: from every state by everything that can happen to a run, to which state, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.automation.action import ActionError, ActionKind, ActionOutcome, find_action_kind
from nephoscope.automation.run_states import (
    MOST_TRIES,
    approve_run,
    begin_run,
    deny_run,
    end_run,
    fail_run,
    interrupt_run,
    retry_run,
    withdraw_run,
)
from nephoscope.state import StateError
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
BLOCK, COMMAND = find_action_kind("block"), find_action_kind("command")
PLAN = {"addresses": ["185.220.101.4"]}
REFUSED = "refused"

#: (action, status, step) -> what becomes of it by each of EVENTS, in their order; "" cannot happen to it: the engine never does.
EVENTS = (
    "begun",
    "ended",
    "failed",
    "failed for good",
    "cut off",
    "approved",
    "denied",
    "retried",
    "taken back",
    "ended, approved by the policy",
)
TABLE = {
    ("command", "pending", "do"): "running/do|||||refused|refused|refused|refused|",
    ("command", "running", "do"): "|done/do|pending/do|dead/do|pending/do|refused|refused|refused|refused|",
    ("command", "done", "do"): "|||||refused|refused|refused|refused|",
    ("command", "dead", "do"): "|||||refused|refused|pending/do|refused|",
    ("block", "pending", "do"): "running/do|||||refused|refused|refused|refused|",
    ("block", "running", "do"): "|approve/do|pending/do|dead/do|pending/do|refused|refused|refused|refused|pending/apply",
    ("block", "approve", "do"): "expired/do|||||pending/apply|denied/do|refused|refused|",
    ("block", "done", "do"): "|||||refused|refused|refused|refused|",
    ("block", "dead", "do"): "|||||refused|refused|pending/do|refused|",
    ("block", "denied", "do"): "|||||refused|refused|refused|refused|",
    ("block", "expired", "do"): "|||||refused|refused|refused|refused|",
    ("block", "pending", "apply"): "running/apply|||||refused|refused|refused|refused|",
    ("block", "running", "apply"): "|done/apply|pending/apply|dead/apply|pending/apply|refused|refused|refused|refused|",
    ("block", "done", "apply"): "running/undo|||||refused|refused|refused|pending/undo|",
    ("block", "dead", "apply"): "|||||refused|refused|pending/apply|pending/undo|",
    ("block", "pending", "undo"): "running/undo|||||refused|refused|refused|refused|",
    ("block", "running", "undo"): "|undone/undo|pending/undo|dead/undo|pending/undo|refused|refused|refused|refused|",
    ("block", "dead", "undo"): "|||||refused|refused|pending/undo|refused|",
    ("block", "undone", "undo"): "|||||refused|refused|refused|refused|",
}  # fmt: skip
CASES = [
    (*state, event, after)
    for state, row in TABLE.items()
    for event, after in zip(EVENTS, row.split("|"), strict=True)
    if after
]


def run_at(action: str, status: str, step: str, **more: object) -> AutomationRun:
    begun_ = 1 if status == "running" else 0
    run = AutomationRun(
        "r1", "default", "rule", action, {}, "incident.created", "1", {}, RunStatus(status), NOW, NOW, NOW,
        step=RunStep(step), attempts=begun_, begun=begun_, plan=None if action == "command" else PLAN,
    )  # fmt: skip
    return replace(run, **more)


def happening(kind: ActionKind) -> dict[str, Callable[[AutomationRun], AutomationRun]]:
    return {
        "begun": lambda run: begin_run(run, LATER),
        "ended": lambda run: end_run(
            run, kind, ActionOutcome("it did", PLAN if run.step is RunStep.DO and kind.plan else None), LATER
        ),
        "ended, approved by the policy": lambda run: end_run(
            run, kind, ActionOutcome("it did", PLAN, approved_by="operator.yaml"), LATER
        ),
        "failed": lambda run: fail_run(run, ActionError("no"), LATER),
        "failed for good": lambda run: fail_run(run, ActionError("no", again=False), LATER),
        "cut off": lambda run: interrupt_run(run, LATER),
        "approved": lambda run: approve_run(run, "kim", NOW),
        "denied": lambda run: deny_run(run, "kim", NOW),
        "retried": lambda run: retry_run(run, "kim", LATER),
        "taken back": lambda run: withdraw_run(run, kind, "kim", LATER),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "status", "step", "event", "after"), CASES, ids=["-".join(one[:4]) for one in CASES]
)
def test_the_table(action: str, status: str, step: str, event: str, after: str) -> None:
    run = run_at(action, status, step, until=LATER if status == "approve" else None)
    happens = happening(find_action_kind(action))[event]
    if after == REFUSED:
        with pytest.raises(StateError):
            happens(run)
        return
    found = happens(run)
    assert f"{found.status.value}/{found.step.value}" == after


def test_every_state_is_in_the_table() -> None:
    # a block of which nothing is left to block is done without a plan: see the last test
    reachable = {("command", "pending", "do"), ("block", "pending", "do"), ("block", "done", "do")}
    size = 0
    while size < len(reachable):
        size = len(reachable)
        reachable |= {
            (case[0], *case[4].split("/")) for case in CASES if case[:3] in reachable and case[4] != REFUSED
        }
    assert reachable == set(TABLE)


@pytest.mark.parametrize("step", ["do", "apply", "undo"])
def test_a_step_is_tried_so_often_and_no_more(step: str) -> None:
    run = run_at("block", "pending", step)
    for number in range(1, MOST_TRIES + 1):
        run = begin_run(run, NOW)
        assert (run.attempts, run.begun) == (number, number)
        run = fail_run(run, ActionError("busy"), NOW)
    assert (run.status, run.step.value) == (RunStatus.DEAD, step)
    again = begin_run(retry_run(run, "kim", NOW), NOW)
    assert (again.step.value, again.attempts, again.begun) == (step, 1, MOST_TRIES + 1)


@pytest.mark.parametrize("step", ["do", "apply", "undo"])
def test_a_run_whose_process_dies_every_time_is_given_up(step: str) -> None:
    run = run_at("block", "pending", step)
    for _ in range(MOST_TRIES):
        assert run.status is RunStatus.PENDING
        run = interrupt_run(begin_run(run, NOW), NOW)
    assert (run.status, run.cut_off, run.step.value) == (RunStatus.DEAD, MOST_TRIES, step)
    assert "interrupted" in run.detail


def test_what_failed_says_what_holds() -> None:
    assert fail_run(run_at("block", "running", "undo"), ActionError("no", again=False), NOW).detail == (
        "no; the applied change is still in effect"
    )
    assert fail_run(run_at("block", "running", "apply"), ActionError("no", again=False), NOW).detail == (
        "no; it may be partly applied"
    )


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"until": LATER}, "over: it did"),
        ({"until": None, "by": "jo"}, "undone by jo: it did"),
        (
            {"until": LATER, "cut_off": 1},
            "over: it did (an earlier attempt was interrupted: its effect is unknown)",
        ),
        (
            {"until": LATER, "cut_off": 2},
            "over: it did (2 earlier attempts were interrupted: their effects are unknown)",
        ),
    ],
)
def test_what_is_undone_says_why_and_what_is_not_known(more: dict[str, object], detail: str) -> None:
    assert (
        end_run(run_at("block", "running", "undo", **more), BLOCK, ActionOutcome("it did"), NOW).detail
        == detail
    )


def test_nothing_is_approved_when_its_time_is_over() -> None:
    for decide in (approve_run, deny_run):
        with pytest.raises(StateError, match="the approval timed out"):
            decide(run_at("block", "approve", "do", until=NOW), "kim", NOW)


def test_undoing_what_could_not_be_undone_is_a_retry() -> None:
    with pytest.raises(StateError, match="nephoscope response retry r1"):
        withdraw_run(run_at("block", "dead", "undo"), BLOCK, "kim", NOW)


def test_an_action_of_one_step_ends_without_a_plan() -> None:
    done = end_run(run_at("command", "running", "do"), COMMAND, ActionOutcome("said"), NOW)
    assert (done.status, done.plan, done.until) == (RunStatus.DONE, None, None)
    none = end_run(run_at("block", "running", "do", plan=None), BLOCK, ActionOutcome("nothing to block"), NOW)
    assert (none.status, none.plan) == (RunStatus.DONE, None)
    with pytest.raises(StateError):
        withdraw_run(none, BLOCK, "kim", NOW)
