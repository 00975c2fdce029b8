"""The supervisor: starts the processes of a server, starts again what ends, and ends all of them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from nephoscope.serve.parent import named

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
#: A process that ran so long before it ended begins with the first pause again.
WELL = 30.0
STOP_SECONDS = 30.0
TICK = 0.1
#: Seconds after which processes that wait are started whatever answers.
PATIENCE = 20.0
#: Seconds after which a spare is started, so that it does not hold up what was started before.
SPARE_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process to keep running: its name, its arguments after the interpreter, and the sockets that it takes over.

    One that may wait is first started when what people wait for answers, and runs `behind` the others by so much of the system's
    priority (0 to 19): while the machine is busy pages come first. The spare, where there is one, may become one that is `hasty`.
    """

    name: str
    arguments: Sequence[str]
    sockets: tuple[int, ...] = ()
    waits: bool = False
    behind: int = 0
    hasty: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a process stands: its id (0 = it is not running), how often it was started, and how it ended last ('' = it did not)."""

    pid: int
    starts: int
    ended: str = ""


@dataclass
class _Kept:
    process: Process
    running: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0
    starts: int = 0
    ended: str = ""

    @property
    def standing(self) -> Standing:
        return Standing(self.running.pid if self.running is not None else 0, self.starts, self.ended)


@dataclass
class _Spare:
    """A process that has read the program and waits: it is told by a line what it becomes (serve.spare)."""

    process: Process
    running: subprocess.Popen[bytes] | None = None
    due: float = 0.0

    def look_after(self, now: float, environment: Mapping[str, str]) -> None:
        """Start it where it is not there, when it is time; one that ended by itself is not started again soon."""
        if self.running is not None and self.running.poll() is not None:
            self.leave()
            self.running, self.due = None, now + LONGEST_PAUSE
        if self.running is None and now >= self.due:
            self.running = _started(self.process, environment, subprocess.PIPE)

    def take(self, process: Process, now: float) -> subprocess.Popen[bytes] | None:
        """The spare as a process, None where it is not there."""
        taken = self.running
        if taken is None or taken.stdin is None or taken.poll() is not None:
            return None
        try:
            taken.stdin.write(msgspec.json.encode(process.arguments[1:]) + b"\n")
            taken.stdin.close()
        except BrokenPipeError:
            return None
        self.running, self.due = None, now + TICK
        return taken

    def leave(self) -> None:
        """Let it end."""
        if self.running is not None and self.running.stdin is not None:
            with suppress(BrokenPipeError):
                self.running.stdin.close()


@dataclass
class Supervisor:
    """Keeps processes running until `stop` is set; `say` is told what happens to them.

    `answers` returns when what people wait for answers; processes that may wait are started no later than PATIENCE seconds. `note`
    is told how they stand whenever one was started or has ended. `spare` is a process that waits to become a hasty one: its arguments
    are told to it by a line.
    """

    processes: Sequence[Process]
    say: Callable[[str], None]
    answers: Callable[[], object] = lambda: None
    note: Callable[[Mapping[str, Standing]], object] = lambda _: None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    spare: Process | None = None
    _kept: list[_Kept] = field(default_factory=list)
    _spare: _Spare | None = None

    def begin(self) -> None:
        """Start what does not wait, so that it is on its way while other things are done before `run`."""
        self._kept = [_Kept(one) for one in self.processes]
        for one in self._kept:
            if not one.process.waits:
                self._look_after(one)

    def run(self) -> None:
        """Run until stopped; every process has ended when this returns."""
        if not self._kept:
            self.begin()
        latest = time.monotonic() + PATIENCE
        looking = threading.Thread(target=self.answers, name="answers", daemon=True)
        looking.start()
        try:
            while not self.stop.is_set():
                waiting = looking.is_alive() and time.monotonic() < latest
                for one in self._kept:
                    if one.starts or not (waiting and one.process.waits):
                        self._look_after(one)
                if not waiting:
                    self._look_after_spare()
                self.stop.wait(TICK)
        finally:
            self.end()

    def pids(self) -> dict[str, int]:
        """The process ids of what runs now."""
        return {one.process.name: one.running.pid for one in self._kept if one.running is not None}

    def spare_pid(self) -> int:
        """The process id of the spare, 0 where none waits."""
        spare = self._spare
        return spare.running.pid if spare is not None and spare.running is not None else 0

    def _look_after_spare(self) -> None:
        now = time.monotonic()
        if self._spare is None and self.spare is not None:
            self._spare = _Spare(self.spare, due=now + SPARE_PAUSE)
        if self._spare is not None:
            self._spare.look_after(now, self.environment)

    def _look_after(self, one: _Kept) -> None:
        now = time.monotonic()
        if one.running is None:
            if now >= one.due:
                self._start(one, now)
            return
        code = one.running.poll()
        if code is None:
            return
        if now - one.began >= WELL:
            one.pause = FIRST_PAUSE
        taken = self._spare.take(one.process, now) if self._spare is not None and one.process.hasty else None
        again = "the spare takes its place" if taken else f"it is started again in {one.pause:.1f} s"
        self.say(f"{one.process.name} ended with {_told(code)}; {again}")
        one.running, one.due, one.ended = None, now + one.pause, _told(code)
        one.pause = min(one.pause * 2, LONGEST_PAUSE)
        if taken is not None:
            self._runs(one, taken, now)
        else:
            self._note()

    def _start(self, one: _Kept, now: float) -> None:
        self._runs(one, _started(one.process, self.environment, subprocess.DEVNULL), now)

    def _runs(self, one: _Kept, running: subprocess.Popen[bytes], now: float) -> None:
        one.running = running
        if one.process.behind:
            _put_behind(running.pid, one.process.behind)
        one.began, one.starts = now, one.starts + 1
        self._note()

    def _note(self) -> None:
        self.note({one.process.name: one.standing for one in self._kept})

    def end(self) -> None:
        """Ask every process to end, and make those end that do not."""
        running = [one.running for one in self._kept if one.running is not None]
        if self._spare is not None and self._spare.running is not None:
            self._spare.leave()
            running.append(self._spare.running)
        for each in running:
            each.terminate()
        until = time.monotonic() + STOP_SECONDS
        for each in running:
            try:
                each.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"process {each.pid} did not end in {STOP_SECONDS:.0f} s and is killed")
                each.kill()
                each.wait()


def _started(process: Process, environment: Mapping[str, str], stdin: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
        [sys.executable, *process.arguments],
        env={**os.environ, **named(), **environment},
        stdin=stdin,
        pass_fds=process.sockets,
        # Ctrl-C in a terminal reaches the supervisor alone, which ends the others in order
        start_new_session=True,
    )


def _put_behind(pid: int, steps: int) -> None:
    with suppress(ProcessLookupError):  # it has ended already, which is looked after
        os.setpriority(os.PRIO_PROCESS, pid, min(os.getpriority(os.PRIO_PROCESS, 0) + steps, 19))


def _told(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
