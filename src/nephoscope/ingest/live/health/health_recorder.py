"""Health recorder: stores source health in the state, raises alerts and writes rows to the lake."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.files.json_tree import get_text
from nephoscope.ingest.live.health import health_rows as made
from nephoscope.ingest.live.health.arrival_profile import SourceProfile
from nephoscope.ingest.live.health.health_evaluation import (
    HealthFinding,
    find_silent_source,
    list_health_findings,
)
from nephoscope.ingest.live.live_source import LOST
from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state.database.database import StateError
from nephoscope.state.ingestion.schema_changes import SchemaChange
from nephoscope.state.ingestion.source_health import RATES_KEPT, SourceHealth
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.ingest.live.source_meter import SourceMeter, SourceReport
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State
    from nephoscope.state.ingestion.source_health import SourceRate
    from nephoscope.state.ingestion.sources import Source
    from nephoscope.state.leases.leases import Lease

#: What is remembered of findings is kept beside the checkpoints, under a name that no source can have.
KEPT = "#health"
_OPEN = "open:"
#: One process judges, the others only tell.
LEASE, LEASE_SECONDS = "source-health", 120.0
_SCHEMA_OPEN = timedelta(days=1)
_SUMMARY = timedelta(hours=1)
#: How long what only happened is told as an error.
_SHOWN_FOR = timedelta(minutes=15)


@dataclass
class HealthKeeper:
    """Keeps the health of sources; `holder` is a name that no other process has."""

    lake: Lake
    state: State
    holder: str
    _lease: Lease | None = field(default=None, repr=False)

    def count(self, source: Source, meter: SourceMeter, now: datetime) -> None:
        """Write what a source has told since the last time."""
        tables, report = meter.drain()
        if tables:
            self._store_arrivals(source, tables, now)
        self._report_health(source, report, now)

    def _store_arrivals(self, source: Source, tables: Mapping[str, Set[str]], now: datetime) -> None:
        """The profiles, and in the same transaction what they take for usual from now on though it is news."""
        health, workspace = self.state.source_health, source.workspace
        kept: dict[str, str] = {}
        with self.state.transaction() as session:
            for table, text in health.record_arrival(session, source.name, tables, now, workspace).items():
                profile = SourceProfile.of(text)
                profile.record_arrival(now)
                if names := tables.get(table):
                    new, gone = profile.update_names(names)
                    if new or gone:
                        change = SchemaChange(source.name, workspace, table, tuple(new), tuple(gone))
                        self.state.schema_changes.add(session, change)
                kept[table] = profile.text()
            health.schema(session, source.name, kept, workspace)

    def _report_health(self, source: Source, report: SourceReport, now: datetime) -> None:
        health = self.state.source_health
        if report.lag is not None:
            health.record_lag(source.name, int(report.lag), source.workspace)
        errors = dict(report.errors)
        if report.dropped:
            lost = f"{report.dropped} messages were lost before they could be read"
            errors[LOST] = f"{lost}; {errors[LOST]}" if LOST in errors else lost
        standing = self.state.source_errors
        if report.worked:
            standing.clear_errors(source.name, report.worked, source.workspace)
        if errors:
            standing.keep_errors(source.name, errors, now, source.workspace, more=report.more)
        standing.expire(source.name, now - _SHOWN_FOR, source.workspace)

    def assess(self, now: datetime) -> bool:
        """Judge every source and write what the lake is to hear; False where another process does."""
        if not self._hold_lease():
            return False
        every = self.state.source_health.all()
        rates = self.state.source_health.rates(since=now - timedelta(days=8))
        by_table: dict[tuple[str, str, str], list[SourceRate]] = defaultdict(list)
        by_source: dict[tuple[str, str], list[SourceRate]] = defaultdict(list)
        for one in rates:
            by_table[one.source, one.workspace, one.table].append(one)
            by_source[one.source, one.workspace].append(one)
        sources = {one.name: one for one in self.state.sources.all()}
        found = [
            silent
            for source in sources.values()
            if (silent := find_silent_source(source, every, now)) is not None
        ]
        found += [
            finding
            for health in every
            if (source := sources.get(health.source)) is not None and source.enabled
            for finding in list_health_findings(
                health,
                by_table[health.source, health.workspace, health.table],
                now,
                by_source[health.source, health.workspace],
            )
        ]
        self._write_alerts(found, now)
        self._write_statuses(every, sources, now)
        self._write_usage(now)
        self._write_heartbeat(now)
        self.state.source_health.prune(now - RATES_KEPT)
        return True

    def close(self) -> None:
        """Let another process judge."""
        if self._lease is not None:
            self._lease.release()

    def _hold_lease(self) -> bool:
        self._lease = self.state.leases.acquire(LEASE, self.holder, LEASE_SECONDS)
        return self._lease is not None

    def _write_alerts(self, found: Sequence[HealthFinding], now: datetime) -> None:
        """A row when a finding begins and one when it is over; a change of schema is over after a day.

        The rows, what is noted of them and the changes that they tell are one transaction: a kill tells none twice and none never.
        """
        with self._begin_judgement() as session:
            current = {finding.key: finding for finding in [*found, *self._list_changes(session)]}
            kept = self.state.checkpoints.load_in_transaction(session, KEPT)
            open_ = {key.removeprefix(_OPEN): value for key, value in kept.items() if key.startswith(_OPEN)}
            begun = [one for key, one in current.items() if key not in open_ or one.kind == "schema"]
            over = [
                value
                for key, value in open_.items()
                if key not in current and self._has_alert_ended(value, now)
            ]
            for finding in begun:
                self._queue_row(
                    session,
                    finding.workspace,
                    "SecurityAlert",
                    made.build_alert_row(finding, now, now, over=False),
                )
            for value in over:
                finding, began = (
                    HealthFinding(**value["finding"]),
                    datetime.fromisoformat(get_text(value, "since")),
                )
                self._queue_row(
                    session,
                    finding.workspace,
                    "SecurityAlert",
                    made.build_alert_row(finding, began, now, over=True),
                )
                self.state.checkpoints.drop(session, KEPT, f"{_OPEN}{finding.key}")
            noted = {
                f"{_OPEN}{one.key}": {"finding": _to_dict(one), "since": now.isoformat()} for one in begun
            }
            self.state.checkpoints.keep(session, KEPT, noted)

    @contextmanager
    def _begin_judgement(self) -> Iterator[Session]:
        """A transaction that whoever lost the lease does not have: LeaseLostError."""
        assert self._lease is not None
        with self.state.transaction() as session:
            self._lease.check(session)
            yield session

    def _queue_row(self, session: Session, workspace: str, table: str, row: Mapping[str, object]) -> None:
        """A row that goes to the lake with the transaction; to the default workspace where that of the source does not take it."""
        try:
            taken = self.lake.workspace(workspace).accepts_table(table)
        except StateError:
            taken = False
        self.state.outbox.add(session, workspace if taken else DEFAULT, table, row)

    def _list_changes(self, session: Session) -> Iterable[HealthFinding]:
        """Return what has changed in schemas since it was told last, a finding a table."""
        found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for one in self.state.schema_changes.pop_changes(session):
            found[one.source, one.workspace, one.table].append(_describe_change(one.new, one.gone))
        return [HealthFinding(*place, "schema", "; ".join(changes)) for place, changes in found.items()]

    def _has_alert_ended(self, value: Mapping[str, object], now: datetime) -> bool:
        lasting = get_text(value, "finding", "kind") == "schema"
        return not lasting or now - datetime.fromisoformat(get_text(value, "since")) > _SCHEMA_OPEN

    def _write_statuses(
        self, every: Sequence[SourceHealth], sources: Mapping[str, Source], now: datetime
    ) -> None:
        """A row of SentinelHealth when a source begins to fail or to work again, and one an hour while it fails."""
        for health in every:
            source = sources.get(health.source)
            if health.table or source is None or (not health.error and health.last_seen is None):
                continue
            key = f"status:{health.workspace}/{health.source}"
            before = self.state.checkpoints.get(KEPT, key)
            word = "Failure" if health.error else "Success"
            changed = before is None or before["status"] != word
            if not changed and not (health.error and now - datetime.fromisoformat(before["at"]) >= _SUMMARY):
                continue
            id_ = self.lake.workspace(health.workspace).id
            row = made.build_status_row(
                health.source, source.kind, id_, health.error, now, summary=not changed
            )
            with self._begin_judgement() as session:
                self._queue_row(session, health.workspace, "SentinelHealth", row)
                noted = {key: {"status": word, "at": now.isoformat()}}
                self.state.checkpoints.keep(session, KEPT, noted)

    def _write_usage(self, now: datetime) -> None:
        """The rows of Usage of the hours that are over, and of what came to one after it was told, by the outbox: each once."""
        with self._begin_judgement() as session:
            used = self.state.usage.pop_hours(session, now.replace(minute=0, second=0, microsecond=0))
            for one in used:
                self._queue_row(session, one.workspace, "Usage", made.build_usage_row(one))

    def _write_heartbeat(self, now: datetime) -> None:
        """The row of this minute; where the lake is full it is not written, and the state says so."""
        table = self.lake.tables["Heartbeat"]
        row = to_arrow_rows(
            table, [made.build_heartbeat_row(now)], workspace=self.lake.workspace(), now=datetime.now(UTC)
        )
        producer = f"health/heartbeat/{socket.gethostname()}"
        try:
            self.lake.writer().append(
                DEFAULT, {table.name: row.table}, producer=producer, sequence=_compute_minute(now)
            )
        except LakeError as error:
            errors = {table.name: f"rows of {table.name} were not written: {error}"}
            self.state.source_errors.keep_errors(KEPT, errors, datetime.now(UTC), DEFAULT)
            return
        self.state.source_errors.clear_errors(KEPT, (table.name,), DEFAULT)


def _compute_minute(now: datetime) -> int:
    return int(now.timestamp()) // 60


def _to_dict(finding: HealthFinding) -> dict[str, str]:
    return {
        "source": finding.source, "workspace": finding.workspace, "table": finding.table, "kind": finding.kind,
        "detail": finding.detail,
    }  # fmt: skip


def _describe_change(new: Sequence[str], gone: Sequence[str]) -> str:
    parts = [f"new: {', '.join(new[:20])}"] if new else []
    parts += [f"no longer there: {', '.join(gone[:20])}"] if gone else []
    return "; ".join(parts)
