"""What a change of the state says is in the lake once, also where the one who changes or the one who brings it is killed."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import LEASE, deliver_outbox, deliver_pending_rows
from nephoscope.state import State

pytestmark = pytest.mark.system


def add(state: State, table: str, row: dict[str, object], workspace: str = "default") -> None:
    with state.transaction() as session:
        state.outbox.add(session, workspace, table, row)


def rows(lake: Lake, query: str, workspace: str = "default") -> list[dict[str, object]]:
    lake.flush()
    return lake.query(query, workspace=workspace)[0].table.to_pylist()


def test_rows_come_to_their_tables(lake: Lake, state: State) -> None:
    state.workspaces.add("soc", members=["SecurityAlert"])
    now = dt.datetime.now(dt.UTC)
    add(
        state,
        "SecurityAlert",
        {"AlertName": "one", "TimeGenerated": now.isoformat(), "Entities": [1], "Extra": "kept"},
    )
    add(state, "SecurityAlert", {"AlertName": "two"}, "soc")
    add(state, "Nowhere", {"a": 1})
    add(state, "SecurityAlert", {"AlertName": "old", "TimeGenerated": "1999-01-01T00:00:00Z"})
    add(state, "Syslog", {"a": 1}, "soc")
    add(state, "SecurityAlert", {"a": 1}, "gone")
    assert deliver_outbox(lake, state) == 6
    assert (state.outbox.waiting(), deliver_outbox(lake, state), state.leases.find_holder(LEASE)) == (
        0,
        0,
        "",
    )
    found = rows(
        lake,
        "SecurityAlert | project AlertName, Entities, Extra = tostring(_AdditionalFields.Extra), TenantId",
    )
    assert [(row["AlertName"], row["Entities"], row["Extra"]) for row in found] == [("one", "[1]", "kept")]
    assert found[0]["TenantId"] == state.workspaces.get().id
    assert [row["AlertName"] for row in rows(lake, "SecurityAlert", "soc")] == ["two"]
    aside = rows(lake, "_Quarantine | project Table, Reason | sort by Reason asc")
    assert {str(row["Table"]) for row in aside} == {"Nowhere", "SecurityAlert"}
    assert any("workspace 'gone' not found" in str(row["Reason"]) for row in aside)
    assert len(aside) == 3
    assert [row["Table"] for row in rows(lake, "_Quarantine", "soc")] == ["Syslog"]


@pytest.mark.usefixtures("leases_stand")
def test_another_who_brings_them_is_left_alone(lake: Lake, state: State) -> None:
    add(state, "SecurityAlert", {"AlertName": "one"})
    other = state.leases.acquire(LEASE, "other", 60)
    assert deliver_outbox(lake, state) is None
    other.release()
    assert deliver_outbox(lake, state) == 1


def test_a_lake_that_is_open_brings_them_by_itself(lake: Lake, state: State) -> None:
    lake.writer()
    add(state, "SecurityAlert", {"AlertName": "one"})
    for _ in range(600):
        if lake.query("SecurityAlert")[0].table.num_rows:
            break
        lake._stop.wait(0.1)
    assert [row["AlertName"] for row in rows(lake, "SecurityAlert")] == ["one"]


CHANGER = """
import sys
from pathlib import Path
from nephoscope.state import State
with State.open_folder(Path(sys.argv[1]), "") as state:
    number = 0
    while True:
        number += 1
        name = f"{sys.argv[2]}/{number}"
        with state.transaction() as session:
            state.outbox.add(session, "default", "SecurityAlert", {"AlertName": name})
        print(name, flush=True)
"""
BRINGER = """
import sys
from pathlib import Path
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State
with State.open_folder(Path(sys.argv[1]), "") as state, Lake.open(Path(sys.argv[1]), state) as lake:
    while True:
        print(deliver_outbox(lake, state), flush=True)
"""


@pytest.mark.full
@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.full)])
def test_kills_lose_and_double_nothing(tmp_path: Path, kills: int) -> None:
    data = tmp_path / "data"
    State.open_folder(data, "").close()
    environment = {name: value for name, value in os.environ.items() if name != "NEPHOSCOPE_STATE"}

    def begun(script: str, turn: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, str(data), str(turn)]
        return forked_commands.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    committed: set[str] = set()
    for turn in range(kills):
        changer, bringer = begun(CHANGER, turn), begun(BRINGER, turn)
        try:
            committed |= {changer.stdout.readline().strip() for _ in range(40)}
            for _ in range(3 + turn % 5):
                bringer.stdout.readline()
        finally:
            # in the middle of whatever they are at
            for process in (bringer, changer):
                process.kill()
            printed = changer.communicate()[0]
            bringer.communicate()
        committed |= {line.strip() for line in printed.splitlines(keepends=True) if line.endswith("\n")}
        with State.open_folder(data, "") as state:
            # its lease is not waited for: a killed holder is as one that ran out
            assert state.leases.acquire(LEASE, state.leases.find_holder(LEASE) or "test", 0.0) is not None
    with State.open_folder(data, "") as state, Lake.open(data, state) as lake:
        assert deliver_outbox(lake, state) is not None
        found = rows(lake, "SecurityAlert | summarize Rows = count() by AlertName")
        assert state.outbox.waiting() == 0
        assert rows(lake, "_Quarantine") == []
    counts = {str(row["AlertName"]): row["Rows"] for row in found}
    assert committed <= counts.keys()
    assert set(counts.values()) == {1}
    # what was committed and killed before it could say so
    assert len(counts) - len(committed) <= kills


def test_a_request_does_not_wait_for_the_rows_of_others(lake: Lake, state: State) -> None:
    add(state, "SecurityAlert", {"AlertName": "one"})
    assert deliver_pending_rows(lake, state) == 1
    with state.transaction() as session:
        for number in range(150):
            state.outbox.add(session, "default", "SecurityAlert", {"AlertName": str(number)})
    assert deliver_pending_rows(lake, state) is None
    assert deliver_outbox(lake, state) == 150
    assert (state.outbox.waiting(), deliver_pending_rows(lake, state)) == (0, 0)
