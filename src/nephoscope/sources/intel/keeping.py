"""Keeping threat intelligence: each object once in its newest version, its rows by the outbox of the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from nephoscope.lake.arrival import Arrival, Arrivals
from nephoscope.lake.state.database import StateError
from nephoscope.lake.state.intel import Intel
from nephoscope.sources.intel.item import Item
from nephoscope.sources.intel.rows import INDICATORS, rows_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.state import State

BATCH = 500
AGAIN = timedelta(days=7)
"""How old the rows of an object that holds become before they are written again, as Sentinel does: rules look back 14 days."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping came to: objects that are new, changed, known as they are, older than what is known."""

    new: int = 0
    changed: int = 0
    known: int = 0
    older: int = 0

    def __add__(self, other: Kept) -> Kept:
        return Kept(
            self.new + other.new,
            self.changed + other.changed,
            self.known + other.known,
            self.older + other.older,
        )

    def __str__(self) -> str:
        return f"{self.new:,} new, {self.changed:,} changed, {self.known:,} known, {self.older:,} older than what is known"


def keep(
    state: State, workspace: str, source: str, items: Iterable[Item], now: datetime, *, counted: bool = False
) -> Kept:
    """Keep objects of a source; the same ones again change nothing. A batch is one transaction.

    `counted`: what is new or changed counts for the health of the source of that name.
    """
    kept, left = Kept(), iter(items)
    while batch := list(islice(left, BATCH)):
        with state.transaction() as session:
            some = _batch(state, session, workspace, source, batch, now)
            if counted and some.new + some.changed:
                arrival = Arrival(INDICATORS, some.new + some.changed, last_event=now)
                state.count(session, [Arrivals(source, workspace, now, (arrival,))])
        kept += some
    return kept


def _batch(
    state: State, session: Session, workspace: str, source: str, batch: list[Item], now: datetime
) -> Kept:
    known = state.intel.known(session, workspace, [one.id for one in batch])
    kept, changed = Kept(), dict[str, tuple[Intel, Intel | None]]()
    for one in batch:
        before = changed[one.id][0] if one.id in changed else known.get(one.id)
        made = _made(one, workspace, source, before, now)
        if before is None:
            kept += Kept(new=1)
        elif before.digest == made.digest:
            kept += Kept(known=1)
            continue
        elif made.modified < before.modified:
            kept += Kept(older=1)
            continue
        else:
            kept += Kept(changed=1)
        changed[one.id] = made, known.get(one.id)
    _write(state, session, changed.values(), now)
    return kept


def _made(one: Item, workspace: str, source: str, before: Intel | None, now: datetime) -> Intel:
    digest = sha256(msgspec.json.encode(one.document, order="deterministic")).hexdigest()
    made = Intel(
        workspace,
        one.id,
        one.kind,
        source,
        one.modified,
        digest,
        "".join(f"\n{value.lower()}\n" for _, value in one.observables),
        one.observables,
        one.document,
        one.confidence,
        one.valid_until,
        one.revoked,
        before.withdrawn if before else "",
        False,
        now,
    )
    return replace(made, active=_holds(made, now))


def _holds(one: Intel, now: datetime) -> bool:
    return not one.revoked and not one.withdrawn and (one.valid_until is None or one.valid_until > now)


def _write(
    state: State, session: Session, several: Iterable[tuple[Intel, Intel | None]], now: datetime
) -> None:
    found = list(several)
    state.intel.put(session, [one for one, _ in found])
    rows = [row for one, before in found for row in rows_of(one, now, _dropped(one, before))]
    if found:
        state.outbox.add_all(session, found[0][0].workspace, rows)


def _dropped(one: Intel, before: Intel | None) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in before.observables if pair not in one.observables) if before else ()


def refresh(state: State, workspace: str, now: datetime) -> int:
    """Write the rows of what holds again before they are too old to be seen, and those of what is over once; how many objects."""
    done = 0
    while True:
        with state.transaction() as session:
            due = state.intel.due(session, workspace, now, now - AGAIN, BATCH)
            renewed = [replace(one, active=_holds(one, now), published=now) for one in due]
            _write(state, session, [(one, None) for one in renewed], now)
        done += len(due)
        if len(due) < BATCH:
            return done


def withdraw(state: State, workspace: str, ids: Sequence[str], by: str, now: datetime) -> list[Intel]:
    """Take objects back, whatever their source says of them later, or with `by` = '' let them hold again; StateError for an id that
    is not known."""
    with state.transaction() as session:
        known = state.intel.known(session, workspace, ids)
        if unknown := [one for one in ids if one not in known]:
            raise StateError(f"no threat intelligence has the id {unknown[0]}")
        changed = [replace(one, withdrawn=by, published=now) for one in known.values()]
        changed = [replace(one, active=_holds(one, now)) for one in changed]
        _write(state, session, [(one, None) for one in changed], now)
    return changed
