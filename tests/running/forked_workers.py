"""Workers that are forked from the process that has collected (`--workers N`): nothing is collected or imported twice.

What xdist's workers each do for themselves, 36,000 tests and all that their files import, is here once and shared as memory.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from tests.running.fewer_messages import shows_everything
from tests.running.forked_worker import ForkedWorker
from tests.running.scheduling import choose_unit, gets_more, unit_of
from xdist.workermanage import unserialize_warning_message

#: Threads that stay, and of which a forked process knows that it has none: those by which jemalloc gives back memory.
_BEAR_FORKS = ("jemalloc_bg_thd",)
#: Seconds that workers have to end their fixtures where the run is interrupted.
PATIENCE = 60.0


@dataclass(eq=False)
class _Worker:
    """What the parent knows of a worker; reports carry it as `node`, as xdist's do."""

    name: str
    process: int
    ended: int
    says: Connection
    left: dict[str, list[int]]
    units: dict[str, list[int]] = field(default_factory=dict)
    is_told_end: bool = False
    is_over: bool = False

    @property
    def gateway(self) -> SimpleNamespace:
        """Return what xdist calls a worker by."""
        return SimpleNamespace(id=self.name)

    @property
    def workerinfo(self) -> dict[str, Any]:
        """Return what stands above a failure."""
        return {
            "id": self.name,
            "sysplatform": sys.platform,
            "version_info": sys.version_info,
            "executable": sys.executable,
        }


def add_option(parser: pytest.Parser) -> None:
    """Add --workers."""
    parser.addoption(
        "--workers", type=int, metavar="N", help="run tests in N processes forked after collection"
    )


def register(config: pytest.Config) -> None:
    """Let the workers that a run asks for run its tests."""
    count = config.getoption("--workers")
    if count is None:
        return
    if sys.platform != "linux":
        raise pytest.UsageError("--workers forks processes as Linux alone bears it: use -n elsewhere")
    if count < 1 or config.getoption("numprocesses", None) or config.getoption("usepdb"):
        raise pytest.UsageError("--workers: a number from 1, without -n and without --pdb")
    config.pluginmanager.register(ForkedWorkers(config, count), "forked workers")


class ForkedWorkers:
    """Hands units out to workers, in the order of all runs, and reports what they tell."""

    def __init__(self, config: pytest.Config, count: int) -> None:
        self._config = config
        self._count = count
        self._here: ForkedWorker | None = None
        self._workers: list[_Worker] = []
        self._forked = 0
        self._before: Any = None
        self._selector = DefaultSelector()
        self._waiting: dict[str, list[int]] = {}
        self._verbose = shows_everything(config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run what was collected; what could not be is left to pytest."""
        broken = session.testsfailed and not session.config.option.continue_on_collection_errors
        if broken or session.config.option.collectonly or not session.items:
            return None
        refuse_threads()
        self._session = session
        self._collect_units()
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends workers as SIGINT does
        self._before = before or signal.SIG_DFL
        try:
            for _ in range(min(self._count, len(self._waiting))):
                self._fork({})
            for worker in self._workers:  # each has one before another has two
                self._reserve(worker)
            self._listen()
        finally:
            try:
                self._end_all()
            finally:
                signal.signal(signal.SIGTERM, self._before)
        if self._waiting:
            raise RuntimeError(f"no worker has run {', '.join(self._waiting)}")
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell the parent, where this is a worker."""
        if self._here is not None:
            self._here.note_report(report)

    def pytest_warning_recorded(
        self, warning_message: object, when: str, nodeid: str, location: object
    ) -> None:
        """Tell the parent, where this is a worker."""
        if self._here is not None:
            self._here.note_warning(warning_message, when, nodeid, location)

    def _collect_units(self) -> None:
        for number, item in enumerate(self._session.items):
            self._waiting.setdefault(unit_of(item.nodeid), []).append(number)

    def _fork(self, left: dict[str, list[int]]) -> None:
        """Begin a worker, whose first units are those that one that died has left."""
        ours, theirs = Pipe()
        name = f"worker{self._forked}"
        self._forked += 1
        base = self._config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if not process:
            ours.close()
            self._become(ForkedWorker(self._session, theirs, name), base)
        theirs.close()
        worker = _Worker(name, process, os.pidfd_open(process), ours, left)
        self._workers.append(worker)
        self._selector.register(worker.says, EVENT_READ, (self._hear, worker))
        self._selector.register(worker.ended, EVENT_READ, (self._bury, worker))

    def _become(self, here: ForkedWorker, base: Path) -> NoReturn:
        """Be a worker from now on: nothing behind this is the parent's, who alone ends the session."""
        status = 1
        try:
            for other in self._workers:
                other.says.close()
                os.close(other.ended)
            self._here = here
            signal.signal(signal.SIGTERM, self._before)
            here.settle(base)
            here.run()
            status = 0
        except (BrokenPipeError, ConnectionResetError, EOFError):
            pass  # the parent is gone
        except BaseException:  # noqa: BLE001 - the boundary of the process
            here.note_error()
        finally:
            with suppress(OSError):  # who read the output is gone
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _listen(self) -> None:
        while self._workers:
            for key, _ in self._selector.select():
                act, worker = key.data
                if worker in self._workers:
                    act(worker)

    def _hear(self, worker: _Worker) -> None:
        """Take one message of a worker."""
        try:
            name, *content = worker.says.recv()
        except (EOFError, OSError):  # it dies: its process tells
            self._selector.unregister(worker.says)
            return
        getattr(self, f"_on_{name}")(worker, *content)

    def _on_more(self, worker: _Worker) -> None:
        if worker.is_told_end:
            return
        given = self._next(worker)
        worker.is_told_end = given is None
        self._tell(worker, given)

    def _next(self, worker: _Worker) -> list[int] | None:
        if not worker.left:
            self._reserve(worker)
        if not worker.left:
            return None
        unit = next(iter(worker.left))
        worker.units[unit] = worker.left.pop(unit)
        return list(worker.units[unit])

    def _reserve(self, worker: _Worker) -> None:
        """Take a unit from what waits for one worker, where it may have one."""
        if not self._waiting or not gets_more(worker.units):
            return
        items = self._session.items
        unit = choose_unit(
            {unit: (items[one].nodeid for one in numbers) for unit, numbers in self._waiting.items()},
            self._config.rootpath,
            prefers_system=worker is self._workers[0],
            workers=len(self._workers),
        )
        worker.left[unit] = self._waiting.pop(unit)

    def _on_test(self, worker: _Worker, number: int, reports: list[dict[str, Any]]) -> None:
        hook, item = self._config.hook, self._session.items[number]
        if self._verbose:
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for told in reports:
            report = hook.pytest_report_from_serializable(config=self._config, data=told)
            report.node = worker
            hook.pytest_runtest_logreport(report=report)
        if self._verbose:
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self._note_done(worker, number)

    def _note_done(self, worker: _Worker, number: int) -> None:
        """Note that a test is over, and with its last one its unit; the run may end with it."""
        unit = unit_of(self._session.items[number].nodeid)
        worker.units[unit].remove(number)
        if not worker.units[unit]:
            del worker.units[unit]
        if self._session.shouldfail or self._session.shouldstop:
            self._stop()

    def _on_warning(
        self, worker: _Worker, told: dict[str, Any], when: str, nodeid: str, location: object
    ) -> None:
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": unserialize_warning_message(told),
                "when": when,
                "nodeid": nodeid,
                "location": location,
            }
        )

    def _on_stop(self, worker: _Worker, reason: str) -> None:
        self._session.shouldstop = f"{worker.name}: {reason}"
        self._stop()

    def _on_error(self, worker: _Worker, text: str) -> NoReturn:
        raise RuntimeError(text)

    def _on_over(self, worker: _Worker, measures: dict[str, list[tuple[Any, ...]]]) -> None:
        worker.is_over = True
        if (measuring := self._config.pluginmanager.get_plugin("durations")) is not None:
            measuring.take_over(measures)

    def _stop(self) -> None:
        """Hand out no more, and let workers end after the test that they run."""
        self._waiting.clear()
        for worker in self._workers:
            worker.left.clear()
            if not worker.is_told_end:
                worker.is_told_end = True
                self._tell(worker, None)

    def _tell(self, worker: _Worker, unit: list[int] | None) -> None:
        with suppress(OSError):  # it has died, which its process tells
            worker.says.send(unit)

    def _bury(self, worker: _Worker) -> None:
        """Take leave of a worker that has ended; the test that it died in fails, another takes over what it has left."""
        while worker.says in self._selector.get_map() and worker.says.poll():
            self._hear(worker)
        status = os.waitstatus_to_exitcode(os.waitpid(worker.process, 0)[1])
        self._forget(worker)
        left = worker.units | worker.left
        if worker.is_over and not status:
            self._require_end(worker, left)
            return
        worker.units = dict(left)
        if not left:
            raise RuntimeError(f"{worker.name} {_told(status)} behind its last test")
        died = next(iter(left.values()))[0]
        self._report_death(worker, died, status)
        left = {unit: numbers for unit, numbers in worker.units.items() if numbers}
        if left and not self._session.shouldfail and not self._session.shouldstop:
            self._fork(left)

    def _require_end(self, worker: _Worker, left: dict[str, list[int]]) -> None:
        """Raise RuntimeError where a worker is over, has tests left, and the run does not end early."""
        if left and not self._session.shouldfail and not self._session.shouldstop:
            raise RuntimeError(f"{worker.name} has not run {', '.join(left)}")

    def _report_death(self, worker: _Worker, number: int, status: int) -> None:
        item = self._session.items[number]
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=f"{worker.name} {_told(status)} while it ran {item.nodeid}",
            when="call",
        )
        report.node = worker  # type: ignore[attr-defined]
        self._config.hook.pytest_runtest_logreport(report=report)
        self._note_done(worker, number)

    def _forget(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        with suppress(KeyError):
            self._selector.unregister(worker.says)
        self._selector.unregister(worker.ended)
        worker.says.close()
        os.close(worker.ended)

    def _end_all(self) -> None:
        """Let no worker outlive the run: one that is interrupted ends its fixtures, one that does not is killed."""
        for worker in self._workers:
            os.kill(worker.process, signal.SIGINT)
        over = time.monotonic() + PATIENCE
        try:
            while self._workers and (rest := over - time.monotonic()) > 0:
                for key, _ in self._selector.select(rest):
                    _, worker = key.data
                    if worker not in self._workers:
                        continue
                    if key.fileobj == worker.ended:
                        os.waitpid(worker.process, 0)
                        self._forget(worker)
                    else:
                        self._drain(worker)
        finally:
            for worker in self._workers:
                os.kill(worker.process, signal.SIGKILL)
                os.waitpid(worker.process, 0)

    def _drain(self, worker: _Worker) -> None:
        """Read what a worker still says, so that it need not wait."""
        try:
            worker.says.recv_bytes()
        except (EOFError, OSError):
            self._selector.unregister(worker.says)


def refuse_threads() -> None:
    """Raise UsageError where threads besides the first one stay at a fork, which copies what they hold, but not them.

    Those of linear algebra are ended by a handler of their own: a first fork, in vain, lets it do so.
    """
    if not (process := os.fork()):
        os._exit(0)
    os.waitpid(process, 0)
    names = [task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    others = [name for name in names if name not in _BEAR_FORKS]
    if len(others) > 1:
        raise pytest.UsageError(
            f"--workers: {len(others) - 1} threads of native code run behind collection ({', '.join(sorted(others))})"
        )


def _told(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
