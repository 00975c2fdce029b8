"""Indicator store: the newest version of each object, with its rows through the outbox of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from nephoscope.ingest.threat_intelligence.indicator import IntelItem, Retraction
from nephoscope.ingest.threat_intelligence.indicator_rows import INDICATORS, build_object_rows
from nephoscope.ingest.threat_intelligence.version_merge import Change, IntelCounts, IntelVersions, is_matched
from nephoscope.state.database.database import StateError
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals
from nephoscope.state.ingestion.threat_intelligence import Intel

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

BATCH = 500
AGAIN = timedelta(days=7)
"""How old the rows of an object that holds become before they are written again, as Sentinel does: rules look back 14 days."""


def keep_indicators(
    state: State,
    workspace: str,
    source: str,
    items: Iterable[IntelItem | Retraction],
    now: datetime,
    *,
    counted: bool = False,
    by_hand: bool = False,
    product: str = "",
) -> IntelCounts:
    """Keep objects of a source; the same ones again change nothing. A batch is one transaction.

    `counted`: what is new or changed counts for the health of the source of that name. `by_hand`: a person changes them, whoever
    their creator is. `product` as of State.transaction: a source says so by itself.
    """
    kept, left = IntelCounts(), iter(items)
    while batch := list(islice(left, BATCH)):
        with state.transaction(product=product) as session:
            standing = state.intel.find_by_objects(session, workspace, [one.id for one in batch])
            versions = IntelVersions(workspace, source, now, standing, by_hand)
            for one in batch:
                versions.add_version(one)
            _write_changes(state, session, versions.changes.values(), now)
            some = versions.kept
            if counted and some.new + some.changed:
                arrival = Arrival(INDICATORS, some.new + some.changed, last_event=now)
                state.count(session, [Arrivals(source, workspace, now, (arrival,))])
        kept += some
    return kept


def _write_changes(state: State, session: Session, several: Iterable[Change], now: datetime) -> None:
    found = list(several)
    state.intel.put(session, [one for one, _ in found])
    rows = [
        row
        for one, before in found
        for row in build_object_rows(one, now, _list_dropped_matches(one, before))
    ]
    if found:
        state.outbox.add_many(session, found[0][0].workspace, rows)


def _list_dropped_matches(one: Intel, before: Intel | None) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in before.observables if pair not in one.observables) if before else ()


def refresh_indicators(state: State, workspace: str, now: datetime) -> int:
    """Write the rows of what holds again before they are too old to be seen, and those of what is over once; how many objects."""
    done = 0
    while True:
        with state.transaction(product="expiry of threat intelligence") as session:
            due = state.intel.due(session, workspace, now, now - AGAIN, BATCH)
            renewed = [replace(one, active=is_matched(one, now), published=now) for one in due]
            _write_changes(state, session, [(one, None) for one in renewed], now)
        done += len(due)
        if len(due) < BATCH:
            return done


def withdraw_indicators(
    state: State, workspace: str, ids: Sequence[str], by: str, now: datetime
) -> list[Intel]:
    """Take objects back, whatever their source says of them later, or with `by` = '' let them hold again; StateError for an id that
    is not known."""
    with state.transaction() as session:
        known = state.intel.load_known_indicators(session, workspace, ids)
        if unknown := [one for one in ids if one not in known]:
            raise StateError(f"threat intelligence {unknown[0]!r} not found")
        changed = [replace(one, withdrawn=by, published=now) for one in known.values()]
        changed = [replace(one, active=is_matched(one, now)) for one in changed]
        _write_changes(state, session, [(one, None) for one in changed], now)
    return changed
