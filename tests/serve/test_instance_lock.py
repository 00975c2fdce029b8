"""One server a data folder: who holds its lock is told, and one that is killed frees it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from tests.running import forked_commands

from nephoscope.cli.main import cli
from nephoscope.serve.child_process import fork_process
from nephoscope.serve.instance_lock import LockHolder, acquire_lock, is_folder_served, read_lock_holder

pytestmark = pytest.mark.system

HOLDS = """
import sys, time
from pathlib import Path
from nephoscope.serve.instance_lock import acquire_lock
with acquire_lock(Path(sys.argv[1])) as lock:
    lock.answers("https://127.0.0.1:9700")
    print("held", flush=True)
    time.sleep(600)
"""


def second(data, *arguments):
    return CliRunner().invoke(cli, ["--data", str(data), "serve", "--port", "0", *arguments])


def test_one_holds_it(tmp_path):
    assert not is_folder_served(tmp_path)
    assert read_lock_holder(tmp_path) is None
    with acquire_lock(tmp_path) as lock:
        assert is_folder_served(tmp_path)
        lock.answers("https://127.0.0.1:8443")
        lock.answers("https://h:1")
        told = read_lock_holder(tmp_path)
        assert (told.pid, told.address, str(told)) == (
            os.getpid(),
            "https://h:1",
            f"process {os.getpid()} at https://h:1",
        )
        with acquire_lock(tmp_path) as other:
            assert other is None
        assert is_folder_served(tmp_path), "who did not get it frees nothing"
    assert not is_folder_served(tmp_path)
    assert (tmp_path / "server.lock").stat().st_mode & 0o777 == 0o600
    assert "on elsewhere at" in str(LockHolder(7, "elsewhere", "https://h"))


def test_a_second_server_is_refused_and_a_killed_one_frees_the_folder(tmp_path):
    with forked_commands.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        refused = second(tmp_path)
        assert refused.exit_code == 2, refused.output
        (line,) = refused.output.splitlines()
        assert (
            f"a server already runs on this folder: process {first.pid} at https://127.0.0.1:9700; stop it, or use another --data"
            in line
        )
        assert [path.name for path in tmp_path.iterdir()] == ["server.lock"], (
            "nothing of the folder was touched"
        )
        first.send_signal(signal.SIGKILL)
        first.wait(60)
    with acquire_lock(tmp_path) as lock:
        assert lock is not None


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("nephoscope.serve.instance_lock.fcntl.flock", refused)
    for asked in (is_folder_served, lambda data: acquire_lock(data).__enter__()):
        (tmp_path / "server.lock").touch()
        with pytest.raises(OSError, match="use a local file system") as told:
            asked(tmp_path)
        assert told.value.filename == str(tmp_path / "server.lock")


def test_what_is_forked_does_not_hold_it(tmp_path):
    with acquire_lock(tmp_path):
        child = fork_process(lambda: signal.pause(), "child")
    try:
        until = time.monotonic() + 60
        while is_folder_served(tmp_path):  # it closes what is open at its beginning
            assert time.monotonic() < until
            time.sleep(0.01)
        assert child.poll() is None
    finally:
        child.send(signal.SIGKILL)
        child.wait(60)
