"""Behavior run: learn and score the observations since the last run, under a lease.

What is looked at is what came in (by ingestion time) since the last run, with an overlap; an observation has the same id in every run,
and one that was told is not told again. A run that dies is repeated by the next: teaching twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from nephoscope.behavior import tenant_context
from nephoscope.behavior.anomaly_detection import assess_observations
from nephoscope.behavior.identities import (
    AGAIN,
    IDENTITIES,
    PEERS,
    IdentityRecord,
    build_identity_rows,
    build_peer_rows,
)
from nephoscope.behavior.insights import ANOMALIES, BEHAVIOR, InsightWriter
from nephoscope.behavior.observation_reader import ObservationSpan, Observer
from nephoscope.behavior.observation_source import load_shipped_sources
from nephoscope.behavior.profile_dimensions import LONGEST
from nephoscope.behavior.profiles import Profiles, count_epoch_days
from nephoscope.behavior.settings import BehaviorSettings, load_settings
from nephoscope.behavior.tenant_context import TenantKnowledge
from nephoscope.geolocation.provider import Geolocator
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.writing.quarantine import QuarantineEntry
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope_kql.types import UNIX_EPOCH_TICKS

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import Lease, State

CHECKPOINT = "behavior"
LEASE_SECONDS = 900.0
_BATCH = 1_000_000
_KNOWN = """
IdentityInfo
| summarize arg_max(TimeGenerated, *) by AccountObjectId
| project AccountObjectId, TimeGenerated, Digest = tostring(_AdditionalFields.Digest), Gone = isnotnull(DeletedDateTime),
    AccountUPN, AccountDisplayName, AccountName, AccountDomain, Department, JobTitle, Manager, UserType, BlastRadius, Tags
"""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True)
class BehaviorReport:
    """Report of a behavior run: the number of observations, and of rows written to each table."""

    observations: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, tables: Mapping[str, Sequence[object]]) -> None:
        """Count rows."""
        for name, rows in tables.items():
            if rows:
                self.rows[name] = self.rows.get(name, 0) + len(rows)


@dataclass(frozen=True, slots=True)
class BehaviorWork:
    """Inputs of a behavior run: its lease, the source of observations, the insight writer, profiles and peer pairs."""

    lease: Lease
    observer: Observer
    teller: InsightWriter
    profiles: Profiles
    peers: pa.Table


@dataclass(slots=True)
class BehaviorAnalysis:
    """The behavior analysis of a workspace. Several processes may call `run`: one at a time works."""

    lake: Lake
    state: State
    workspace: str
    holder: str = field(default_factory=create_holder_name)
    _appended: int = 0

    def run(self, now: dt.datetime, *, anew: bool = False) -> BehaviorReport | None:
        """Learn and judge what came since the last run (with `anew`: all that the lake keeps); None where another process is at it."""
        lease = self.state.leases.acquire(f"behavior/{self.workspace}", self.holder, LEASE_SECONDS)
        if lease is None:
            return None
        began = time.perf_counter()
        try:
            report = self._run_analysis(lease, now, anew)
        finally:
            lease.release()
        report.seconds = time.perf_counter() - began
        return report

    def is_due(self, now: dt.datetime, minutes: int) -> bool:
        """Return whether the last run is so many minutes ago."""
        mark = self.state.checkpoints.get(CHECKPOINT, self.workspace, {})
        return "until" not in mark or now - dt.datetime.fromisoformat(mark["until"]) >= dt.timedelta(
            minutes=minutes
        )

    def _run_analysis(self, lease: Lease, now: dt.datetime, anew: bool) -> BehaviorReport:
        self._appended = 0
        settings, report = load_settings(self.state, self.workspace), BehaviorReport()
        profiles = Profiles(self.lake.data, self.workspace)
        mark: dict[str, object] = self.state.checkpoints.get(CHECKPOINT, self.workspace, {})
        if anew:
            profiles.reset()
            mark = {name: value for name, value in mark.items() if name != "until"}
        places = Geolocator.open(self.lake.data)
        known = self._load_knowledge(lease, now, settings, mark, report)
        observer = Observer(self.lake, self.workspace, load_shipped_sources(), known.aliases, places)
        teller = InsightWriter(settings, known.accounts, known.names, places)
        work = BehaviorWork(lease, observer, teller, profiles, _build_pair_table(known))
        for stretch in observer.split_into_spans(
            _find_start(mark, settings), now, now - dt.timedelta(days=LONGEST)
        ):
            lease.renew(LEASE_SECONDS)
            self._process_span(work, stretch, now, report)
        if mark.get("folded") != count_epoch_days(now):
            self.lake.flush()
            profiles.fold(count_epoch_days(now))
        profiles.compact()
        with self.state.transaction() as session:
            lease.check(session)
        kept = {**mark, "until": now.isoformat(), "folded": count_epoch_days(now)}
        self.state.checkpoints.put(CHECKPOINT, self.workspace, kept)
        return report

    def _process_span(
        self, work: BehaviorWork, stretch: ObservationSpan, now: dt.datetime, report: BehaviorReport
    ) -> None:
        """Learn, judge and tell one stretch."""
        observed = work.observer.observe(stretch)
        report.observations += observed.num_rows
        found = assess_observations(work.profiles, observed, work.peers, work.teller.settings)
        if not found:
            return
        self.lake.flush()
        known_ids = work.observer.load_known_ids(stretch)
        new = [one for one in found if one.event["id"] not in known_ids]
        rows = [(row, one.event) for one in new if (row := work.teller.build_row(one, now)) is not None]
        anomalies = [row for one, event in rows if (row := work.teller.build_anomaly(one, event)) is not None]
        self._append_tables(
            work.lease, {BEHAVIOR: [row for row, _ in rows], ANOMALIES: anomalies}, now, report
        )

    def _load_knowledge(
        self,
        lease: Lease,
        now: dt.datetime,
        settings: BehaviorSettings,
        mark: dict[str, Any],
        report: BehaviorReport,
    ) -> TenantKnowledge:
        """Return what is known of the tenant; where it was gathered anew, its rows of IdentityInfo and UserPeerAnalytics."""
        before = tenant_context.load_knowledge(self.lake.data, self.workspace)
        digest = tenant_context.read_estate_digest(self.lake.data)
        if not before.is_due(digest, now):
            return before
        found, sightings = tenant_context.gather_knowledge(
            self.lake, self.workspace, digest, before, now, settings.peers
        )
        self.lake.flush()
        identities = list(build_identity_rows(found.directory, sightings, self._load_identities(now), now))
        peers_digest = hashlib.blake2b(
            msgspec.json.encode(found.peers, order="sorted"), digest_size=16
        ).hexdigest()
        last: dict[str, str] = mark.get("peers", {})
        stale = last.get("digest") != peers_digest or now - dt.datetime.fromisoformat(last["at"]) >= AGAIN
        tenant = self.lake.workspace(self.workspace).id
        peers = list(build_peer_rows(found.directory, found.peers, now, tenant)) if stale else []
        self._append_tables(lease, {IDENTITIES: identities, PEERS: peers}, now, report)
        if stale:
            mark["peers"] = {"digest": peers_digest, "at": now.isoformat()}
            self.state.checkpoints.put(CHECKPOINT, self.workspace, mark)
        tenant_context.store_knowledge(self.lake.data, self.workspace, found)
        return found

    def _load_identities(self, now: dt.datetime) -> dict[str, IdentityRecord]:
        """Return what IdentityInfo says last of each account."""
        span = RowSpan(now - 3 * AGAIN, now + dt.timedelta(days=1))
        table = self.lake.rows(_KNOWN, workspace=self.workspace, now=now, span=span)
        found = {}
        for row in table.to_pylist():
            id_, ticks = row.pop("AccountObjectId"), row.pop("TimeGenerated")
            at = _EPOCH + dt.timedelta(microseconds=(ticks - UNIX_EPOCH_TICKS) // 10)
            found[id_] = IdentityRecord(row.pop("Digest"), at, row.pop("Gone"), row)
        return found

    def _append_tables(
        self,
        lease: Lease,
        tables: Mapping[str, list[dict[str, object]]],
        now: dt.datetime,
        report: BehaviorReport,
    ) -> None:
        """Append rows to their tables, all or none; what a table does not take goes to the quarantine."""
        report.add(tables)
        place = self.lake.workspace(self.workspace)
        made: dict[str, pa.Table] = {}
        bad: list[QuarantineEntry] = []
        for name, rows in tables.items():
            if rows:
                found = to_arrow_rows(self.lake.tables[name], rows, workspace=place, now=now)
                made[name] = found.table
                bad += [_to_quarantine(name, rows[number], reason) for number, reason in found.bad]
        if not made:
            return
        lease.renew(LEASE_SECONDS)
        self._appended += 1
        sequence = lease.fence * _BATCH + self._appended
        self.lake.writer().append(
            self.workspace, made, bad=bad, producer=f"behavior/{self.workspace}", sequence=sequence
        )


def _to_quarantine(table: str, row: Mapping[str, object], reason: str) -> QuarantineEntry:
    raw = msgspec.json.encode(row)[:4096].decode("utf-8", "ignore")
    return QuarantineEntry("behavior", f"the row of {row['TimeGenerated']}", reason, raw, "behavior", table)


def _find_start(mark: Mapping[str, Any], settings: BehaviorSettings) -> dt.datetime | None:
    """From when on what came in is looked at, None = ever."""
    if "until" not in mark:
        return None
    return dt.datetime.fromisoformat(mark["until"]) - dt.timedelta(minutes=settings.overlap_minutes)


def _build_pair_table(known: TenantKnowledge) -> pa.Table:
    pairs = [(user, peer) for user, several in known.peers.items() for peer in several]
    schema = pa.schema([("entity", pa.string()), ("peer", pa.string())])
    return pa.Table.from_pydict(
        {"entity": [one for one, _ in pairs], "peer": [one for _, one in pairs]}, schema
    )
