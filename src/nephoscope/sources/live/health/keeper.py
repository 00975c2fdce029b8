"""Keeps health: what the sources tell goes to the state, what is wrong becomes alerts, and the lake hears of it all."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nephoscope.lake.errors import LakeError
from nephoscope.lake.rows import arrow_of
from nephoscope.lake.state.source_health import RATES_KEPT, SourceHealth
from nephoscope.sources.live.health import rows as made
from nephoscope.sources.live.health.judging import Finding, findings
from nephoscope.sources.live.health.profile import Profile
from nephoscope.sources.live.source import LOST

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State
    from nephoscope.lake.state.leases import Lease
    from nephoscope.lake.state.source_health import SourceRate
    from nephoscope.lake.state.sources import Source
    from nephoscope.sources.live.meter import Meter, Told

#: What is remembered of findings is kept beside the checkpoints, under a name that no source can have.
KEPT = "#health"
#: One process judges, the others only tell.
LEASE, LEASE_SECONDS = "source-health", 120.0
_SCHEMA_OPEN = timedelta(days=1)
_SUMMARY = timedelta(hours=1)
#: How long what only happened is told as an error.
_SHOWN_FOR = timedelta(minutes=15)


@dataclass
class Keeper:
    """Keeps the health of sources; `holder` is a name that no other process has."""

    lake: Lake
    state: State
    holder: str
    _lease: Lease | None = field(default=None, repr=False)
    _changes: list[Finding] = field(default_factory=list)

    def count(self, source: Source, meter: Meter, now: datetime) -> None:
        """Write what a source has told since the last time."""
        tables, told = meter.drain()
        if tables:
            self._arrived(source, tables, now)
        self._tell(source, told, now)

    def _arrived(self, source: Source, tables: Mapping[str, Set[str]], now: datetime) -> None:
        health = self.state.source_health
        before = {
            one.table: one.columns for one in health.all(source.name) if one.workspace == source.workspace
        }
        health.seen(source.name, tables, now, source.workspace)
        for name, names in tables.items():
            profile = Profile.of(before.get(name, ""))
            profile.arrived(now)
            new, gone = profile.seen(names)
            health.schema(source.name, name, profile.text(), source.workspace)
            if new or gone:
                self._changes.append(
                    Finding(source.name, source.workspace, name, "schema", _changed(new, gone))
                )

    def _tell(self, source: Source, told: Told, now: datetime) -> None:
        health = self.state.source_health
        if told.lag is not None:
            health.lags(source.name, int(told.lag), source.workspace)
        errors = dict(told.errors)
        if told.dropped:
            lost = f"{told.dropped} messages were lost before they could be read"
            errors[LOST] = f"{lost}; {errors[LOST]}" if LOST in errors else lost
        standing = self.state.source_errors
        if told.worked:
            standing.worked(source.name, told.worked, source.workspace)
        if errors:
            standing.failed(source.name, errors, now, source.workspace, more=told.more)
        standing.expire(source.name, now - _SHOWN_FOR, source.workspace)

    def judge(self, now: datetime) -> bool:
        """Judge every source and write what the lake is to hear; False where another process does."""
        if not self._held():
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
            finding
            for health in every
            if (source := sources.get(health.source)) is not None and source.enabled
            for finding in findings(
                health,
                by_table[health.source, health.workspace, health.table],
                now,
                by_source[health.source, health.workspace],
            )
        ]
        self._alerts(found, now)
        self._statuses(every, sources, now)
        self._usage(now)
        self._write(
            "default",
            "Heartbeat",
            [made.heartbeat(now)],
            f"health/heartbeat/{socket.gethostname()}",
            _minute(now),
        )
        self.state.source_health.prune(now - RATES_KEPT)
        return True

    def close(self) -> None:
        """Let another process judge."""
        if self._lease is not None:
            self._lease.release()

    def _held(self) -> bool:
        self._lease = self.state.leases.take(LEASE, self.holder, LEASE_SECONDS)
        return self._lease is not None

    def _alerts(self, found: Sequence[Finding], now: datetime) -> None:
        """A row when a finding begins and one when it is over; a change of schema is over after a day."""
        changes, self._changes = self._changes, []
        current = {finding.key: finding for finding in found}
        for change in changes:
            before = current.get(change.key)
            current[change.key] = (
                replace(change, detail=f"{before.detail}; {change.detail}") if before else change
            )
        kept = self.state.checkpoints.all(KEPT)
        open_ = {key.removeprefix("open:"): value for key, value in kept.items() if key.startswith("open:")}
        alerts: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for key, finding in current.items():
            if key not in open_ or finding.kind == "schema":
                alerts[finding.workspace].append(made.alert(finding, now, now, over=False))
        over = {key: value for key, value in open_.items() if key not in current and self._over(value, now)}
        for value in over.values():
            finding = Finding(**value["finding"])
            began = datetime.fromisoformat(value["since"])
            alerts[finding.workspace].append(made.alert(finding, began, now, over=True))
        written = [
            self._write(workspace, "SecurityAlert", rows, f"health/alerts/{workspace}")
            for workspace, rows in alerts.items()
        ]
        if not all(written):
            # Nothing is noted as told, so that all of it is told again the next time.
            self._changes.extend(changes)
            return
        self.state.checkpoints.put_all(
            KEPT,
            {
                f"open:{key}": {"finding": _plain(finding), "since": now.isoformat()}
                for key, finding in current.items()
                if key not in open_ or finding.kind == "schema"
            },
        )
        for key in over:
            self.state.checkpoints.remove(KEPT, f"open:{key}")

    def _over(self, value: Mapping[str, Any], now: datetime) -> bool:
        lasting = value["finding"]["kind"] == "schema"
        return not lasting or now - datetime.fromisoformat(value["since"]) > _SCHEMA_OPEN

    def _statuses(self, every: Sequence[SourceHealth], sources: Mapping[str, Source], now: datetime) -> None:
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
            row = made.status(health.source, source.kind, id_, health.error, now, summary=not changed)
            self._write(health.workspace, "SentinelHealth", [row], f"health/status/{health.source}")
            self.state.checkpoints.put(KEPT, key, {"status": word, "at": now.isoformat()})

    def _usage(self, now: datetime) -> None:
        """The rows of Usage of the hours that are over, and of what came to one after it was told, by the outbox: each once."""
        with self.state.transaction() as session:
            used = self.state.usage.take(session, now.replace(minute=0, second=0, microsecond=0))
            for workspace in dict.fromkeys(one.workspace for one in used):
                rows = [("Usage", made.usage(one)) for one in used if one.workspace == workspace]
                self.state.outbox.add_all(session, workspace, rows)

    def _write(
        self,
        workspace: str,
        table: str,
        rows: list[dict[str, Any]],
        producer: str,
        sequence: int | None = None,
    ) -> bool:
        """Append rows about health; whether they are on disk: where the lake is full they are not, and the state says so."""
        writer = self.lake.writer()
        found = arrow_of(
            self.lake.tables[table], rows, workspace=self.lake.workspace(workspace), now=datetime.now(UTC)
        )
        try:
            writer.append(workspace, {table: found.table}, producer=producer, sequence=sequence)
        except LakeError as error:
            told = {table: f"rows of {table} were not written: {error}"}
            self.state.source_errors.failed(KEPT, told, datetime.now(UTC), workspace)
            return False
        self.state.source_errors.worked(KEPT, (table,), workspace)
        return True


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60


def _plain(finding: Finding) -> dict[str, str]:
    return {
        "source": finding.source, "workspace": finding.workspace, "table": finding.table, "kind": finding.kind,
        "detail": finding.detail,
    }  # fmt: skip


def _changed(new: Sequence[str], gone: Sequence[str]) -> str:
    parts = [f"new: {', '.join(new[:20])}"] if new else []
    parts += [f"no longer there: {', '.join(gone[:20])}"] if gone else []
    return "; ".join(parts)
