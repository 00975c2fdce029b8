"""`sources run` is killed again and again while files grow: the lake has every line once, and health and Usage count what it has."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.ingest.live.health.health_recorder import HealthKeeper
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State
from nephoscope.state.ingestion.sources import Source

pytestmark = [pytest.mark.system, pytest.mark.full]

LINES = 300


def _lines(first: int) -> bytes:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return b"".join(
        f"<34>1 {now}Z host app {at} - - line {at}\n".encode() for at in range(first, first + LINES)
    )


def _run(data: Path) -> subprocess.Popen[str]:
    return forked_commands.Popen(
        [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), "sources", "run"],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def _read(state: State) -> int:
    """The bytes that checkpoints say were read."""
    return sum(one.get("offset", 0) for one in state.checkpoints.all("drop").values())


def _held(data: Path, state: State) -> int:
    with Lake.open(data, state) as lake:
        return lake.query("Syslog | count")[-1].table.to_pylist()[0]["Count"]


def _counted(lake: Lake, state: State, rows: int) -> None:
    """Health, its hours and Usage say as much as the table has."""
    lake.flush()
    health = next(one for one in state.source_health.all("drop") if one.table == "Syslog")
    hours = [one for one in state.source_health.rates("drop") if one.table == "Syslog"]
    assert (health.rows, sum(one.rows for one in hours)) == (rows, rows)
    HealthKeeper(lake, state, "test").assess(datetime.now(UTC) + timedelta(hours=1))
    deliver_outbox(lake, state)
    lake.flush()
    told = lake.query("Usage | where DataType == 'Syslog' | summarize sum(Quantity)")[-1].table.to_pylist()
    assert told[0]["sum_Quantity"] == pytest.approx(health.size / 1e6)


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.full)])
def test_killed_while_files_grow(tmp_path: Path, until, kills: int) -> None:
    drop, data, chosen = tmp_path / "drop", tmp_path / "data", random.Random(7)
    drop.mkdir()
    with State.open_folder(data) as state:
        state.sources.add(Source("drop", "folder", {"paths": [str(drop)], "poll": 0.02}))
        for kill in range(kills):
            before, process = _read(state), _run(data)
            assert process.stderr.readline().startswith("nephoscope: running")
            with (drop / f"app{kill % 3}.log").open("ab") as file:
                file.write(_lines(kill * LINES))
            if chosen.randrange(3):
                until(lambda before=before: _read(state) > before)
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            process.stderr.close()
        process = _run(data)
        until(lambda: _held(data, state) >= kills * LINES)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.stderr.close()
        assert process.wait(60) == 0
        with Lake.open(data, state) as lake:
            _counted(lake, state, kills * LINES)
            counted = lake.query(
                "Syslog | summarize n = count() by SyslogMessage | summarize sum(n), max(n), count()"
            )
            found = list(counted[-1].table.to_pylist()[0].values())
    assert found == [kills * LINES, 1, kills * LINES]
