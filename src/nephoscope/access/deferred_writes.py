"""Deferred writes: record request data such as denied sign-ins after the response, so that no response waits."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.state.database.database import DatabaseBusyError, DiskFullError, StateError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

_LOG = logging.getLogger("nephoscope.access")
#: More than this many are not remembered while nothing can be written: a crowd of requests is no reason to run out of memory.
_MOST = 10_000
Note = Callable[["Session"], None]


class DeferredWrites:
    """Writes notes to the state: at once where nobody else is writing, else in their order as soon as it can be. Safe for threads."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._waiting: deque[Note] = deque()
        self._thread: threading.Thread | None = None

    def add(self, note: Note) -> None:
        """Keep a note; where the disk is full it is lost, and the log says so."""
        if not self._waiting:
            try:
                with self._state.transaction(brief=True) as session:
                    note(session)
            except DatabaseBusyError:
                self._defer_note(note)
            except DiskFullError as error:  # who may come in may read what is there
                _LOG.warning("a request was not recorded: %s", error)
            return
        self._defer_note(note)

    def flush(self) -> None:
        """Wait until everything is kept that was noted."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _defer_note(self, note: Note) -> None:
        with self._lock:
            if len(self._waiting) >= _MOST:
                _LOG.warning("a request was not recorded: the state was locked for too long")
                return
            self._waiting.append(note)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._write_deferred_notes, name="afterwards", daemon=True
                )
                self._thread.start()

    def _write_deferred_notes(self) -> None:
        try:
            while several := self._pop_waiting_notes():
                if self._write_batch(several):
                    with self._lock:
                        for _ in several:
                            self._waiting.popleft()
        except BaseException:
            # whatever went wrong is told by the thread's end; the next note tries again with what waits
            with self._lock:
                self._thread = None
            raise

    def _pop_waiting_notes(self) -> list[Note]:
        """Return what waits; the thread ends where that is nothing."""
        with self._lock:
            several = list(self._waiting)
            if not several:
                self._thread = None
            return several

    def _write_batch(self, several: list[Note]) -> bool:
        """Return whether they are done with; False where others were writing for as long as a transaction waits."""
        try:
            with self._state.transaction() as session:
                for note in several:
                    note(session)
        except DatabaseBusyError:
            return False
        except StateError as error:
            _LOG.warning("%d requests were not recorded: %s", len(several), error)
        return True
