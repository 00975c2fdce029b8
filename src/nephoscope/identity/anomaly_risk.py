"""Risk detections from anomalies: rows of BehaviorAnalytics with their sign-ins, and what follows another detection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nephoscope.identity.alert_risk import add_sign_in, compute_detection_id, is_agent
from nephoscope.identity.behavior_risk import AnomalyEvidence, find_risks
from nephoscope.identity.risk_mapping import BehaviorMapping
from nephoscope.identity.risk_rows import query_lake
from nephoscope.identity.sign_in_lookup import SignInLookup
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.queries.time_span import RowSpan

_ANOMALIES = """
BehaviorAnalytics
| where ActivityType in ({activities}) and InvestigationPriority >= {least}
| project TimeGenerated, ActivityType, ActionType, NativeTableName, SourceRecordId, UserPrincipalName, UserName, ActorName,
    SourceIPAddress, SourceIPLocation, ActivityInsights, UsersInsights, DevicesInsights, _ItemId
"""
_ITSELF = timedelta(seconds=1)
_ORDER = (RiskLevel.NONE, RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)


@dataclass(frozen=True, slots=True)
class AnomalyRisk:
    """A detection of an anomaly; `after`: hours within which another detection on the identity must come before (0 = none)."""

    detection: RiskDetection
    after: int


@dataclass(frozen=True, slots=True)
class AnomalyReader:
    """Reads the anomalies of a workspace as risk detections."""

    lake: Lake
    workspace: str
    mappings: Sequence[BehaviorMapping]

    def read(self, span: RowSpan, now: datetime) -> list[AnomalyRisk]:
        """Return what the anomalies of a span are as detections, those that need another before them included."""
        activities = sorted({name for one in self.mappings for name in one.activities})
        least = min(each.priority for one in self.mappings for each in one.levels.values())
        text = _ANOMALIES.format(activities=", ".join(f"'{one}'" for one in activities), least=least)
        rows = query_lake(self.lake, text, self.workspace, span=span)
        users = [row for row in rows if row["UserPrincipalName"]]
        applications = [row for row in rows if not row["UserPrincipalName"]]
        return [*self._rate_users(users, now), *self._rate_applications(applications, now)]

    def _rate_users(self, rows: Iterable[dict[str, object]], now: datetime) -> list[AnomalyRisk]:
        kind = IdentityKind.USER
        risks = [(row, *one) for row in rows for one in find_risks(row, kind, self.mappings)]
        sign_ins = self._look_up_sign_ins([row for row, *_ in risks], kind)
        return [
            _make_anomaly_risk(row, one, level, said, sign_ins, now)
            for row, one, level, said in risks
            if not one.token or _is_token_anomaly(row, sign_ins)
        ]

    def _rate_applications(self, rows: Sequence[dict[str, object]], now: datetime) -> list[AnomalyRisk]:
        """Service principals and agents: which of both one is, its sign-ins say."""
        sign_ins = self._look_up_sign_ins(rows, IdentityKind.SERVICE_PRINCIPAL)
        found = []
        for row in rows:
            known = sign_ins.identify(_read_identity(row))
            agent = known is not None and is_agent(known)
            kind = IdentityKind.AGENT if agent else IdentityKind.SERVICE_PRINCIPAL
            risks = find_risks(row, kind, self.mappings)
            named = known.identity if known is not None else ""
            found += [
                _make_anomaly_risk(row, one, level, said, sign_ins, now, named) for one, level, said in risks
            ]
        return found

    def _look_up_sign_ins(self, rows: Sequence[dict[str, object]], kind: IdentityKind) -> SignInLookup:
        if not rows:
            return SignInLookup({}, {})
        times = [datetime.fromisoformat(str(row["TimeGenerated"])) for row in rows]
        span = min(times) - _ITSELF, max(times) + _ITSELF
        return SignInLookup.read(self.lake, self.workspace, kind, {_read_identity(row) for row in rows}, span)


def select_following_detections(
    several: Iterable[AnomalyRisk], others: Collection[RiskDetection]
) -> list[RiskDetection]:
    """Return the detections that need no other before them, and those that have one; of each id the one of the highest level."""
    risky: defaultdict[tuple[IdentityKind, str], list[RiskDetection]] = defaultdict(list)
    found: list[RiskDetection] = []
    several = list(several)
    for one in [*others, *(each.detection for each in several if not each.after)]:
        if one.is_active:
            risky[one.kind, one.identity.lower()].append(one)
    for each in several:
        one = each.detection
        begins = one.happened - timedelta(hours=each.after)
        before = [
            other
            for other in risky[one.kind, one.identity.lower()]
            if begins <= other.happened <= one.happened and other.event_type != one.event_type
        ]
        if not each.after:
            found.append(one)
        elif before:
            last = max(before, key=lambda other: other.happened)
            why = f"{last.event_type} was detected on the identity at {last.happened:%Y-%m-%d %H:%M}"
            found.append(replace(one, reasons=[*one.reasons, why]))
    return list({one.id: one for one in sorted(found, key=lambda one: _ORDER.index(one.level))}.values())


def _is_token_anomaly(row: dict[str, object], sign_ins: SignInLookup) -> bool:
    sign_in = sign_ins.get(str(row["SourceRecordId"]))
    return sign_in is not None and sign_in.reused


def _make_anomaly_risk(
    row: dict[str, object],
    mapping: BehaviorMapping,
    level: RiskLevel,
    said: AnomalyEvidence,
    sign_ins: SignInLookup,
    now: datetime,
    named: str = "",
) -> AnomalyRisk:
    """Return the detection that a row of BehaviorAnalytics is; `named`: the id of the identity where its sign-ins say it."""
    identity, record = named.lower() or _read_identity(row), str(row["SourceRecordId"])
    sign_in = sign_ins.get(record) if mapping.activity != "user" else None
    place = str(row["SourceIPLocation"] or "")
    location: dict[str, object] = {"countryOrRegion": place} if place else {}
    found = RiskDetection(
        id=compute_detection_id(str(row["_ItemId"]), mapping.risk_event_type), kind=mapping.identity, identity=identity,
        event_type=mapping.risk_event_type, level=level, timing=mapping.timing, activity=mapping.activity,
        happened=datetime.fromisoformat(str(row["TimeGenerated"])), detected=now, updated=now,
        address=str(row["SourceIPAddress"] or ""), reasons=list(said.reasons), name=str(row["UserPrincipalName"] or ""),
        display_name=str(row["ActorName"] or row["UserName"] or ""), techniques=["T1078.004"], location=location,
    )  # fmt: skip
    return AnomalyRisk(add_sign_in(found, sign_in), mapping.after)


def _read_identity(row: dict[str, object]) -> str:
    insights = row["UsersInsights"]
    given = insights.get("AccountObjectID") if isinstance(insights, dict) else ""
    return str(given or row["UserPrincipalName"] or row["UserName"] or "").lower()
