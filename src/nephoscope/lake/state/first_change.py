"""What belongs to a change that somebody else writes, in the same transaction: what it depends on, and its entry in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy.orm import Session

Keep = Callable[[Session], None]
_WAITING: ContextVar[list[Keep] | None] = ContextVar("waiting", default=None)
_CHECKS: ContextVar[list[Keep] | None] = ContextVar("checks", default=None)


@contextmanager
def only_if(check: Keep) -> Iterator[None]:
    """Have `check` called where the first transaction that changes something within the block begins: what it raises undoes that."""
    before = _CHECKS.set([check])
    try:
        yield
    finally:
        _CHECKS.reset(before)


@contextmanager
def waits(keep: Keep) -> Iterator[list[Keep]]:
    """Have `keep` called in the first transaction that changes something within the block, before its commit.

    Where that is undone it waits for the next. The list is empty once it was kept.
    """
    waiting = [keep]
    before = _WAITING.set(waiting)
    try:
        yield waiting
    finally:
        _WAITING.reset(before)


@contextmanager
def joined() -> Iterator[Keep]:
    """A transaction that changes something: what is given keeps in it, at its end, what waits for one."""
    waiting, checks, taken = _WAITING.get(), _CHECKS.get(), []

    def join(session: Session) -> None:
        if checks:
            checks.clear()
        while waiting:
            taken.append(waiting.pop(0))
            taken[-1](session)

    try:
        yield join
    except BaseException:
        if waiting is not None:
            waiting.extend(taken)
        raise


def checked(session: Session) -> None:
    """Call, at the begin of a transaction, what decides whether it may go on."""
    for check in _CHECKS.get() or ():
        check(session)
