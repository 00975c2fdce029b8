"""Commands of the product as processes that a fork server begins: for tests of what a command does, not of how Python starts it.

`Popen` and `run` are called as those of `subprocess`, with `python -c PROGRAM ...`, `python -m MODULE ...` or `python FILE ...`.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.running.fork_server import NUMBER

SERVER = Path(__file__).with_name("fork_server.py")
#: PR_SET_CHILD_SUBREAPER: orphans below this process become its children.
_ADOPT = 36
#: What the interpreter, its libraries and the linker read when a process begins, which a fork cannot change.
_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OMP_", "OPENBLAS_")
#: Of these what the fork server follows.
_FOLLOWED = ("PYTHONUNBUFFERED",)


class Popen(subprocess.Popen):
    """A command that the fork server begins; a child of this process as any other, which can be waited for and killed."""

    def _execute_child(
        self, args: Any, executable: Any, preexec_fn: Any, close_fds: bool, pass_fds: Any, cwd: Any, env: Any,
        startupinfo: Any, creationflags: int, shell: bool, *others: Any,
    ) -> None:  # fmt: skip
        pipes, (_, *identity, session, group) = others[:6], others[6:]
        if preexec_fn or shell or executable or any(one not in (None, -1) for one in (*identity, group)):
            raise ValueError("the fork server begins Python's programs alone, and as nobody else")
        environment = dict(os.environ if env is None else env)
        fork_server = _fork_server()
        if changed := fork_server.differing(environment):
            raise ValueError(f"a process reads {', '.join(changed)} when it begins: start it by subprocess")
        wanted = {
            **_split(list(map(os.fspath, args))), "environment": environment, "session": bool(session),
            "folder": os.fspath(cwd) if cwd is not None else str(Path.cwd()), "descriptors": [0, 1, 2, *sorted(pass_fds)],
        }  # fmt: skip
        streams = [given if given != -1 else own for own, given in enumerate((pipes[0], pipes[3], pipes[5]))]
        self.pid = fork_server.fork(wanted, [*streams, *sorted(pass_fds)])
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _split(command: list[str]) -> dict[str, Any]:
    """Tell what a command line of Python begins, and its arguments."""
    python, first, *rest = command
    if python != sys.executable or (first.startswith("-") and first not in ("-c", "-m")):
        raise ValueError(f"the fork server begins python -c, python -m and python FILE alone: {command}")
    if not first.startswith("-"):
        return {"kind": "", "what": first, "arguments": rest}
    return {"kind": first, "what": rest[0], "arguments": rest[1:]}


def run(
    arguments: Any, *, capture_output: bool = False, timeout: float | None = None, check: bool = False, **options: Any
) -> subprocess.CompletedProcess:  # fmt: skip
    """Run a command to its end, as subprocess.run does."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Popen(arguments, **options) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done


class ForkServer:
    """The fork server of this process; it ends with it."""

    def __init__(self) -> None:
        self._asking, theirs = socket.socketpair()
        self._environment = dict(os.environ)
        with theirs:
            theirs.set_inheritable(True)
            command = [sys.executable, str(SERVER), str(theirs.fileno())]
            self._process = os.posix_spawn(sys.executable, command, os.environ)

    def fork(self, wanted: dict[str, Any], descriptors: list[int]) -> int:
        """Begin a command that has these descriptors; its process, a child of this one."""
        body = json.dumps(wanted).encode()
        _adopt(orphans=True)
        try:
            socket.send_fds(self._asking, [len(body).to_bytes(NUMBER, "big")], descriptors)
            self._asking.sendall(body)
            answer = self._asking.recv(NUMBER)
        finally:
            _adopt(orphans=False)
        if not answer:
            raise RuntimeError("the fork server has ended")
        return int.from_bytes(answer, "big")

    def has_ended(self) -> bool:
        """Return whether it has ended by itself, such as by a signal that a test sent to all processes below it."""
        try:
            return os.waitid(os.P_PID, self._process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # a test has waited for it
            return True

    def end(self) -> None:
        """End it; what it has begun goes on."""
        self._asking.close()
        with suppress(ChildProcessError):
            os.waitpid(self._process, 0)

    def differing(self, environment: dict[str, str]) -> list[str]:
        """Tell the variables that are read when a process begins and are not those of the server."""
        return [
            name
            for name in sorted({*environment, *self._environment})
            if name.startswith(_AT_START)
            and name not in _FOLLOWED
            and environment.get(name) != self._environment.get(name)
        ]


_begun: dict[int, ForkServer] = {}
"""The one of a process; a fork has those of others."""


def _fork_server() -> ForkServer:
    """Return the one of this process, begun where a test first needs it, or where a test has ended the one before."""
    if (found := _begun.get(os.getpid())) is None or found.has_ended():
        _begun[os.getpid()] = ForkServer()
    return _begun[os.getpid()]


def end() -> None:
    """End the fork server of this process, where it has one."""
    if (found := _begun.pop(os.getpid(), None)) is not None:
        found.end()


def _adopt(*, orphans: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_ADOPT, int(orphans), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if sys.platform != "linux":
    Popen, run = subprocess.Popen, subprocess.run  # type: ignore[misc, assignment]
