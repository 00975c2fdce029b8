"""Sources as one process: the command, a failure that does not take the others along, a clean stop, leases."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.running import forked_commands

from nephoscope.cli.main import cli
from nephoscope.ingest.live.supervisor import SourceSupervisor
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.ingestion.sources import Source

pytestmark = pytest.mark.system


@pytest.fixture
def nepho(tmp_path):
    def run(*words: str, code: int = 0) -> str:
        found = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), *words])
        assert found.exit_code == code, found.output
        return found.output

    return run


def _line(text: str) -> bytes:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return f"<34>1 {now}Z host app 1 - - {text}\n".encode()


def _texts(lake: Lake) -> list[str]:
    lake.flush()
    found = lake.query("Syslog | project SyslogMessage | order by SyslogMessage asc")[-1].table
    return [one["SyslogMessage"] for one in found.to_pylist()]


def test_a_source_from_its_setting_up_to_its_end(nepho, tmp_path, monkeypatch, until) -> None:
    drop = tmp_path / "drop"
    add = "sources", "add", "drop", "--kind", "folder", "--set", f"paths={drop}"
    assert "no such folder" in nepho(*add, code=2)
    nepho(*add, "--no-test")
    drop.mkdir()
    assert "0 file(s)" in nepho("sources", "test", "drop")
    nepho("sources", "set", "drop", "--set", "poll=0.05")
    monkeypatch.setenv("KEY_OF_TEST", "YSB2ZXJ5IHNlY3JldCBrZXk=")
    nepho(
        "sources", "add", "blobs", "--kind", "storage", "--set", "account_url=https://127.0.0.1:1/x", "--no-test",
        "--set", "credential=account-key", "--secret", "account_key=env:KEY_OF_TEST",
    )  # fmt: skip
    assert [one["name"] for one in json.loads(nepho("sources", "list", "-o", "json"))] == ["blobs", "drop"]
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or b"YSB2ZXJ5IHNlY3JldCBrZXk=" not in file.read_bytes()
    nepho("sources", "set", "blobs", "--disable")

    process = forked_commands.Popen(
        [sys.executable, "-m", "nephoscope.cli.main", "--data", str(tmp_path / "data"), "sources", "run"],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr.readline() == "nephoscope: running drop\n"
    (drop / "a.log").write_bytes(_line("one") + _line("two"))
    with State.open_folder(tmp_path / "data") as state:
        until(lambda: any(one.table == "Syslog" and one.rows == 2 for one in state.source_health.all("drop")))
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        process.stderr.close()
        assert process.wait(60) == 0
        assert said == "nephoscope: stopped\n"
        with Lake.open(tmp_path / "data", state) as lake:
            assert _texts(lake) == ["one", "two"]
    shown = json.loads(nepho("sources", "health", "-o", "json"))
    assert [(one["table"], one["rows"], one["status"]) for one in shown if one["table"]] == [
        ("Syslog", 2, "ok")
    ]
    with State.open_folder(tmp_path / "data") as state:
        state.source_errors.keep_errors(
            "drop", {f"path:/in/{n}": f"{n}: shut" for n in range(25)}, datetime.now(UTC)
        )
    (one,) = [one for one in json.loads(nepho("sources", "list", "-o", "json")) if one["name"] == "drop"]
    assert one["error"] == "0: shut; 1: shut; 10: shut; and 22 more"
    assert (len(one["errors"]), one["errorCount"]) == (20, 25)
    parts = json.loads(nepho("sources", "show", "drop", "-o", "json"))
    assert len(parts) == 25
    assert parts[0]["part"] == "path:/in/0"
    nepho("sources", "remove", "drop")
    nepho("sources", "remove", "blobs")
    assert "no sources" in nepho("sources", "run", code=2)


def test_a_source_that_fails_is_tried_again_and_the_others_go_on(tmp_path, until) -> None:
    drop, gone = tmp_path / "drop", tmp_path / "gone"
    drop.mkdir()
    said: list[str] = []
    with State.open_folder(tmp_path / "data") as state, Lake.open(tmp_path / "data", state) as lake:
        for name, path in (("bad", gone), ("good", drop)):
            state.sources.add(Source(name, "folder", {"paths": [str(path)], "poll": 0.05}))
        supervisor = SourceSupervisor(lake, state, tmp_path / "data", say=said.append)
        thread = threading.Thread(target=supervisor.run, args=(list(state.sources.all()),))
        thread.start()
        try:
            until(lambda: any("bad:" in one and "no such folder" in one for one in said))
            (drop / "a.log").write_bytes(_line("good"))
            gone.mkdir()
            (gone / "b.log").write_bytes(_line("healed"))
            until(lambda: _texts(lake) == ["good", "healed"])
            other = SourceSupervisor(lake, state, tmp_path / "data", say=said.append)
            again = threading.Thread(target=other.run, args=([state.sources.get("good")],))
            again.start()
            until(lambda: any("another process runs this source" in one for one in said))
            other.stop.set()
            again.join(60)
        finally:
            supervisor.stop.set()
            thread.join(60)
        assert not thread.is_alive()
        assert state.leases.find_holder("source/good") == ""


def test_a_token_is_shown_once_and_kept_as_a_hash(nepho, tmp_path) -> None:
    shown = nepho("sources", "add", "door", "--kind", "logs_ingestion", "--set", "listen=127.0.0.1:0")
    token = next(line for line in shown.splitlines() if line.startswith("nepho_"))
    second = next(
        line for line in nepho("sources", "token", "door").splitlines() if line.startswith("nepho_")
    )
    with State.open_folder(tmp_path / "data") as state:
        kept = state.credentials.get("source.door").reveal()
    assert token not in kept
    assert second not in kept
    assert len(json.loads(kept)["tokens"].split()) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "x", "--kind", "none"), "kind of source 'none' not found"),
        (("add", "x", "--kind", "folder"), "paths"),
        (("add", "x", "--kind", "folder", "--set", "paths"), "must be NAME=VALUE"),
        (
            ("add", "x", "--kind", "folder", "--set", "paths=/", "--secret", "pw=env:NOTHING_SUCH"),
            "NOTHING_SUCH is not set",
        ),
        (
            ("add", "x", "--kind", "storage", "--set", "account_url=https://a", "--secret", "sas=sig"),
            "never the secret itself",
        ),
        (("test", "none"), "source 'none' not found"),
        (("token", "none"), "source 'none' not found"),
        (("remove", "none"), "source 'none' not found"),
    ],
)
def test_what_cannot_be_asked_for(nepho, words, told: str) -> None:
    assert told in nepho("sources", *words, code=2)


def test_kinds_say_what_they_take(nepho) -> None:
    found = json.loads(nepho("sources", "kinds", "-o", "json"))
    assert {"storage", "event_hub", "syslog", "logs_ingestion", "folder"} <= {one["kind"] for one in found}
    assert all(one["meaning"] for one in found)


def test_listeners_and_folders_in_one_process_stop_cleanly(tmp_path: Path, until) -> None:
    with State.open_folder(tmp_path / "data") as state, Lake.open(tmp_path / "data", state) as lake:
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        state.sources.add(Source("devices", "syslog", {"tcp": f"127.0.0.1:{port}"}))
        supervisor = SourceSupervisor(lake, state, tmp_path / "data", say=lambda _: None)
        thread = threading.Thread(target=supervisor.run, args=(list(state.sources.all()),))
        thread.start()
        try:
            until(lambda: _sent(port, b"".join(_line(f"{number:03}") for number in range(100))))
        finally:
            supervisor.stop.set()
            thread.join(60)
        assert _texts(lake) == [f"{number:03}" for number in range(100)]


def _sent(port: int, data: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sender:
            sender.sendall(data)
            sender.shutdown(socket.SHUT_WR)
            sender.settimeout(30)
            return sender.recv(1) == b""
    except ConnectionRefusedError:
        time.sleep(0.05)
        return False
