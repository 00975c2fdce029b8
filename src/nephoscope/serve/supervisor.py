"""The supervisor: starts the processes of a server, starts again what ends, and ends all of them together."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nephoscope.serve.child_process import ChildProcess, fork_process
from nephoscope.server_status import WELL, ProcessStatus

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
STOP_SECONDS = 30.0
TICK = 0.1
#: Seconds after which processes that wait are started whatever answers.
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class ManagedProcess:
    """A process to keep running: its name, what it does, and the sockets that it takes over.

    `reads` names the modules that the supervisor reads before it forks the process first: no later start has to read them. One that
    may wait is first started when what people wait for answers, and runs `behind` the others by so much of the system's priority
    (0 to 19): while the machine is busy pages come first.
    """

    name: str
    begin: Callable[[], object]
    sockets: tuple[int, ...] = ()
    reads: tuple[str, ...] = ()
    waits: bool = False
    behind: int = 0


@dataclass
class _SupervisedProcess:
    process: ManagedProcess
    running: ChildProcess | None = None
    began: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0
    starts: int = 0
    ended: str = ""
    failures: int = 0

    @property
    def status(self) -> ProcessStatus:
        pid = self.running.pid if self.running is not None else 0
        began = time.time() - (time.monotonic() - self.began)
        return ProcessStatus(pid, self.starts, self.ended, self.failures, began)

    def record_end(self, now: float, ended: str) -> None:
        """Record the end of the process; after a run that did not last, the pause before the next start grows."""
        if now - self.began >= WELL:
            self.pause, self.failures = FIRST_PAUSE, 0
        self.failures += 1
        self.running, self.due, self.ended = None, now + self.pause, ended
        self.pause = min(self.pause * 2, LONGEST_PAUSE)


@dataclass
class ProcessSupervisor:
    """Keeps processes running until `stop` is set; `say` is told what happens to them.

    `answers` tells at once whether what people wait for answers; processes that may wait are started then, and no later than PATIENCE
    seconds. `warm` is called once after that: what it reads no later start has to read. `note` is told how the processes stand
    whenever one was started or has ended. All are forked from this process, which therefore has neither threads nor anything open.
    """

    processes: Sequence[ManagedProcess]
    say: Callable[[str], None]
    answers: Callable[[], bool] = lambda: True
    warm: Callable[[], object] = lambda: None
    note: Callable[[Mapping[str, ProcessStatus]], object] = lambda _: None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    _kept: list[_SupervisedProcess] = field(default_factory=list)

    def begin(self) -> None:
        """Start what does not wait, so that it is on its way while other things are done before `run`."""
        gc.disable()  # what is read stays: nothing of it is garbage
        self._kept = [_SupervisedProcess(one) for one in self.processes]
        for one in self._kept:
            if not one.process.waits:
                self._supervise_process(one)
        gc.enable()

    def run(self) -> None:
        """Run until stopped; every process has ended when this returns."""
        if not self._kept:
            self.begin()
        latest, waiting = time.monotonic() + PATIENCE, True
        try:
            while not self.stop.is_set():
                if waiting and (time.monotonic() >= latest or self.answers()):
                    waiting = False
                    self.warm()
                for one in self._kept:
                    if one.starts or not (waiting and one.process.waits):
                        self._supervise_process(one)
                self.stop.wait(TICK)
        finally:
            self.end()

    def pids(self) -> dict[str, int]:
        """The process ids of what runs now."""
        return {one.process.name: one.running.pid for one in self._kept if one.running is not None}

    def _supervise_process(self, one: _SupervisedProcess) -> None:
        now = time.monotonic()
        if one.running is None:
            if now >= one.due:
                self._start_process(one)
            return
        code = one.running.poll()
        if code is None:
            return
        one.record_end(now, _describe_exit(code))
        self.say(f"{one.process.name} ended with {one.ended}; restarting in {one.due - now:.1f} s")
        self._write_status()

    def _start_process(self, one: _SupervisedProcess) -> None:
        for name in one.process.reads:
            importlib.import_module(name)
        process, one.began = one.process, time.monotonic()
        one.starts += 1
        try:
            one.running = fork_process(process.begin, process.name, process.sockets, self.environment)
        except OSError as error:
            self.say(f"{process.name} could not be started: {error}; retrying in {one.pause:.1f} s")
            one.record_end(one.began, str(error))
        else:
            self._lower_priority(one.running.pid, process)
        self._write_status()

    def _write_status(self) -> None:
        try:
            self.note({one.process.name: one.status for one in self._kept})
        except (
            OSError
        ) as error:  # a full disk: the processes go on, and how they stand is noted with the next change
            self.say(f"the status of processes could not be recorded: {error}")

    def _lower_priority(self, pid: int, process: ManagedProcess) -> None:
        if not process.behind:
            return
        try:
            os.setpriority(os.PRIO_PROCESS, pid, min(os.getpriority(os.PRIO_PROCESS, 0) + process.behind, 19))
        except ProcessLookupError:
            pass  # it has ended already, which is looked after
        except PermissionError as error:
            self.say(f"{process.name} runs without a lower priority: setpriority: {error.strerror}")

    def end(self) -> None:
        """Ask every process to end, and make those end that do not."""
        running = [one.running for one in self._kept if one.running is not None]
        for each in running:
            each.send(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for each in running:
            try:
                each.wait(until - time.monotonic())
            except TimeoutError:
                self.say(f"process {each.pid} did not end within {STOP_SECONDS:.0f} s and is killed")
                each.send(signal.SIGKILL)
                each.wait(STOP_SECONDS)


def _describe_exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
