"""Fork server: a process that has imported the product and forks the commands that tests start, instead of each importing it anew.

A program of its own, in which nothing of pytest is; forked_commands.py starts it with the number of a socket. What it forks is what
`python` would have begun: its own streams, folder, environment and arguments, one thread, and nothing else open.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

#: What commands of tests import; most of it is the workers of the server.
IMPORTED = (
    "nephoscope.cli.main", "nephoscope.cli.serve", "nephoscope.cli.ingest", "nephoscope.cli.scan", "nephoscope.cli.detect",
    "nephoscope.cli.session.behavior_run", "nephoscope.cli.session.ingest_inputs", "nephoscope.serve.preflight",
    "nephoscope.serve.server", "nephoscope.serve.front_process", "nephoscope.serve.web_process", "nephoscope.serve.assessment_worker",
    "nephoscope.serve.automation_worker", "nephoscope.serve.trial_worker", "nephoscope.serve.registry_worker",
    "nephoscope.serve.ingest_worker", "uvicorn.protocols.http.httptools_impl",
)  # fmt: skip
#: Packages whose modules are found when they are first needed.
FOUND = (
    "nephoscope.alerts.scheduling",
    "nephoscope.automation.actions",
    "nephoscope.state.rules",
    "nephoscope.web.pages",
)
#: Bytes of a length and of a process's number.
NUMBER = 8
MOST_DESCRIPTORS = 16


def _serve(asking: socket.socket) -> dict[str, Any] | None:
    """Fork what is asked for; returns it in each forked process, and None in this one once nobody asks any more."""
    while (asked := _receive(asking)) is not None:
        wanted, descriptors = asked
        reading, writing = os.pipe()
        between = os.fork()
        if not between:
            _fork_orphan(writing)
            asking.close()
            _take_descriptors(descriptors, wanted["descriptors"])
            return wanted
        os.waitpid(between, 0)
        asking.sendall(os.read(reading, NUMBER))
        for one in (*descriptors, reading, writing):
            os.close(one)
    return None


def _receive(asking: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Read what is wanted and what it has open; None where nobody asks any more."""
    head, descriptors, _, _ = socket.recv_fds(asking, NUMBER, MOST_DESCRIPTORS)
    if not head:
        return None
    body = bytearray()
    while len(body) < int.from_bytes(head, "big"):
        body += asking.recv(1 << 20)
    return json.loads(body), descriptors


def _fork_orphan(writing: int) -> None:
    """Return in a fork whose parent has ended, so that the test's process, which adopts it, is its parent."""
    between = os.getpid()
    if forked := os.fork():
        os.write(writing, forked.to_bytes(NUMBER, "big"))
        os._exit(0)
    while os.getppid() == between:
        time.sleep(0.0005)


def _take_descriptors(given: list[int], wanted: list[int]) -> None:
    """Let the descriptors have the numbers that are wanted, in ascending order, and close all others."""
    above = [fcntl.fcntl(one, fcntl.F_DUPFD, wanted[-1] + 1) for one in given]
    for one, number in zip(above, wanted, strict=True):
        os.dup2(one, number)
    first = 0
    for number in [*wanted, os.sysconf("SC_OPEN_MAX")]:
        if first < number:  # an empty range from 0 would be all
            os.closerange(first, number)
        first = number + 1


def _become(wanted: dict[str, Any]) -> None:
    """Be in the folder, with the environment, streams and arguments of the command."""
    if wanted["session"]:
        os.setsid()
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    time.tzset()
    tempfile.tempdir = None
    what = wanted["what"]
    begin = {"-c": "", "-m": str(Path.cwd())}
    sys.path[0] = begin.get(wanted["kind"], os.path.dirname(what))  # noqa: PTH120 - as the interpreter does
    sys.argv = [wanted["kind"] or what, *wanted["arguments"]]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _open_stream(number, getattr(sys, name), buffered=not os.environ.get("PYTHONUNBUFFERED"))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _open_stream(number: int, before: io.TextIOWrapper, *, buffered: bool) -> io.TextIOWrapper:
    """Open one of the three streams as the interpreter does, with the encoding of the one before."""
    mode, size = ("wb", -1 if buffered else 0) if number else ("rb", -1)
    raw = open(number, mode, size, closefd=False)  # noqa: SIM115 - until the process ends
    by_line = buffered and (number == 2 or raw.isatty())
    return io.TextIOWrapper(
        raw, before.encoding, before.errors, line_buffering=by_line, write_through=not buffered
    )


def _run(kind: str, what: str) -> None:
    """Run a program, a module or a file as the main one."""
    if kind == "-m":
        is_package = hasattr(sys.modules.get(what), "__path__")
        # the main module is another one than what others import
        sys.modules.pop(f"{what}.__main__" if is_package else what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    elif kind == "-c":
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)
    else:
        runpy.run_path(what, run_name="__main__")


def main() -> None:
    """Serve, or be one of the commands."""
    interrupted = signal.getsignal(signal.SIGINT)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # who asks is interrupted too, and ends this by closing the socket
    gc.disable()
    for name in IMPORTED:
        importlib.import_module(name)
    for package in map(importlib.import_module, FOUND):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    gc.freeze()  # what is imported counts as old, unseen
    gc.unfreeze()
    gc.enable()
    wanted = _serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is None:
        os._exit(0)
    signal.signal(signal.SIGINT, interrupted)
    _become(wanted)
    _run(wanted["kind"], wanted["what"])


if __name__ == "__main__":
    main()
