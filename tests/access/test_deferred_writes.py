"""Notes that were put off are kept, whatever became of a try before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nephoscope.access.deferred_writes import DeferredWrites
from nephoscope.state.database.database import DatabaseBusyError


class Troubled:
    """A state whose transactions fail, one after the other, as the list says; then they work."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)

    @contextmanager
    def transaction(self, brief: bool = False) -> Iterator[list[str]]:
        del brief
        if self.troubles:
            raise self.troubles.pop(0)
        yield kept


kept: list[str] = []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_loses_no_note() -> None:
    kept.clear()
    afterwards = DeferredWrites(
        Troubled(DatabaseBusyError("others write"), DatabaseBusyError("still"), RuntimeError("a fault"))
    )
    afterwards.add(lambda session: session.append("first"))
    afterwards.flush()
    assert kept == []
    afterwards.add(lambda session: session.append("second"))
    afterwards.flush()
    assert kept == ["first", "second"]
