"""Queries in worker processes: one that hangs or kills its process is an outcome, and the others go on."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CONTEXT = multiprocessing.get_context("spawn")
TIMED_OUT = "timed out"
DIED = "the worker process died"


def _serve(
    pipe: connection.Connection, make: Callable[..., Callable[[Any], Any]], arguments: Sequence[Any]
) -> None:
    work = make(*arguments)
    pipe.send(None)
    while True:
        try:
            place, item = pipe.recv()
        except EOFError:
            return
        pipe.send((place, work(item)))


@dataclass
class _Worker:
    make: Callable[..., Callable[[Any], Any]]
    arguments: Sequence[Any]
    ready: bool = False
    job: int | None = None
    since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.pipe, other = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_serve, args=(other, self.make, self.arguments), daemon=True)
        self.process.start()
        other.close()

    def give(self, place: int, item: Any) -> None:
        self.pipe.send((place, item))
        self.job, self.since = place, time.monotonic()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def outcomes(
    items: Sequence[Any],
    make: Callable[..., Callable[[Any], Any]],
    arguments: Sequence[Any] = (),
    workers: int = 2,
    limit: float = 20.0,
) -> Iterator[tuple[int, Any]]:
    """`make(*arguments)(item)` for every item, as they end: (place, outcome), TIMED_OUT after `limit` seconds, DIED.

    `make` runs once a process; it must start (its imports included) within 120 seconds, else RuntimeError.
    """
    waiting = list(range(len(items)))[::-1]
    crew = [_Worker(make, arguments) for _ in range(min(workers, len(items)))]
    left = len(items)
    try:
        while left:
            for worker in crew:
                if worker.ready and worker.job is None and waiting:
                    place = waiting.pop()
                    worker.give(place, items[place])
            ready = connection.wait([worker.pipe for worker in crew], timeout=0.2)
            for at, worker in enumerate(crew):
                for place, outcome in _collect(worker, worker.pipe in ready, limit):
                    left -= 1
                    yield place, outcome
                if not worker.process.is_alive() or worker.pipe.closed:
                    crew[at] = _Worker(make, arguments)
    finally:
        for worker in crew:
            worker.end()


def _collect(worker: _Worker, readable: bool, limit: float) -> Iterator[tuple[int, Any]]:
    """What a worker has to say: its outcome, its death, or that its time is over (it is ended then)."""
    if readable:
        try:
            said = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            job = worker.job
            worker.end()
            if job is None:
                raise RuntimeError("a worker process cannot start") from None
            yield job, DIED
            return
        if worker.ready:
            worker.job = None
            yield said
        worker.ready = True
        return
    if time.monotonic() - worker.since > (limit if worker.ready else 120.0) and not (
        worker.ready and worker.job is None
    ):
        job = worker.job
        worker.end()
        if job is None:
            raise RuntimeError("a worker process does not start")
        yield job, TIMED_OUT
