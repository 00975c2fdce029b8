"""From the outbox of the state into the tables of the lake, each row once."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec
import pyarrow as pa

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.writing.quarantine import QuarantineEntry
from nephoscope.state import LeaseLostError, State, StateError
from nephoscope.state.ingestion.outbox import OutboxEntry
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from nephoscope.lake.schema.tables import Tables
    from nephoscope.lake.writing.writer import Writer
    from nephoscope.state.workspaces.workspace import Workspace

LEASE = "outbox"
LEASE_SECONDS = 120.0
#: Who changes a word does not wait for the rows of another's large change.
_BACKLOG = 100


class OutboxReceiver(Protocol):
    """Receiver of the rows of the outbox: a lake."""

    @property
    def tables(self) -> Tables:
        """Its tables."""
        ...

    def workspace(self, name: str = DEFAULT) -> Workspace:
        """A workspace; StateError where there is none of the name."""
        ...

    def writer(self) -> Writer:
        """Return what appends rows."""
        ...


def deliver_pending_rows(lake: OutboxReceiver, state: State) -> int | None:
    """`deliver` for a request that changed something: nothing where much waits already, which comes by itself."""
    return deliver_outbox(lake, state, 1) if state.outbox.waiting() <= _BACKLOG else None


def deliver_outbox(lake: OutboxReceiver, state: State, batches: int | None = None) -> int | None:
    """Append what waits in the outbox, or so many batches of it, to its tables; how many rows, None where another process is at it.

    A row that its table does not take, or of a workspace that is gone, is set aside in _Quarantine.
    """
    if not state.outbox.waiting():
        return 0
    # each call is a holder of its own: two threads of a process are two who would bring the rows
    lease = state.leases.acquire(LEASE, create_holder_name(), LEASE_SECONDS)
    if lease is None:
        return None

    def append(entries: tuple[OutboxEntry, ...], *, producer: str, sequence: int) -> None:
        lease.renew(LEASE_SECONDS)
        _append_batch(lake, entries, producer, sequence)

    try:
        return state.outbox.drain(append, lease, batches)
    except LeaseLostError:
        return None
    finally:
        lease.release()


def _append_batch(lake: OutboxReceiver, entries: Sequence[OutboxEntry], producer: str, sequence: int) -> None:
    """A batch: an append a workspace, each of which the lake takes once under the batch's number."""
    by_workspace: dict[str, list[OutboxEntry]] = defaultdict(list)
    lost: list[QuarantineEntry] = []
    for entry in entries:
        try:
            by_workspace[lake.workspace(entry.workspace).name].append(entry)
        except StateError as error:
            lost.append(_quarantine_entry(entry, str(error)))
    for workspace, several in sorted(by_workspace.items()):
        tables, bad = _convert_rows(lake, workspace, several)
        lake.writer().append(
            workspace, tables, bad=bad, producer=f"{producer}/{workspace}", sequence=sequence
        )
    if lost:
        lake.writer().append(DEFAULT, {}, bad=lost, producer=f"{producer}/lost", sequence=sequence)


def _convert_rows(
    lake: OutboxReceiver, workspace: str, entries: Sequence[OutboxEntry]
) -> tuple[Mapping[str, pa.Table], list[QuarantineEntry]]:
    by_table: dict[str, list[OutboxEntry]] = defaultdict(list)
    bad: list[QuarantineEntry] = []
    for entry in entries:
        by_table[entry.table].append(entry)
    place, now = lake.workspace(workspace), dt.datetime.now(dt.UTC)
    tables: dict[str, pa.Table] = {}
    for name, several in by_table.items():
        table = lake.tables.get(name)
        if table is None or not place.accepts_table(name):
            why = f"table {name!r} not found" if table is None else place.refusal(name)
            bad += [_quarantine_entry(entry, why) for entry in several]
            continue
        rows: list[Mapping[str, object]] = [{"TimeGenerated": entry.added, **entry.row} for entry in several]
        made = to_arrow_rows(table, rows, workspace=place, now=now)
        tables[name] = made.table
        bad += [_quarantine_entry(several[row], reason) for row, reason in made.bad]
    return tables, bad


def _quarantine_entry(entry: OutboxEntry, reason: str) -> QuarantineEntry:
    raw = msgspec.json.encode(entry.row)[:4096].decode("utf-8", "ignore")
    return QuarantineEntry(
        "outbox", f"a row that was added at {entry.added.isoformat()}", reason, raw, "outbox", entry.table
    )
