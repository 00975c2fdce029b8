"""Transaction hooks: preconditions and audit entries that join another writer's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy.orm import Session

Keep = Callable[[Session], None]
#: What waits, in one list for each block; the block within comes first.
_WAITING: ContextVar[tuple[list[Keep], ...]] = ContextVar("waiting", default=())
_CHECKS: ContextVar[list[Keep] | None] = ContextVar("checks", default=None)


@contextmanager
def change_only_if(check: Keep) -> Iterator[None]:
    """Have `check` called where the first transaction that changes something within the block begins: what it raises undoes that."""
    before = _CHECKS.set([check])
    try:
        yield
    finally:
        _CHECKS.reset(before)


@contextmanager
def defer_to_transaction(keep: Keep) -> Iterator[list[Keep]]:
    """Have `keep` called in the first transaction that changes something within the block, before its commit.

    Where that is undone it waits for the next. The list is empty once it was kept. Blocks may stand within each other: what waits
    in the outer one is kept by the same transaction, after what waits in the inner one.
    """
    waiting = [keep]
    before = _WAITING.set((waiting, *_WAITING.get()))
    try:
        yield waiting
    finally:
        _WAITING.reset(before)


@contextmanager
def join_transaction() -> Iterator[Keep]:
    """A transaction that changes something: what is given keeps in it, at its end, what waits for one."""
    checks, taken = _CHECKS.get(), list[tuple[list[Keep], Keep]]()

    def join(session: Session) -> None:
        if checks:
            checks.clear()
        for waiting in _WAITING.get():
            while waiting:
                keep = waiting.pop(0)
                taken.append((waiting, keep))
                keep(session)

    try:
        yield join
    except BaseException:
        for waiting, keep in taken:
            waiting.append(keep)
        raise


def run_checks(session: Session) -> None:
    """Call, at the begin of a transaction, what decides whether it may go on."""
    for check in _CHECKS.get() or ():
        check(session)
