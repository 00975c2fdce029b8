"""A state to which another process is writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import event

from nephoscope.state import State

_PATIENCE = "PRAGMA busy_timeout = 20"


@contextmanager
def held(state: State) -> Iterator[None]:
    """Nobody else can write to the state within it; who waits for that gives up at once and not after half a minute.

    Afterwards connections are made anew: one that stayed impatient would give up over any other writer, as on a busy machine.
    """

    is_held = True

    def impatient(connection: Any, *_: Any) -> None:
        if is_held:
            connection.execute(_PATIENCE)

    event.listen(state.database.engine, "checkout", impatient)
    try:
        with closing(sqlite3.connect(state.database.file, isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    finally:
        # the listener stays: to remove it while another thread takes a connection would break that thread
        is_held = False
        state.database.engine.dispose()
