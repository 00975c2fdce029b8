"""A command that the fork server begins is what the interpreter would have begun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.running import forked_commands

pytestmark = pytest.mark.system

#: Tells all that a program can know of how it began; what it reads comes first, and its end is its own.
PROGRAM = """
import atexit, json, os, signal, sys, threading
told = {
    "arguments": sys.argv, "path": sys.path[0], "name": __name__, "main": sys.modules["__main__"].__dict__ is globals(),
    "read": sys.stdin.read(), "folder": os.getcwd(), "parent": os.getppid(), "environment": dict(os.environ),
    "open": [one for one in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{one}")],
    "threads": len(os.listdir("/proc/self/task")), "session": os.getsid(0) == os.getpid(), "group": os.getpgid(0) == os.getpid(),
    "signals": [str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
    "streams": [[one.encoding, one.errors, one.line_buffering, one.write_through] for one in (sys.stdin, sys.stdout, sys.stderr)],
}
print(json.dumps(told))
print("a complaint", file=sys.stderr)
atexit.register(print, "the end")
sys.exit(7)
"""


def _begin(begin: type[subprocess.Popen], command: list[str], **options: object) -> tuple[object, ...]:
    """What a command tells, what it complains of, and how it ends."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with begin([sys.executable, *command], text=True, **pipes, **options) as process:
        output, errors = process.communicate("given", timeout=240)
    told, end = output.splitlines()
    return json.loads(told), end, errors, process.returncode


@pytest.mark.parametrize("kind", ["-c", "-m", "file"])
def test_it_is_as_the_interpreter_begins_it(tmp_path: Path, kind: str) -> None:
    (tmp_path / "probe.py").write_text(PROGRAM)
    command = {"-c": ["-c", PROGRAM], "-m": ["-m", "probe"], "file": [str(tmp_path / "probe.py")]}[kind]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1" if kind == "-m" else "", "TZ": "Asia/Tokyo"}
    options = {"cwd": tmp_path, "env": environment, "start_new_session": kind == "file"}
    begun = [
        _begin(one, [*command, "a", "ö\n"], **options) for one in (forked_commands.Popen, subprocess.Popen)
    ]
    assert {
        name: (told, begun[1][0][name]) for name, told in begun[0][0].items() if told != begun[1][0][name]
    } == {}
    assert begun[0][1:] == begun[1][1:]
    assert begun[0][1:] == ("the end", "a complaint\n", 7)
    assert begun[0][0]["parent"] == os.getpid()
    assert begun[0][0]["read"] == "given"


def test_it_has_the_descriptors_that_it_is_given(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as first, (tmp_path / "b").open("w") as second:
        numbers = [second.fileno(), first.fileno()]
        program = "import os, sys; [os.write(int(one), one.encode()) for one in sys.argv[1:]]"
        command = [sys.executable, "-c", program, *map(str, numbers)]
        assert forked_commands.run(command, pass_fds=numbers).returncode == 0
    assert [(tmp_path / one).read_text() for one in "ba"] == [str(one) for one in numbers]


def test_it_can_be_killed_and_tells_what_it_died_of() -> None:
    command = [sys.executable, "-c", "import signal; print('there', flush=True); signal.pause()"]
    with forked_commands.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "there\n"
        assert process.poll() is None
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    died = forked_commands.run([sys.executable, "-c", "1/0"], capture_output=True, text=True)
    assert died.returncode == 1
    assert died.stderr.endswith("ZeroDivisionError: division by zero\n")
    with pytest.raises(subprocess.CalledProcessError):
        forked_commands.run([sys.executable, "-c", "raise SystemExit(3)"], check=True)


@pytest.mark.parametrize(
    ("command", "options", "why"),
    [
        (["/bin/true"], {}, "python -c"),
        ([sys.executable, "-I", "-c", ""], {}, "python -c"),
        ([sys.executable, "-c", ""], {"preexec_fn": os.getpid}, "programs alone"),
        ([sys.executable, "-c", ""], {"user": os.getuid()}, "as nobody else"),
        ([sys.executable, "-c", ""], {"env": {**os.environ, "LC_ALL": "C"}}, "reads LC_ALL when it begins"),
        (
            [sys.executable, "-c", ""],
            {"env": {**os.environ, "PYTHONHASHSEED": "7"}},
            "reads PYTHONHASHSEED when it begins",
        ),
    ],
)
def test_what_a_fork_cannot_be_is_refused(command: list[str], options: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        forked_commands.Popen([*command, ""], **options)
