"""Kills of who raises alerts and of who responds: every alert is told once, under one id however often it was tried."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.running import forked_commands

from nephoscope.state import State
from nephoscope.state.automation.automation_runs import RunStatus

pytestmark = pytest.mark.system

SCRIPT = Path(__file__).with_name("responding.py")


def killed(data: Path, lines: int, *arguments: str) -> bool:
    """Run the script and kill it after so many lines; whether it ended by itself before."""
    command = [sys.executable, str(SCRIPT), str(data), *arguments]
    with forked_commands.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(lines):
            if not process.stdout.readline():
                process.wait()
                assert process.returncode == 0
                return True
        process.kill()
    return False


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.full)])
def test_nothing_is_lost_or_doubled(
    receiver: Any, engine: Callable[..., Any], state: State, lake: Any, kills: int
) -> None:
    data, count, chance = lake.data, 4 * kills, random.Random(kills)
    state.credentials.put("response.team", "secret")
    rule = {
        "name": "both",
        "when": ["alert.created"],
        "actions": [{"action": "webhook", "url": receiver.url, "secret": "team"}],
    }
    tag = {
        "name": "tag",
        "when": ["incident.created"],
        "actions": [{"action": "incident", "comment": "seen"}],
    }
    folder = data / "responses" / "rules"
    folder.mkdir(parents=True)
    for one in (rule, tag):
        (folder / f"{one['name']}.yaml").write_text(yaml.safe_dump(one))
    operator = {"webhook": {"private": ["127.0.0.0/8", "::1/128"], "ca": receiver.ca}}
    (folder.parent / "operator.yaml").write_text(yaml.safe_dump(operator))
    for _ in range(kills):
        killed(data, chance.randint(1, 8), "raise", str(count))
        killed(data, chance.randint(1, 4), "respond")
    assert killed(data, count + 1, "raise", str(count))
    left = state.automation_runs.waiting("default") + len(
        state.automation_runs.list_newest(
            "default", statuses=(RunStatus.PENDING, RunStatus.RUNNING), most=10_000
        )
    )
    if left:
        _finish(data, state)
    runs = state.automation_runs.list_newest("default", most=10_000)
    assert {one.status for one in runs} == {RunStatus.DONE}
    told = [one for one in runs if one.action == "webhook"]
    assert sorted(one.subject for one in told) == sorted(f"a{number}" for number in range(count))
    # a receiver may hear of one twice, where nobody lived to note the first time; the id tells
    assert set(receiver.ids()) == {one.id for one in told}
    assert len(receiver.ids()) - len(told) <= kills
    for incident in state.incidents.list_newest("default", most=10_000):
        with state.transaction() as session:
            assert [note.text for note in state.incidents.notes(session, incident.number)] == ["seen"]


def _finish(data: Path, state: State) -> None:
    """Respond until nothing is left."""
    command = [sys.executable, str(SCRIPT), str(data), "respond"]
    open_ = (RunStatus.PENDING, RunStatus.RUNNING)
    with forked_commands.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while state.automation_runs.waiting("default") or state.automation_runs.list_newest(
            "default", statuses=open_
        ):
            assert process.stdout.readline()
        process.kill()
