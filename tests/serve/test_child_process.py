"""A forked process: what it has of the one that forked it, what not, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from ast import literal_eval
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.serve.child_process import ChildProcess, fork_process
from nephoscope.serve.parent_watch import VARIABLE

pytestmark = pytest.mark.system


def raise_(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("begin", "code"),
    [
        pytest.param(lambda: None, 0, id="returns"),
        pytest.param(lambda: sys.exit(7), 7, id="exit code"),
        pytest.param(lambda: sys.exit(None), 0, id="exit without code"),
        pytest.param(lambda: sys.exit("why"), 1, id="exit with a reason"),
        pytest.param(lambda: raise_(ValueError("broken")), 1, id="error"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGTERM), -signal.SIGTERM, id="signal"),
    ],
)
def test_it_ends_as_what_it_does_ends(begin, code):
    process = fork_process(begin, "test")
    assert process.wait(60) == code
    assert process.poll() == code


def test_what_is_buffered_is_written_once_and_an_error_is_told_with_where_it_was(tmp_path):
    script = "from nephoscope.serve.child_process import fork_process; print('once'); fork_process(lambda: wrong, 't').wait(60)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    out, errors = tmp_path / "out", tmp_path / "errors"
    with out.open("w") as given, errors.open("w") as told:  # files: what is printed is kept until the end
        forked_commands.run(
            [sys.executable, "-c", script], stdout=given, stderr=told, check=True, env=environment
        )
    assert out.read_text() == "once\n"
    assert "NameError: name 'wrong' is not defined" in errors.read_text()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            "OSError(errno.ENOSPC, 'No space left on device', '/data/x')",
            "/data/x: the disk is full; free some space: it restarts automatically, and ingested data is preserved",
        ),
        (
            "OSError(errno.EDQUOT, '')",
            "the disk is full; free some space: it restarts automatically, and ingested data is preserved",
        ),
        ("DiskFullError('state.db: the disk is full: make room')", "state.db: the disk is full: make room"),
        ("LakeError('the lake is of a newer release')", "the lake is of a newer release"),
    ],
)
def test_what_somebody_can_do_something_about_is_a_line(error: str, line: str) -> None:
    script = (
        "import errno; from nephoscope.lake.errors import LakeError; from nephoscope.state.database.database import DiskFullError\n"
        "from nephoscope.serve.child_process import fork_process\n"
        f"def fail(): raise {error}\n"
        "raise SystemExit(fork_process(fail, 'sources').wait(60))"
    )
    done = forked_commands.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"nephoscope: sources: {line}\n")


def test_it_has_what_it_is_given_and_no_more(tmp_path):
    told = tmp_path / "told"

    def begin() -> None:
        held = {int(one.name) for one in Path("/proc/self/fd").iterdir() if one.exists()}
        told.write_text(
            repr((
                held, os.getsid(0) == os.getpid(), os.read(0, 1), os.environ["GIVEN"], os.environ[VARIABLE],
                Path("/proc/self/comm").read_text().strip(), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
            ))
        )  # fmt: skip

    with socket.socket() as given, socket.socket() as own:
        assert fork_process(begin, "detection", (given.fileno(),), {"GIVEN": "x"}).wait(60) == 0
        held, leads, read, variable, parent, name, plain = literal_eval(told.read_text())
        assert given.fileno() in held
        assert own.fileno() not in held
        assert held - {given.fileno()} <= {0, 1, 2}
    assert (leads, read, variable, parent, name, plain) == (
        True,
        b"",
        "x",
        str(os.getpid()),
        "nepho-detection",
        True,
    )


def test_waiting_has_an_end():
    process = fork_process(lambda: time.sleep(600), "test")
    with pytest.raises(TimeoutError):
        process.wait(0.05)
    process.send(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    process.send(signal.SIGKILL)  # to what has ended: nothing


def test_a_signal_that_comes_meanwhile_is_the_forking_processs():
    got = []
    before = signal.signal(signal.SIGTERM, lambda *_: got.append(1))
    try:
        process: ChildProcess = fork_process(lambda: time.sleep(600), "test")
        os.kill(os.getpid(), signal.SIGTERM)
        assert process.poll() is None
        process.send(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
    assert got == [1]
