"""Forked workers: distribute files over forked processes that share prepared data."""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NoReturn, TypeAlias, TypeVar

import msgspec

_Result = TypeVar("_Result")
Names: TypeAlias = frozenset[str]
Exchange: TypeAlias = Callable[[Names], Names]
"""Gives the names that all shares know for those that one of them knows; each share calls it once."""
Work: TypeAlias = Callable[[Sequence[int], Exchange], _Result]
MAX_PROCESSES = 8
LEAST = 12
"""Items that a process is worth."""


class ShareError(Exception):
    """A process failed: its traceback."""


def count_processes(count: int) -> int:
    """Count how many processes work on so many items: one a core that this process may use, and none for a few items."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MAX_PROCESSES, count // LEAST)) if hasattr(os, "fork") else 1


def run_in_shares(weights: Sequence[int], work: Work[_Result], processes: int) -> list[_Result]:
    """Return what work gives for each share of items (by their indexes, about the same weight each); raises ShareError.

    Results come in no order that means anything: let them name their items. This process does the first share itself.
    """
    shares = _divide_by_weight(weights, processes)
    if len(shares) < 2:
        return [work(range(len(weights)), lambda names: names)]
    with _list_children(shares[1:], work) as children:

        def exchange(own: Names) -> Names:
            every = own.union(*(child.receive() for child in children))
            for child in children:
                child.send(every)
            return every

        first = work(shares[0], exchange)
        return [first, *(child.receive() for child in children)]


def _divide_by_weight(weights: Sequence[int], processes: int) -> list[list[int]]:
    """Shares of about the same weight, the heaviest items given out first; each in order."""
    shares: list[list[int]] = [[] for _ in range(max(1, processes))]
    loads = [0] * len(shares)
    for index in sorted(range(len(weights)), key=lambda one: (-weights[one], one)):
        least = loads.index(min(loads))
        shares[least].append(index)
        loads[least] += weights[index] + 1
    return [sorted(share) for share in shares if share]


class _WorkerProcess(msgspec.Struct, frozen=True):
    """A process and the ends of its pipes here."""

    process: int
    inward: IO[bytes]
    outward: IO[bytes]

    def send(self, value: object) -> None:
        pickle.dump(value, self.outward)
        self.outward.flush()

    def receive(self) -> Any:
        """Return what the process sends next; raises ShareError where it failed."""
        try:
            failed, value = pickle.load(self.inward)  # noqa: S301 - of a copy of this process
        except EOFError:
            raise ShareError(
                "a worker process ended without a result, possibly because memory ran out"
            ) from None
        if failed:
            raise ShareError(value)
        return value


@contextmanager
def _list_children(shares: Sequence[Sequence[int]], work: Work[object]) -> Iterator[list[_WorkerProcess]]:
    children: list[_WorkerProcess] = []
    try:
        for share in shares:
            children.append(_start_child(share, work, children))
        yield children
    finally:
        for child in children:
            child.outward.close()
            child.inward.close()
            os.waitpid(child.process, 0)


def _start_child(
    share: Sequence[int], work: Work[object], before: Sequence[_WorkerProcess]
) -> _WorkerProcess:
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()
    with warnings.catch_warnings():
        # the threads that Python sees are those of allocators, which look after themselves at a fork
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if not process:
        held = (end.fileno() for one in before for end in (one.inward, one.outward))
        for descriptor in (from_child, to_child, *held):
            os.close(descriptor)
        _work_and_exit(share, work, os.fdopen(from_parent, "rb"), os.fdopen(to_parent, "wb"))
    os.close(to_parent)
    os.close(from_parent)
    return _WorkerProcess(process, os.fdopen(from_child, "rb"), os.fdopen(to_child, "wb"))


def _work_and_exit(
    share: Sequence[int], work: Work[object], inward: IO[bytes], outward: IO[bytes]
) -> NoReturn:
    """Do a share in a copy of the process, which ends here whatever happens: it must not clean up what is the first one's."""

    def exchange(own: Names) -> Names:
        pickle.dump((False, own), outward)
        outward.flush()
        found: Names = pickle.load(inward)  # noqa: S301 - of the process that this is a copy of
        return found

    try:
        pickle.dump((False, work(share, exchange)), outward)
    except EOFError:
        pass  # nobody waits for the result
    except BaseException:  # noqa: BLE001 - a process boundary
        pickle.dump((True, traceback.format_exc()), outward)
    finally:
        outward.flush()
        os._exit(0)
