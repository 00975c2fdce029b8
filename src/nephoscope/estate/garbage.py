"""Python's collector of cycles, kept from walking the bodies of a large estate."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Make many objects, none of which is part of a cycle, without the collector walking them again and again.

    What was made is counted as old afterwards, unseen: enabling the collector alone would have it walk all of that at once.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
