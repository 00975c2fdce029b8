"""Risk run: make risk detections of new alerts and anomalies, remediate what password changes end, and let low risk end.

What is looked at is what came since the last run, with an overlap; a detection has the same id in every run and is kept once. Alerts
are those that were stored in the last days and are no detection yet, however old their windows are: a backfill stores alerts as the
schedule would have raised them. One process works at a time, under a lease.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.identity.alert_risk import (
    AlertedIdentity,
    drop_repeated_detections,
    find_identities,
    make_detection,
)
from nephoscope.identity.anomaly_risk import AnomalyReader, select_following_detections
from nephoscope.identity.indicator_risk import IndicatorReader, drop_known_detections
from nephoscope.identity.risk_decisions import REMEDIATIONS
from nephoscope.identity.risk_ledger import PRODUCT, RiskLedger
from nephoscope.identity.risk_mapping import RiskMapping, load_mapping
from nephoscope.identity.risk_rows import query_lake
from nephoscope.identity.sign_in_lookup import SignInLookup
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.identity_risk import ACTIVE, IdentityKind, RiskDetection
from nephoscope.state.leases.lease_holder import create_holder_name

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.model.identity_risk import RiskyIdentity
    from nephoscope.state import State

CHECKPOINT, LEASE_SECONDS = "identity-risk", 600.0
#: How far the first run looks back, and each run for stored alerts; and how far each run looks again for rows that came late.
BEGIN, OVERLAP = timedelta(days=14), timedelta(hours=2)
_PASSWORDS = """
AuditLogs
| where OperationName in~ ('Change user password', 'Change password (self-service)', 'Reset password (self-service)',
    'Reset user password', 'Reset password (by admin)') and Result =~ 'success'
| extend Id = tolower(tostring(TargetResources[0].id))
| where isnotempty(Id)
| summarize arg_max(TimeGenerated, OperationName) by Id
"""
_DETAILS = {
    "change": "userPerformedSecuredPasswordChange",
    "self-service": "userPerformedSecuredPasswordReset",
    "reset": "adminGeneratedTemporaryPassword",
}


@dataclass(slots=True)
class RiskReport:
    """Result of a run: new detections by type, users whose risk a password change ended, and identities whose low risk ended."""

    detections: dict[str, int] = field(default_factory=dict)
    remediated: int = 0
    expired: int = 0


@dataclass(slots=True)
class RiskRun:
    """The risk run of a workspace. Several processes may call `run`: one at a time works."""

    lake: Lake
    state: State
    workspace: str
    holder: str = field(default_factory=create_holder_name)

    def run(self, now: datetime) -> RiskReport | None:
        """Look at what came since the last run; None where another process is at it."""
        lease = self.state.leases.acquire(f"identity-risk/{self.workspace}", self.holder, LEASE_SECONDS)
        if lease is None:
            return None
        try:
            mapping, since = load_mapping(), self._compute_since(now)
            alerted = self._detect_from_alerts(mapping, since, now)
            alerted += self._detect_from_indicators(mapping, alerted, since, now)
            found = [*alerted, *self._detect_from_behavior(mapping, alerted, since, now)]
            lease.renew(LEASE_SECONDS)
            changed = self._read_password_changes(min((since, *(one.happened for one in found))), now)
            with self.state.transaction(product=CHECKPOINT) as session:
                lease.check(session)
                ledger = RiskLedger(self.state, self.workspace, now)
                new = ledger.add_detections(session, found)
                report = RiskReport(
                    remediated=self._remediate_changed_passwords(session, ledger, changed),
                    expired=ledger.expire(session),
                )
            self.state.checkpoints.put(CHECKPOINT, self.workspace, {"until": now.isoformat()})
        finally:
            lease.release()
        for one in new:
            report.detections[one.event_type] = report.detections.get(one.event_type, 0) + 1
        return report

    def _compute_since(self, now: datetime) -> datetime:
        mark: dict[str, str] = self.state.checkpoints.get(CHECKPOINT, self.workspace, {})
        return datetime.fromisoformat(mark["until"]) - OVERLAP if "until" in mark else now - BEGIN

    def _find_new(self, mapping: RiskMapping, since: datetime, now: datetime) -> list[AlertedIdentity]:
        """Return the identities of alerts that are no detections yet, whether a schedule or a backfill raised them."""
        alerts = self.state.alerts.list_stored_alerts(
            self.workspace, mapping.rule_ids, min(since, now - BEGIN), now
        )
        found = list(find_identities(alerts, mapping))
        known = self.state.identity_risks.find_known_detections(
            self.workspace, {one.detection for one in found}
        )
        return [one for one in found if one.detection not in known]

    def _detect_from_alerts(
        self, mapping: RiskMapping, since: datetime, now: datetime
    ) -> list[RiskDetection]:
        """Return what alerts are as detections that are not kept yet."""
        found = self._find_new(mapping, since, now)
        detections: list[RiskDetection] = []
        for kind in (IdentityKind.USER, IdentityKind.SERVICE_PRINCIPAL):
            several = [
                one
                for one in found
                if (one.mapping.identity is IdentityKind.USER) == (kind is IdentityKind.USER)
            ]
            if not several:
                continue
            spans = [one.span for one in several]
            span = min(start for start, _ in spans), max(end for _, end in spans)
            names = {name for one in several for name in (one.name, one.object_id) if name}
            sign_ins = SignInLookup.read(self.lake, self.workspace, kind, names, span)
            detections += [make_detection(one, sign_ins, now) for one in several]
        return drop_repeated_detections(detections, self._list_kept_detections(detections))

    def _detect_from_behavior(
        self, mapping: RiskMapping, alerted: Sequence[RiskDetection], since: datetime, now: datetime
    ) -> list[RiskDetection]:
        """Return what anomalies are as detections: by themselves, or after another on the same identity."""
        span = RowSpan(now - BEGIN, now + timedelta(days=1), now + timedelta(seconds=1), since)
        several = AnomalyReader(self.lake, self.workspace, mapping.behavior).read(span, now)
        return select_following_detections(
            several, [*alerted, *self._list_kept_detections(one.detection for one in several)]
        )

    def _detect_from_indicators(
        self, mapping: RiskMapping, found: Sequence[RiskDetection], since: datetime, now: datetime
    ) -> list[RiskDetection]:
        """Return the sign-ins that new indicators are about, beside those that alerts tell of already."""
        several = IndicatorReader(self.lake, self.workspace, mapping.indicators).read(since, now)
        return drop_known_detections(several, [*found, *self._list_kept_detections(several)])

    def _list_kept_detections(self, about: Iterable[RiskDetection]) -> list[RiskDetection]:
        """Return the detections that are kept on the identities of some."""
        several: defaultdict[IdentityKind, set[str]] = defaultdict(set)
        for one in about:
            several[one.kind].add(one.identity)
        risks = self.state.identity_risks
        return [
            one
            for kind, identities in several.items()
            for one in risks.detections_of(self.workspace, kind, sorted(identities))
        ]

    def _read_password_changes(self, since: datetime, now: datetime) -> dict[str, tuple[datetime, str]]:
        """Return the last password change of each user: when, and which remediation it is."""
        begin = min(now - BEGIN, since)
        span = RowSpan(begin, now + timedelta(days=1), now + timedelta(seconds=1), since)
        found = {}
        for row in query_lake(self.lake, _PASSWORDS, self.workspace, span=span):
            name = str(row["OperationName"]).lower()
            detail = next(text for word, text in _DETAILS.items() if word in name)
            found[str(row["Id"])] = (datetime.fromisoformat(str(row["TimeGenerated"])), detail)
        return found

    def _remediate_changed_passwords(
        self, session: Session, ledger: RiskLedger, changed: dict[str, tuple[datetime, str]]
    ) -> int:
        """End the risk of users whose password was changed after it was detected."""
        risky = self.state.identity_risks.find_identities(
            self.workspace, IdentityKind.USER, changed.keys(), session
        )
        by_detail: defaultdict[str, list[RiskyIdentity]] = defaultdict(list)
        for key, one in risky.items():
            when, detail = changed[key]
            latest = self.state.identity_risks.detections_of(
                self.workspace, IdentityKind.USER, [key], session
            )
            begun = max((each.happened for each in latest if each.is_active), default=one.updated)
            if one.state in ACTIVE and when > begun:
                by_detail[detail].append(one)
        for detail, several in by_detail.items():
            ledger.decide(session, several, (), REMEDIATIONS[detail], "Remediate", PRODUCT)
        return sum(map(len, by_detail.values()))
