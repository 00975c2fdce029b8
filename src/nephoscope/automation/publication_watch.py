"""The publication watch: looks at every evaluation that is published, and plans the runs of the rules that it triggers.

The runs and the word that the evaluation was looked at are one transaction, so that a change is planned once; what a run does is then
the engine's, which tries again and keeps what it gave up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from nephoscope.automation.event_facts import build_document_view
from nephoscope.automation.published_changes import (
    build_state_path,
    drop_other_versions,
    find_changes,
    read_bodies,
    read_states,
    store_states,
)
from nephoscope.automation.rule_catalog import load_automations
from nephoscope.automation.run_planning import EventBatch, plan_runs
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from nephoscope.automation.rule import AutomationRule, Trigger
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
    from nephoscope.state import State

PLACE, SEEN = "automation", "seen"
SNAPSHOT_EVERY = timedelta(days=7)
"""Interval of snapshots in Azure's export."""
_LEASE_SECONDS = 600.0
_LOG = logging.getLogger("nephoscope.automation")


@dataclass(slots=True)
class PublicationWatch:
    """Watches what is published in one data folder."""

    data: Path
    state: State
    snapshots: PublishedSnapshotCache
    holder: str = field(default_factory=create_holder_name)

    def plan_runs(self, now: datetime | None = None) -> int:
        """Plan runs for what was published since the last look; how many. Nothing where another process looks."""
        snapshot = self.snapshots.load_newest()
        if snapshot is None:
            return 0
        seen = self.state.checkpoints.get(PLACE, SEEN)
        wanted = [one for one in load_automations(self.state, self.snapshots)[0] if one.enabled]
        moment = now or datetime.now(UTC)
        if seen == snapshot.version and not self._find_due_sources(wanted, moment):
            return 0
        lease = self.state.leases.acquire("automation", self.holder, _LEASE_SECONDS)
        if lease is None:
            return 0
        try:
            return self._queue_runs(snapshot, wanted, moment)
        finally:
            lease.release()

    def _queue_runs(self, snapshot: PublishedSnapshot, wanted: list[AutomationRule], now: datetime) -> int:
        seen = self.state.checkpoints.get(PLACE, SEEN)
        moved: dict[str, dict[str, str | None]] = {}
        if seen != snapshot.version:
            stood = read_states(snapshot)
            if seen is not None and build_state_path(self.data, seen).exists():
                moved = find_changes(pq.read_table(build_state_path(self.data, seen)), stood)
            elif seen is not None:
                _LOG.warning("version %s was removed: changes since then are not exported", seen)
            store_states(self.data, snapshot.version, stood)
        due = self._find_due_sources(wanted, now)
        order = count()
        runs = [
            run
            for one in wanted
            for run in plan_runs(one, list(self._list_event_batches(snapshot, one, moved, due)), now, order)
        ]
        with self.state.transaction(product="automations") as session:
            self.state.automation_runs.plan(session, runs)
            checkpoints = {
                SEEN: snapshot.version,
                **{f"snapshot/{key}/{at}": now.isoformat() for key, at in due},
            }
            self.state.checkpoints.keep(session, PLACE, checkpoints)
        drop_other_versions(self.data, snapshot.version)
        return len(runs)

    def _find_due_sources(self, wanted: list[AutomationRule], now: datetime) -> set[tuple[str, int]]:
        """Return which sources of which automations are to be told of everything now."""
        known = self.state.checkpoints.all(PLACE)
        found = set()
        for one in wanted:
            for at, trigger in enumerate(one.triggers):
                kind = trigger.document_kind
                last = known.get(f"snapshot/{one.key}/{at}")
                if (
                    kind is not None
                    and kind.snapshot
                    and (last is None or now - datetime.fromisoformat(last) >= SNAPSHOT_EVERY)
                ):
                    found.add((one.key, at))
        return found

    def _list_event_batches(
        self,
        snapshot: PublishedSnapshot,
        one: AutomationRule,
        moved: Mapping[str, Mapping[str, str | None]],
        due: set[tuple[str, int]],
    ) -> Iterator[EventBatch]:
        """Yield what a rule is to be told of now, by its triggers."""
        for at, trigger in enumerate(one.triggers):
            kind = trigger.document_kind
            if kind is None or (kind.snapshot and (one.key, at) not in due):
                continue
            keys = None if kind.snapshot else moved.get(kind.type, {})
            if keys is None or keys:
                before = {key: text for key, text in (keys or {}).items() if text is not None}
                found = list(match_documents(snapshot, one, trigger, None if keys is None else list(keys)))
                of = f"version {snapshot.version}"
                yield EventBatch(
                    kind, DEFAULT, (kind.name, at, snapshot.version), found, of=of, before=before
                )


def match_documents(
    snapshot: PublishedSnapshot, one: AutomationRule, trigger: Trigger, keys: list[str] | None
) -> Iterator[dict[str, object]]:
    """Yield the documents (all, or of some keys) that a rule is told of by a trigger on published documents."""
    assert trigger.document_kind is not None
    for body in read_bodies(snapshot, trigger.document_kind.type, keys):
        if one.scope.covers(str(body["id"]).lower()) and trigger.condition.is_met(build_document_view(body)):
            yield body
