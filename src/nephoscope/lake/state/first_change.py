"""What belongs to a change that somebody else writes, as its entry in the audit: both are kept, or neither is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy.orm import Session

Keep = Callable[[Session], None]
_WAITING: ContextVar[list[Keep] | None] = ContextVar("waiting", default=None)


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
    waiting, taken = _WAITING.get(), []

    def join(session: Session) -> None:
        while waiting:
            taken.append(waiting.pop(0))
            taken[-1](session)

    try:
        yield join
    except BaseException:
        if waiting is not None:
            waiting.extend(taken)
        raise
