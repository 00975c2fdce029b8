"""The command ingest: a load that was interrupted goes on where it stopped; no copy stays of what was read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.ingest.logs import HEADER, HOSTS, counted, csv_of, document_of, ingest, lines_of, run
from tests.running import forked_commands
from tests.waiting import wait_until

from nephoscope.cli.session.ingest_inputs import remove_abandoned_folders
from nephoscope.ingest.logs import record_framing, whole_file_formats
from nephoscope.lake.writing.writer import Writer
from nephoscope.state.ingestion.ingested_files import IngestedFiles

pytestmark = pytest.mark.system


def test_again_takes_it_in_a_second_time(tmp_path: Path, data: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(5))
    ingest(data, plain)
    ingest(data, plain, "--again")
    assert counted(data) == [{"rows": 10, "distinct": 5}]


@pytest.mark.full
def test_an_interrupted_load_with_again_goes_on_and_tells_so(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_framing, "BLOCK", 4096)
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.json").write_bytes(lines_of(400))
    (tmp_path / "w/b.json").write_bytes(lines_of(5, 400))
    ingest(data, tmp_path / "w")
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        append(self, *arguments, **named)
        taken.append(named["sequence"])
        if len(taken) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert run(data, tmp_path / "w", "--again").exit_code == 130
    monkeypatch.chdir(tmp_path)
    result = run(data, "w", "--again")
    assert "resumed the load with --again of" in result.stderr
    assert counted(data) == [{"rows": 810, "distinct": 405}]
    result = run(data, "w", "--again")
    assert "went on" not in result.stderr
    assert counted(data) == [{"rows": 1215, "distinct": 405}]


def test_what_is_appended_while_a_file_is_read_comes_with_the_next_run(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(50))
    begin = IngestedFiles.begin_in_transaction

    def grows(self: IngestedFiles, *arguments: Any, **named: Any) -> Any:
        with plain.open("ab") as file:
            file.write(lines_of(10, 50))
        return begin(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(IngestedFiles, "begin_in_transaction", grows)
        assert ingest(data, plain)[1]["rows"] == {"AZFWNetworkRule": 50}
    code, found = ingest(data, plain)
    assert (code, found["rows"], found["grown"]) == (0, {"AZFWNetworkRule": 10}, [])
    assert counted(data) == [{"rows": 60, "distinct": 60}]


def test_an_interrupted_load_goes_on_where_it_stopped(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_framing, "BLOCK", 4096)
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(400))
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(named["sequence"])
        append(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert run(data, plain).exit_code == 130
    code, found = ingest(data, plain)
    assert code == 0
    assert found["files"]["resumed"] == 1
    assert 0 < found["records"] < 400, "what was there is not read again"
    assert counted(data) == [{"rows": 400, "distinct": 400}]


def test_a_block_that_was_acknowledged_but_not_noted_is_not_doubled(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_framing, "BLOCK", 4096)
    plain = tmp_path / "a.json"
    plain.write_bytes(lines_of(400))
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        append(self, *arguments, **named)
        taken.append(named["sequence"])
        if len(taken) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert run(data, plain).exit_code == 130
    assert ingest(data, plain)[0] == 0
    assert counted(data) == [{"rows": 400, "distinct": 400}]


@pytest.mark.full
def test_a_table_whose_load_was_interrupted_and_that_grew_comes_once(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_file_formats, "_FILE_BATCH", 10)
    plain = tmp_path / "a.csv"
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        append(self, *arguments, **named)
        taken.append(named["sequence"])
        if len(taken) in (3, 5, 8):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        for count in (55, 55, 95):
            plain.write_text(HEADER + csv_of(count))
            assert run(data, plain, "--table", "Heartbeat").exit_code == 130
    plain.write_text(HEADER + csv_of(120))
    code, found = ingest(data, plain, "--table", "Heartbeat")
    assert (code, found["grown"]) == (0, [])
    assert counted(data, HOSTS) == [{"rows": 120, "distinct": 120}]


@pytest.mark.full
def test_a_file_that_grew_while_its_load_was_interrupted_is_gone_on_with(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_framing, "BLOCK", 4096)
    plain = tmp_path / "a.json"
    plain.write_bytes(document_of(400))
    append, taken = Writer.append, []

    def stops(self: Writer, *arguments: Any, **named: Any) -> None:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(named["sequence"])
        append(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "append", stops)
        assert run(data, plain).exit_code == 130
    for count in (500, 600):
        plain.write_bytes(document_of(count))
        assert ingest(data, plain)[0] == 0
    assert counted(data) == [{"rows": 600, "distinct": 600}]


@contextmanager
def _waiting(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads standard input, which does not end."""
    before = set(data.glob("ingest-*"))
    command = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), "ingest", "-"]
    with forked_commands.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: process.poll() is not None or set(data.glob("ingest-*")) - before)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


@pytest.mark.full
def test_the_copy_of_a_pipe_goes_with_the_next_run_where_its_process_was_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with _waiting(data) as living:
        (kept,) = data.glob("ingest-*")
        with _waiting(data) as killed:
            (left,) = set(data.glob("ingest-*")) - {kept}
            killed.kill()
        assert left.is_dir()
        ingest(data, "-", stdin=lines_of(2))
        assert list(data.glob("ingest-*")) == [kept]
        assert living.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_folder_stays_where_a_process_is_ended_however_often_it_is_told(
    tmp_path: Path, number: signal.Signals
) -> None:
    data = tmp_path / "data"
    with _waiting(data) as process:
        process.send_signal(number)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.001)
        assert process.returncode in (130, 143)
    assert not [*data.glob("ingest-*"), *data.glob(".new-*")]


def test_a_folder_that_a_process_was_killed_in_making_goes(data: Path) -> None:
    data.mkdir()
    for name, age in ((".new-ingest-12345678", 3600), (".new-ingest-87654321", 0)):
        (data / name).mkdir()
        os.utime(data / name, (time.time() - age,) * 2)
    remove_abandoned_folders(data)
    assert [one.name for one in data.iterdir()] == [".new-ingest-87654321"]
