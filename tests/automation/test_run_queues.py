"""Bulk and slow receivers hold nothing else: alerts and incidents are told meanwhile, and automations take turns."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.waiting import wait_until

from nephoscope.automation import run_queues as choosing
from nephoscope.automation.run_queues import MOST, RunQueues
from nephoscope.lake.lake import Lake
from nephoscope.serve.automation_worker import ResponderPool
from nephoscope.state import State
from nephoscope.state.automation.automation_runs import (
    AutomationRun,
    DueRun,
    RuleLanguage,
    RunStatus,
    RunStep,
)

pytestmark = pytest.mark.system

NOW = datetime.now(UTC)
#: Says that it was begun, and waits until it is let go.
HOLD = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "begun").touch()
while not (folder / "told").exists():
    time.sleep(0.01)
"""
TELL = "import pathlib, sys; pathlib.Path(sys.argv[1], 'told').touch()"


def due(id_: str, receiver: str, rule: str = "a", *, urgent: bool = False, at: int = 0) -> DueRun:
    settings = {"action": "files", "name": receiver}
    moment = NOW + timedelta(seconds=at)
    return DueRun(id_, rule, "files", settings, RunStep.DO, urgent, moment)


def change(id_: str, *, urgent: bool) -> DueRun:
    return DueRun(id_, "a", "table", {"action": "table"}, RunStep.DO, urgent, NOW)


@pytest.mark.parametrize(
    ("known", "order"),
    [
        pytest.param([due("1", "x"), due("2", "x"), due("3", "x")], ["1", "2", "3"], id="one-after-the-other"),
        pytest.param([due("1", "x"), due("2", "x"), due("3", "y")], ["1+3", "2"], id="a-receiver-holds-itself"),
        pytest.param([due("1", "x"), due("2", "x", urgent=True, at=9)], ["2+1"], id="alerts-go-first"),
        pytest.param(
            [due("1", "x"), due("2", "x"), due("3", "x"), due("4", "x", "b", at=9)], ["1", "4", "2", "3"], id="in-turn"
        ),
        pytest.param(
            [change("1", urgent=True), change("2", urgent=True), change("3", urgent=False), change("4", urgent=False)],
            ["1+2+3", "4"], id="changes-of-the-state",
        ),
        pytest.param(
            [due(f"{at:02}", f"r{at}") for at in range(MOST + 1)],
            ["+".join(f"{at:02}" for at in range(MOST)), f"{MOST}"], id="so-many-threads",
        ),
    ],
)  # fmt: skip
def test_which_runs_are_begun_together(known: list[DueRun], order: list[str]) -> None:
    left, found = list(known), []
    lanes = RunQueues(lambda: list(left))
    while chosen := lanes.choose_due():
        found.append("+".join(one.id for one in chosen))
        for one in chosen:
            lanes.mark_begun(one)
            left.remove(one)
        lanes.drop([one.id for one in chosen])
        assert not [
            one
            for one in lanes.choose_due(new=True)
            if choosing.select_queue(one).action and one.id in found[-1]
        ]
        for one in chosen:
            lanes.mark_run_ended(one.id)
    assert found == order


def planned(state: State, *names: str, workspace: str = "default", **more: Any) -> None:
    """Keep a run of a command for each name, as an automation that was told of an assessment."""
    runs = [
        AutomationRun(
            f"{workspace}-{at}", workspace, "/providers/microsoft.security/automations/bulk", "command",
            {"action": "command", "name": name}, "assessments.changed", f"s{at}", {}, RunStatus.PENDING, NOW, NOW, NOW,
            language=RuleLanguage.AUTOMATION, urgent=False, **more,
        )
        for at, name in enumerate(names)
    ]  # fmt: skip
    with state.transaction() as session:
        state.automation_runs.plan(session, runs)


def commands(folder: Path) -> dict[str, Any]:
    programs = {"hold": HOLD, "tell": TELL}
    return {
        "commands": {
            name: {"run": [sys.executable, "-c", code, str(folder)], "seconds": 45}
            for name, code in programs.items()
        }
    }


@contextmanager
def meanwhile(work: Callable[[], None]) -> Any:
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def until(there: Path) -> None:
    wait_until(there.exists, lambda: list(there.parent.iterdir()))


@pytest.mark.parametrize("early", [True, False])
def test_an_alert_is_told_while_a_receiver_of_bulk_takes_its_time(
    engine, raise_alert, state: State, tmp_path: Path, early: bool
) -> None:
    tell = {"when": ["alert.created"], "actions": [{"action": "command", "name": "tell"}]}
    who = engine(tell, operator=commands(tmp_path))
    planned(state, "hold", "hold", "hold")
    ended: list[AutomationRun] = []
    if early:
        raise_alert()
    with meanwhile(lambda: ended.extend(who.tick())):
        if not early:
            until(tmp_path / "begun")
            raise_alert()
    assert [(one.status.value, one.attempts) for one in ended] == [("done", 1)] * 4


def test_what_is_under_way_when_a_turn_breaks_off_is_waited_for_and_noted(
    engine, state: State, tmp_path: Path
) -> None:
    turn = engine(operator=commands(tmp_path)).tick()
    planned(state, "none", "hold")
    assert next(turn).status is RunStatus.DEAD
    until(tmp_path / "begun")
    (tmp_path / "told").touch()
    turn.close()
    runs = state.automation_runs.list_runs_in_language(RuleLanguage.AUTOMATION)
    assert {one.status for one in runs} == {RunStatus.DEAD, RunStatus.DONE}


def _are_done(state: State) -> bool:
    runs = state.automation_runs.list_runs_in_language(RuleLanguage.AUTOMATION)
    assert not [one for one in runs if one.detail.startswith("hold was stopped")]
    return all(one.status is RunStatus.DONE for one in runs)


def test_a_workspace_does_not_wait_for_another(lake: Lake, state: State, tmp_path: Path) -> None:
    state.workspaces.add("other")
    (lake.data / "responses").mkdir(parents=True)
    (lake.data / "responses" / "operator.yaml").write_text(yaml.safe_dump(commands(tmp_path)))
    planned(state, "hold")
    with ResponderPool(lake, state) as desks:
        desks.ask([])
        until(tmp_path / "begun")
        planned(state, "tell", workspace="other")
        wait_until(lambda: _are_done(state))


def test_many_runs_cost_one_transaction_each_and_are_not_looked_for_each_time(
    engine, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "_FRESH_SECONDS", float("inf"))
    who = engine(operator={})
    planned(state, *["none"] * 120)
    counted: dict[str, int] = {"due": 0, "transaction": 0}

    def counting(name: str, made: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any, **options: Any) -> Any:
            counted[name] += 1
            return made(*arguments, **options)

        return count

    monkeypatch.setattr(state.automation_runs, "due", counting("due", state.automation_runs.due))
    monkeypatch.setattr(State, "transaction", counting("transaction", State.transaction))
    assert [one.status for one in who.tick()] == [RunStatus.DEAD] * 120
    assert counted["due"] <= 6
    # one more forgets what was done long ago
    assert counted["transaction"] <= 122


def test_plans_of_one_action_are_made_one_after_the_other_whoever_applies_them(state: State) -> None:
    group = {"action": "block", "target": "nsg", "resource": "/subscriptions/s"}
    runs = [
        AutomationRun(
            name, "default", "r", "block", {**group, "apply": name}, "alert.created", "a1", {}, status, NOW, NOW, NOW,
            step=step, until=over,
        )
        for name, status, step, over in (
            ("one", RunStatus.PENDING, RunStep.DO, None),
            ("other", RunStatus.PENDING, RunStep.DO, None),
            ("approved", RunStatus.PENDING, RunStep.APPLY, None),
            ("over", RunStatus.DONE, RunStep.APPLY, NOW),
        )
    ]  # fmt: skip
    with state.transaction() as session:
        state.automation_runs.plan(session, runs)
    found = state.automation_runs.due("default", NOW, ("block",))
    assert {one.id: choosing.select_queue(one).receiver for one in found} == {
        "one": "plan", "other": "plan", "approved": "approved", "over": "over",
    }  # fmt: skip
