"""Child process: fork with the loaded program, so that it is not loaded again.

What forks may have opened no engine, database or thread of its own: none of them lives in the process that is forked.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nephoscope.estate.gc_control import freeze_heap
from nephoscope.serve.exit_reason import describe_exit_reason
from nephoscope.serve.parent_watch import to_environment

FAILED = 1
LOOK_SECONDS = 0.02
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class ChildProcess:
    """The process, as the one that forked it sees it; `code` is how it ended, the signal below 0, None while it runs."""

    pid: int
    code: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, seconds: float) -> int:
        """Return how it ended; TimeoutError where it still runs after so many seconds."""
        until = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() >= until:
                raise TimeoutError
            time.sleep(LOOK_SECONDS)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal, where it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def fork_process(
    begin: Callable[[], object],
    name: str,
    sockets: Collection[int] = (),
    environment: Mapping[str, str] | None = None,
) -> ChildProcess:
    """Fork a process that does what `begin` does and ends with it; raises OSError where the system gives none.

    It is called by its name, has a session of its own (Ctrl-C in a terminal does not reach it), no input, and of what is open here the
    sockets that are named, output and errors.
    """
    surroundings = {**to_environment(), **(environment or {})}
    sys.stdout.flush()
    sys.stderr.flush()
    # what is collected in the new process would be copied for it first
    freeze_heap()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with warnings.catch_warnings():
            # the threads that Python sees are those of allocators, which look after themselves at a fork
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            _run_child(begin, name, frozenset(sockets), surroundings)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return ChildProcess(pid)


def _run_child(
    begin: Callable[[], object], name: str, sockets: frozenset[int], environment: Mapping[str, str]
) -> None:
    """Be the new process until its end; never returns."""
    code = FAILED
    try:
        _close_inherited_sockets(name, sockets)
        os.environ.update(environment)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        begin()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001 - the boundary of a process
        _report_error(name, error)
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        # what was opened before the fork is the other process's to close
        os._exit(code)


def _report_error(name: str, error: BaseException) -> None:
    """Explain why a process ends: a line where somebody can do something about it, else where it was."""
    if why := describe_exit_reason(error):
        sys.stderr.write(f"nephoscope: {name}: {why}\n")
    else:
        traceback.print_exception(error)


def _close_inherited_sockets(name: str, sockets: frozenset[int]) -> None:
    """Leave what belongs to the process that forked this one: its session, its signals, its input, what it has open."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    first = 3
    for kept in [*sorted(sockets), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(first, kept)
        first = kept + 1
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with suppress(OSError):  # a name for `ps` and `top`, on Linux
        Path("/proc/self/comm").write_text(f"nepho-{name}"[:15])
