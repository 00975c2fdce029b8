"""Execution guard: a process that answers the kernel whether a file may be executed, and another one that ends it when it is late.

Only the guard has the descriptor of fanotify. When it ends for whatever reason, the kernel allows what waits and everything after:
a guard that is killed, stopped, stuck or in error blocks nothing for longer than `LATE_SECONDS`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import select
import signal
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope_agent.execution_policy import ExecutionPolicy, Verdict
from nephoscope_agent.file_notices import FANOTIFY_EVENT, add_mark, open_fanotify

#: How long an execution waits at most for an answer.
LATE_SECONDS = 2.0
_BEAT_SECONDS, _WATCH_SECONDS = 0.2, 0.1
#: FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK
_FLAGS = 0x4 | 0x1 | 0x2
_OPEN_EXEC_PERM = 0x00040000
#: FAN_MARK_ADD | FAN_MARK_FILESYSTEM
_WHOLE = 0x1 | 0x100
_ALLOW, _DENY = 0x1, 0x2
_RESPONSE = struct.Struct("=iI")
_READ = 1 << 16
_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
#: Executions whose loader is still to be opened.
_MOST_EXPECTED = 4_096


class Refusal(NamedTuple):
    """An execution that the policy does not allow; `problem` is why something could not be judged."""

    path: str
    pid: int
    sha256: str
    blocked: bool
    problem: str = ""


class ExecutionGuard:
    """Starts the two processes, and reads what they refused."""

    def __init__(self, policy: ExecutionPolicy, places: list[str]) -> None:
        """Guard the file systems of some places. Raises OSError where the kernel does not permit it."""
        self._beat = mmap.mmap(-1, 8)
        self._beat[:] = struct.pack("=d", time.monotonic())
        self._reports, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        ready, started = os.pipe2(os.O_CLOEXEC)
        self._rest, agent = b"", os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _run_watchdog(policy, places, self._beat, told, started, agent)
        os.close(told)
        os.close(started)
        with open(ready, "rb") as file:
            answer = file.read()
        if answer != b"ready":
            self.close()
            number = int(answer or b"5")
            raise OSError(number, os.strerror(number))

    def fileno(self) -> int:
        """Return the descriptor that is readable when something was refused, or the guard has ended."""
        return self._reports

    def read(self) -> Iterator[Refusal]:
        """Yield what was refused. Raises EOFError where the guard has ended: everything may be executed then."""
        while True:
            try:
                block = os.read(self._reports, _READ)
            except BlockingIOError:
                return
            if not block:
                raise EOFError
            *lines, self._rest = (self._rest + block).split(b"\n")
            yield from (Refusal(*json.loads(one)) for one in lines)

    def close(self) -> None:
        """End the processes; the kernel asks nobody any more."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(self.pid, 0)
        os.close(self._reports)
        self._beat.close()


def _end_with_parent(parent: int) -> None:
    _LIBC.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _forget_agent(*kept: int) -> None:
    """Handlers and descriptors of the agent are not those of its processes."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _run_watchdog(
    policy: ExecutionPolicy, places: list[str], beat: mmap.mmap, told: int, started: int, agent: int
) -> None:
    """Start the process that answers, and kill it when its beat is late; end with it."""
    code = 1
    try:
        _end_with_parent(agent)
        _forget_agent(told, started)
        parent = os.getpid()
        answering = os.fork()
        if answering == 0:
            _run_answering(policy, places, beat, told, started, (parent, agent))
        os.close(started)
        os.close(told)
        while os.waitpid(answering, os.WNOHANG)[0] == 0:
            if time.monotonic() - struct.unpack("=d", beat[:])[0] > LATE_SECONDS:
                os.kill(answering, signal.SIGKILL)
                os.waitpid(answering, 0)
                break
            time.sleep(_WATCH_SECONDS)
        code = 0
    finally:
        os._exit(code)


def _run_answering(
    policy: ExecutionPolicy,
    places: list[str],
    beat: mmap.mmap,
    told: int,
    started: int,
    parents: tuple[int, int],
) -> None:
    """Answer the kernel until something fails: whatever ends this process allows everything."""
    try:
        _end_with_parent(parents[0])
        descriptor = open_fanotify(_FLAGS)
        for one in places:
            add_mark(descriptor, _WHOLE, _OPEN_EXEC_PERM, one)
        os.write(started, b"ready")
        os.close(started)
        _answer(descriptor, _Judge(policy, parents[1]), beat, told)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(started, str(error.errno).encode())
    finally:
        os._exit(1)


def _answer(descriptor: int, assess: _Judge, beat: mmap.mmap, told: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        beat[:] = struct.pack("=d", time.monotonic())
        if not poll.poll(_BEAT_SECONDS * 1000):
            continue
        content = os.read(descriptor, _READ)
        at = 0
        while at < len(content):
            length, _, _, _, _, opened, pid = FANOTIFY_EVENT.unpack_from(content, at)
            at += length
            if opened >= 0:
                _answer_one(descriptor, opened, pid, assess, told)


def _answer_one(descriptor: int, opened: int, pid: int, assess: _Judge, told: int) -> None:
    """Answer first, then report: nothing waits for a report."""
    refusal = None
    try:
        refusal = assess.find_refusal(opened, pid)
    except (OSError, ValueError, struct.error) as error:
        refusal = Refusal("", pid, "", False, f"an execution could not be judged: {error}")
    finally:
        answer = _DENY if refusal is not None and refusal.blocked else _ALLOW
        os.write(descriptor, _RESPONSE.pack(opened, answer))
        os.close(opened)
    if refusal is not None:
        with contextlib.suppress(BlockingIOError):
            os.write(told, json.dumps(refusal).encode() + b"\n")


class _Judge:
    """A policy, and the executions of which the loader is still to be opened.

    The kernel opens a program, then its loader, each with a question: a loader is allowed as the second of the two, and as a program
    of its own only by a rule, since it would execute any file that it is given. Programs that the agent itself starts are allowed.
    A blocked hash is refused whoever starts it.
    """

    def __init__(self, policy: ExecutionPolicy, agent: int) -> None:
        self._policy, self._agent = policy, agent
        self._expected: OrderedDict[int, str] = OrderedDict()

    def find_refusal(self, opened: int, pid: int) -> Refusal | None:
        """Return what is wrong with an execution, None where it is allowed."""
        path = os.readlink(f"/proc/self/fd/{opened}")
        verdict = self._policy.assess(opened, path)
        loader = self._expected.pop(pid, "")
        if verdict.blocked:
            return Refusal(path, pid, verdict.sha256, True)
        if (
            verdict.allowed
            or (loader and _is_file(loader, pid, opened))
            or _read_parent_pid(pid) == self._agent
        ):
            self._expect(pid, verdict)
            return Refusal(path, pid, "", False, verdict.problem) if verdict.problem else None
        if self._policy.mode == "Enforce":
            return Refusal(path, pid, verdict.sha256, True)
        self._expect(pid, verdict)
        return Refusal(path, pid, verdict.sha256, False)

    def _expect(self, pid: int, verdict: Verdict) -> None:
        if verdict.loader:
            self._expected[pid] = verdict.loader
            if len(self._expected) > _MOST_EXPECTED:
                self._expected.popitem(last=False)


def _read_parent_pid(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def _is_file(loader: str, pid: int, opened: int) -> bool:
    """Return whether the loader that a program names, as its process sees files, is the one that was opened."""
    try:
        named, found = os.stat(f"/proc/{pid}/root{loader}"), os.fstat(opened)
    except OSError:
        return False
    return (named.st_dev, named.st_ino) == (found.st_dev, found.st_ino)
