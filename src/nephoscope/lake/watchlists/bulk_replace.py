"""Bulk replace: change a large watchlist in batches that become visible together or not at all.

Its items are put on the shelf that the list does not read, its rows of the lake are held back; one short transaction then changes the
shelf and releases the rows. What a process that died left behind is cleared by the next change, or by `cleared`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nephoscope.state.database.database import StateError
from nephoscope.state.leases.lease_holder import create_holder_name

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import Lease, State
    from nephoscope.state.workspaces.watchlists import WatchlistHead, WatchlistItem

PORTION = 2000
_LEASE_SECONDS = 300.0
_RENEWED = 60.0
#: How long is waited after a portion, by how long it took, and the longest.
_REST_SHARE, _REST = 0.5, 0.5


class BulkReplace:
    """The change of one list, by who holds its lease."""

    def __init__(self, state: State, head: WatchlistHead, lease: Lease) -> None:
        self._state, self._head, self._lease = state, head, lease
        self._renewed = time.monotonic()

    def fill(self, head: WatchlistHead, items: Sequence[WatchlistItem]) -> None:
        """Put the items that the list is to have on the shelf that it does not read."""
        spare = replace(head, holding=head.spare_shelf)
        for start in range(0, len(items), PORTION):
            several = items[start : start + PORTION]
            self._write_in_transaction(partial(self._put_items, spare, several))

    def queue_rows(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Hold rows back that the lake is told with the change."""
        for start in range(0, len(rows), PORTION):
            several = [(table, row) for row in rows[start : start + PORTION]]
            self._write_in_transaction(partial(self._hold_items, several))

    def _put_items(self, head: WatchlistHead, items: Sequence[WatchlistItem], session: Session) -> None:
        self._state.watchlists.put_items(session, head, items)

    def _hold_items(self, rows: Sequence[tuple[str, Mapping[str, object]]], session: Session) -> None:
        self._state.outbox.add_many(session, self._head.workspace, rows, compute_held_number(self._head))

    @contextmanager
    def settle(self, head: WatchlistHead) -> Iterator[Session | None]:
        """The transaction of the change, which releases the rows; None where the list is not as it was any more."""
        with self._state.transaction() as session:
            self._lease.check(session)
            found = self._state.watchlists.find(session, head.workspace, head.alias)
            if found is None or (found.id, found.version) != (head.id, head.version):
                yield None
                return
            yield session
            self._state.outbox.release(session, compute_held_number(head))

    def clear(self) -> None:
        """Empty the shelf that is not read, and forget the rows that are held."""
        self._write_in_transaction(
            lambda session: self._state.outbox.forget(session, compute_held_number(self._head))
        )
        while self._clear_portion():
            pass

    def _clear_portion(self) -> bool:
        """Return whether there was something to clear, of which a portion is gone."""
        gone = 0

        def remove_batch(session: Session) -> None:
            nonlocal gone
            known = self._state.watchlists.find(session, self._head.workspace, self._head.alias)
            gone = self._state.watchlists.remove_from_shelf(
                session, (known or self._head).spare_shelf, PORTION
            )

        self._write_in_transaction(remove_batch)
        return gone > 0

    def _write_in_transaction(self, work: Callable[[Session], None]) -> None:
        began = time.monotonic()
        if began - self._renewed > _RENEWED:
            self._lease, self._renewed = self._lease.renew(_LEASE_SECONDS), began
        with self._state.transaction(product="bulk replacement", joins=False) as session:
            self._lease.check(session)
            work(session)
        # who waits looks now and then only: without a rest it would find the database taken again and again
        time.sleep(min((time.monotonic() - began) * _REST_SHARE, _REST))


@contextmanager
def hold_bulk_replace(state: State, head: WatchlistHead) -> Iterator[BulkReplace]:
    """A large change of a list; StateError while another one of it is under way."""
    lease = state.leases.acquire(f"watchlist/{head.id}", create_holder_name(), _LEASE_SECONDS)
    if lease is None:
        raise StateError(f"the watchlist {head.alias} is being changed by another process: try again")
    try:
        one = BulkReplace(state, head, lease)
        one.clear()
        try:
            yield one
        finally:
            one.clear()
    finally:
        lease.release()


def compute_held_number(head: WatchlistHead) -> int:
    """The number under which rows of a list are held back."""
    return int(uuid.UUID(head.id)) >> 66 | 1
