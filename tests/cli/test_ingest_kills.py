"""A load that is killed again and again, each time in mid-work, in the end holds every row once."""

from __future__ import annotations

import json
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

pytestmark = pytest.mark.system

COMMAND = "from nephoscope.cli.main import main; main()"
#: A command that kills itself at its first append: before it, behind it, or behind the note in the state.
DEADLY = """
import os, signal
from nephoscope.state.ingestion.ingested_files import IngestedFiles
from nephoscope.lake.writing.writer import Writer

def deadly(owner, name, before):
    kept = getattr(owner, name)
    def call(*arguments, **named):
        if not before:
            kept(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, call)

deadly(*{POINT})
"""
POINTS = ("(Writer, 'append', True)", "(Writer, 'append', False)", "(IngestedFiles, 'advance', False)")
PATIENCE = 600


def _write(path: Path, blocks: int) -> int:
    """A file of JSON lines for so many blocks and a half; how many lines."""
    now = datetime.now(UTC).isoformat()
    filling = "x" * 8000
    lines = 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < (blocks + 0.5) * BLOCK:
            file.write(
                f'{{"time":"{now}","category":"AZFWFatFlow","properties":{{"Protocol":"{lines}","New":"{filling}"}}}}\n'
            )
            lines += 1
    return lines


def _run(data: Path, file: Path, before: str = "", *options: str) -> int:
    """Run the command, with a script before it; its exit status."""
    arguments = [sys.executable, "-c", before + COMMAND, "--data", str(data), "ingest", str(file), *options]
    return forked_commands.run(arguments, capture_output=True, timeout=PATIENCE, check=False).returncode


def _killed(data: Path, file: Path, kill: int, *options: str) -> None:
    assert (
        _run(data, file, DEADLY.replace("{POINT}", POINTS[kill % len(POINTS)]), *options) == -signal.SIGKILL
    )


def _holds(data: Path, lines: int, times: int = 1) -> None:
    """Every line is there, so many times."""
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        lake.flush(PATIENCE)
        query = "AZFWFatFlow | summarize rows = count() by Protocol | summarize lines = count(), least = min(rows), most = max(rows)"
        assert lake.query(query)[0].table.to_pylist() == [{"lines": lines, "least": times, "most": times}]
        assert lake.query("_Quarantine | count")[0].table.to_pylist() == [{"Count": 0}]


def _held(tmp_path: Path, kills: int) -> None:
    data, file = tmp_path / "data", tmp_path / "log.json"
    lines = _write(file, kills)
    for kill in range(kills):
        _killed(data, file, kill)
    assert _run(data, file) == 0
    _holds(data, lines)


@pytest.mark.full
def test_a_load_with_again_that_is_killed_adds_every_row_once_more(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "logs"
    folder.mkdir()
    lines = _write(folder / "b.json", 3)
    line = {
        "time": datetime.now(UTC).isoformat(),
        "category": "AZFWFatFlow",
        "properties": {"Protocol": "first"},
    }
    (folder / "a.json").write_text(json.dumps(line))
    assert _run(data, folder) == 0
    for kill in range(len(POINTS)):
        _killed(data, folder, kill, "--again")
    assert _run(data, folder, "", "--again") == 0
    _holds(data, lines + 1, 2)
    assert _run(data, folder, "", "--again") == 0, "one that came to its end is a new load"
    _holds(data, lines + 1, 3)


@pytest.mark.full
def test_many_small_files_whose_ends_are_never_noted_hold_every_row_once(tmp_path: Path) -> None:
    """The end of a file is noted with the beginning of the next one: what is killed there takes its rows in again."""
    data, folder = tmp_path / "data", tmp_path / "logs"
    folder.mkdir()
    for number in range(12):
        line = {
            "time": datetime.now(UTC).isoformat(),
            "category": "AZFWFatFlow",
            "properties": {"Protocol": str(number)},
        }
        (folder / f"{number}.json").write_text(json.dumps(line) + "\n")
    points = ("(IngestedFiles, 'end', True)", "(IngestedFiles, 'end', False)", "(Writer, 'append', False)")
    for point in (*points, *points):
        assert _run(data, folder, DEADLY.replace("{POINT}", point)) == -signal.SIGKILL
    assert _run(data, folder) == 0
    _holds(data, 12)


@pytest.mark.parametrize(
    ("document", "shares"),
    [
        pytest.param(False, (2, 4), id="once"),
        pytest.param(False, (2, 3, 4), id="lines", marks=pytest.mark.full),
        pytest.param(True, (2, 3, 4), id="a document", marks=pytest.mark.full),
    ],
)
def test_a_file_that_grew_after_its_load_was_killed_holds_every_row_once(
    tmp_path: Path, document: bool, shares: tuple[int, ...]
) -> None:
    data, whole, file = tmp_path / "data", tmp_path / "whole", tmp_path / "log.json"
    lines = _write(whole, 3)
    every = whole.read_bytes().splitlines()
    for kill, share in enumerate(shares):
        records = every[: len(every) * share // 4]
        file.write_bytes(
            b'{"records":[' + b",\n".join(records) + b"]}" if document else b"\n".join(records) + b"\n"
        )
        _killed(data, file, kill + 1)
    assert _run(data, file) == 0
    _holds(data, lines)


def test_a_load_that_is_killed_holds_every_row_once(tmp_path: Path) -> None:
    _held(tmp_path, 3)


@pytest.mark.full
def test_a_load_that_is_killed_50_times_holds_every_row_once(tmp_path: Path) -> None:
    _held(tmp_path, 50)


@pytest.mark.full
def test_two_processes_that_load_one_file_at_once_hold_every_row_once(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "log.json"
    lines = _write(file, 3)
    arguments = [sys.executable, "-c", COMMAND, "--data", str(data), "ingest", str(file)]
    both = [forked_commands.Popen(arguments, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait(PATIENCE) for one in both] == [0, 0]
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        lake.flush(PATIENCE)
        query = "AZFWFatFlow | summarize rows = count(), distinct = dcount(Protocol)"
        assert lake.query(query)[0].table.to_pylist() == [{"rows": lines, "distinct": lines}]
