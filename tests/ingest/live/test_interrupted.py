"""Ctrl-C and SIGTERM end `ingest` and `sources run` in order: no traceback, the exit code, and the next run takes up the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.ingest.logs.record_framing import BLOCK
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.ingestion.sources import Source

pytestmark = pytest.mark.system

COMMAND = "from nephoscope.cli.main import main; main()"
#: The signal comes behind the second append, in the middle of the file.
SIGNALLED = """
import os
import signal
from nephoscope.lake.writing.writer import Writer
append, appended = Writer.append, []
def counted(*arguments, **named):
    append(*arguments, **named)
    appended.append(1)
    if len(appended) == 2:
        os.kill(os.getpid(), {NUMBER})
Writer.append = counted
# a shell that runs tests in the background has its children ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
BLOCKS = 4


def _file(path: Path) -> int:
    """Lines of syslog for some blocks; how many."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    size = BLOCK // 100
    with path.open("w", encoding="utf-8") as file:
        count = 0
        while file.tell() < BLOCKS * BLOCK:
            file.write(f"<34>1 {now}Z host app {count} - - {'x' * size}\n")
            count += 1
    return count


def _ingest(data: Path, file: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", before + COMMAND, "--data", str(data), "ingest", str(file)]
    return forked_commands.run(arguments, capture_output=True, text=True, timeout=300, check=False)


def _held(data: Path) -> list[int]:
    """The rows of Syslog, and how many of them differ."""
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        lake.flush(300)
        query = "Syslog | summarize count(), dcount(ProcessID)"
        return list(lake.query(query)[-1].table.to_pylist()[0].values())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_load(tmp_path: Path, number: int, code: int) -> None:
    data, file = tmp_path / "data", tmp_path / "log.txt"
    lines = _file(file)
    ended = _ingest(data, file, SIGNALLED.replace("{NUMBER}", str(int(number))))
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    with State.open_folder(data) as state:
        (begun,) = state.ingested_files.all()
        assert begun.finished is None
        assert 0 < begun.done < file.stat().st_size
    again = _ingest(data, file)
    assert again.returncode == 0, again.stderr
    assert "1 resumed" in again.stdout
    assert _held(data) == [lines, lines]


def _running(data: Path) -> subprocess.Popen[str]:
    process = forked_commands.Popen(
        [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), "sources", "run"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr.readline().startswith("nephoscope: running")
    return process


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_sources(tmp_path: Path, until, number: int, request: pytest.FixtureRequest) -> None:
    turns = 3 if request.config.getoption("--full") else 1
    drop, data = tmp_path / "drop", tmp_path / "data"
    drop.mkdir()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]

    def grow(first: int, last: int) -> None:
        with (drop / "app.log").open("a", encoding="utf-8") as file:
            file.writelines(f"<34>1 {now}Z host app {count} - - line\n" for count in range(first, last))

    with State.open_folder(data) as state:
        state.sources.add(Source("drop", "folder", {"paths": [str(drop)], "poll": 0.02}))
        for turn in range(turns):
            process = _running(data)
            before = sum(one.get("offset", 0) for one in state.checkpoints.all("drop").values())
            grow(turn * 200, turn * 200 + 100)
            until(
                lambda before=before: (
                    sum(one.get("offset", 0) for one in state.checkpoints.all("drop").values()) > before
                )
            )
            grow(turn * 200 + 100, turn * 200 + 200)
            process.send_signal(number)
            told = process.stderr.read()
            process.stderr.close()
            assert process.wait(60) == 0, told
            assert "Traceback" not in told
        process = _running(data)
        until(lambda: _held(data)[0] >= turns * 200)
        process.send_signal(number)
        process.stderr.read()
        process.stderr.close()
        assert process.wait(60) == 0
    assert _held(data) == [turns * 200] * 2
