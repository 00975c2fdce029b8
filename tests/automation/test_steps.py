"""The steps of what a person approves, with real commands: what fails is tried again in its step, killed or not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.running import forked_commands

from nephoscope.automation import engine as responding
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import LeaseLostError, State
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep

pytestmark = pytest.mark.system

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/web"
SCRIPT = Path(__file__).with_name("responding.py")
#: A command that writes down what it is asked for, then does what the test wants of it: `step`, `begun`, `data` are there.
PROGRAM = """
import json, os, signal, sqlite3, sys, time
data, given = sys.argv[1], json.load(sys.stdin)
step, begun = given.get("what", "do"), given["begun"]
with open(os.path.join(data, "asked"), "a") as file:
    print(json.dumps([step, begun, given["cutOff"]]), file=file)
"""


class Commands:
    """Rules whose actions are given to a command that behaves as `code` says."""

    def __init__(self, lake: Lake, engine: Callable[..., Any]) -> None:
        self._lake, self._responder = lake, engine

    def who(self, code: str, *actions: dict[str, Any]) -> Any:
        run = [sys.executable, "-c", PROGRAM + code, str(self._lake.data)]
        operator = {
            "block": {"management": ["203.0.113.0/24"]},
            "commands": {"c": {"run": run, "seconds": 120}},
        }
        return self._responder({"actions": list(actions)}, operator=operator)

    def asked(self) -> list[tuple[str, int, int]]:
        """(step, how often it was begun, how often cut off) of everything that the command was asked for."""
        path = self._lake.data / "asked"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def commands(lake: Lake, engine: Callable[..., Any]) -> Commands:
    return Commands(lake, engine)


def block(**more: Any) -> dict[str, Any]:
    return {"action": "block", "target": "nsg", "resource": GROUP, "apply": "c", **more}


def only(runs: Any) -> AutomationRun:
    (run,) = runs
    return run


def applied(who: Any, raise_alert: Callable[..., None]) -> AutomationRun:
    raise_alert()
    run = only(who.tick())
    who.approve(run.id, "kim", run.changed)
    return only(who.tick(run.changed))


@pytest.mark.full
@pytest.mark.parametrize("early", [False, True])
def test_what_is_not_undone_at_once_is_undone_at_another_try(
    commands: Commands, raise_alert: Callable[..., None], early: bool
) -> None:
    who = commands.who("sys.exit(75 if step == 'undo' and begun < 3 else 0)", block())
    done = applied(who, raise_alert)
    if early:
        who.undo(done.id, "jo", done.changed)
    run = only(who.tick(done.changed if early else done.until))
    assert (run.status, run.step, run.attempts) == (RunStatus.PENDING, RunStep.UNDO, 1)
    run = only(who.tick(run.due))
    undone = only(who.tick(run.due))
    assert (undone.status, undone.detail) == (
        RunStatus.UNDONE,
        f"{'undone by jo' if early else 'over'}: c ended with 0",
    )
    assert commands.asked() == [("apply", 1, 0), ("undo", 1, 0), ("undo", 2, 0), ("undo", 3, 0)]


def test_a_block_that_cannot_be_undone_is_dead_and_retried_in_that_step(
    commands: Commands, raise_alert: Callable[..., None]
) -> None:
    who = commands.who("sys.exit(1 if step == 'undo' and begun == 1 else 0)", block())
    run = only(who.tick(applied(who, raise_alert).until))
    assert (run.status, run.detail) == (
        RunStatus.DEAD,
        "c ended with 1: ; the applied change is still in effect",
    )
    who.retry(run.id, "jo", run.changed)
    assert only(who.tick(run.changed)).status is RunStatus.UNDONE
    assert commands.asked() == [("apply", 1, 0), ("undo", 1, 0), ("undo", 2, 0)]


def test_what_was_applied_in_part_can_be_undone(commands: Commands, raise_alert: Callable[..., None]) -> None:
    who = commands.who("sys.exit(1 if step == 'apply' else 0)", block())
    run = applied(who, raise_alert)
    assert (run.status, run.detail) == (RunStatus.DEAD, "c ended with 1: ; it may be partly applied")
    who.undo(run.id, "jo", run.changed)
    assert only(who.tick(run.changed)).status is RunStatus.UNDONE
    assert commands.asked() == [("apply", 1, 0), ("undo", 1, 0)]


WRITES = """
state = sqlite3.connect(os.path.join(data, "state.db"), timeout=5, isolation_level=None)
state.execute("BEGIN IMMEDIATE")
state.execute("COMMIT")
"""


@pytest.mark.parametrize("early", [False, True])
def test_others_can_write_the_state_while_a_command_runs(
    commands: Commands, raise_alert: Callable[..., None], early: bool
) -> None:
    who = commands.who(WRITES, {"action": "command", "name": "c"}, block())
    raise_alert()
    second, first = sorted(who.tick(), key=lambda one: one.action)
    assert (first.status, first.detail) == (RunStatus.DONE, "c ended with 0")
    who.approve(second.id, "kim", second.changed)
    done = only(who.tick(second.changed))
    assert (done.status, done.detail) == (RunStatus.DONE, "approved by kim; c ended with 0")
    if early:
        who.undo(done.id, "jo", done.changed)
    assert only(who.tick(done.changed if early else done.until)).status is RunStatus.UNDONE


#: Waits until the lease was renewed three times.
WAITS = """
state = sqlite3.connect(os.path.join(data, "state.db"), timeout=30)
seen = set()
while len(seen) < 4:
    seen |= set(state.execute("SELECT until FROM leases WHERE name = 'response/default'"))
    time.sleep(0.01)
"""


def test_the_lease_is_held_for_as_long_as_a_command_takes(
    commands: Commands, raise_alert: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responding, "LEASE_SECONDS", 2.0)
    who = commands.who(WAITS, {"action": "command", "name": "c"})
    raise_alert()
    run = only(who.tick())
    assert (run.status, run.attempts) == (RunStatus.DONE, 1)


#: Another host takes the lease, as it would where this one slept for longer than it was held.
LOSES = """
if begun == 1:
    state = sqlite3.connect(os.path.join(data, "state.db"), timeout=30)
    state.execute("UPDATE leases SET holder = 'other', fence = fence + 1 WHERE name = 'response/default'")
    state.commit()
"""


def test_what_was_done_without_the_lease_is_not_noted_and_told_when_it_is_begun_again(
    commands: Commands, raise_alert: Callable[..., None], state: State
) -> None:
    who = commands.who(LOSES, {"action": "command", "name": "c"})
    raise_alert()
    with pytest.raises(
        LeaseLostError, match=r"\(command\) is done: c ended with 0; its result was not recorded"
    ):
        list(who.tick())
    assert list(who.tick()) == []
    assert only(state.automation_runs.list_newest("default")).status is RunStatus.RUNNING
    with state.transaction() as session:
        state.leases.release_leases(session, [state.leases.acquire("response/default", "other", 60.0)])
    cut, done = list(who.tick())
    assert (cut.status, cut.detail) == (
        RunStatus.PENDING,
        "attempt 1 was interrupted: its effect is unknown; restarted",
    )
    assert done.detail == "c ended with 0 (an earlier attempt was interrupted: its effect is unknown)"
    assert commands.asked() == [("do", 1, 0), ("do", 2, 1)]


# --- kill -9 in each state --------------------------------------------------------------------------------------------

DIES = "if step == {step!r} and begun == 1: os.kill(os.getppid(), signal.SIGKILL)"


def respond(data: Path) -> int:
    """Respond in a process of its own, killed once there is nothing to do; the code that it ended with."""
    command = [sys.executable, str(SCRIPT), str(data), "respond"]
    with forked_commands.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "idle\n":
                process.kill()
        return process.wait()


@pytest.mark.parametrize("step", ["do", "apply", "undo"])
def test_a_kill_in_a_step_begins_it_again_and_says_so(
    commands: Commands, raise_alert: Callable[..., None], lake: Lake, state: State, step: str
) -> None:
    who = commands.who(
        DIES.format(step=step), {"action": "command", "name": "c"} if step == "do" else block()
    )
    raise_alert()
    if step != "do":
        run = only(who.tick())
        who.approve(run.id, "kim", run.changed)
    if step == "undo":
        who.undo(only(who.tick(run.changed)).id, "jo", run.changed)
    respond(lake.data)
    assert only(state.automation_runs.list_newest("default")).status is RunStatus.RUNNING
    respond(lake.data)
    run = only(state.automation_runs.list_newest("default"))
    assert run.status is (RunStatus.UNDONE if step == "undo" else RunStatus.DONE)
    assert run.detail.endswith("c ended with 0 (an earlier attempt was interrupted: its effect is unknown)")
    before = [("apply", 1, 0)] if step == "undo" else []
    assert commands.asked() == [*before, (step, 1, 0), (step, 2, 1)]
    deliver_outbox(lake, state)
    lake.flush()
    text = "SentinelHealth | where Description has 'interrupted' | project Reason"
    told = {one["Reason"] for one in lake.query(text)[-1].table.to_pylist()}
    assert told == {"pending", run.status.value}


@pytest.mark.full
def test_a_kill_between_the_steps_changes_nothing(
    commands: Commands, raise_alert: Callable[..., None], lake: Lake, state: State
) -> None:
    who = commands.who("", block(hours=100.0))
    raise_alert()
    run = only(who.tick())
    respond(lake.data)
    assert (only(state.automation_runs.list_newest("default")), commands.asked()) == (run, [])
    who.approve(run.id, "kim", run.changed)
    respond(lake.data)
    done = only(state.automation_runs.list_newest("default"))
    respond(lake.data)
    assert only(state.automation_runs.list_newest("default")) == done
    assert (done.status, commands.asked()) == (RunStatus.DONE, [("apply", 1, 0)])
