"""GC control: keep Python's cycle collector from scanning the bodies of a large estate."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_frozen = Event()


def freeze_heap() -> None:
    """Keep the collector for good from walking what is there now; the memory that processes share stays shared."""
    _frozen.set()
    gc.freeze()


@contextmanager
def pause_collection() -> Iterator[None]:
    """Make many objects, none of which is part of a cycle, without the collector walking them again and again.

    What was made is counted as old afterwards, unseen: enabling the collector alone would have it walk all of that at once. Where
    something is frozen it is not: that would thaw it. (Python can count what is frozen, and walks all of it each time.)
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if not _frozen.is_set():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
