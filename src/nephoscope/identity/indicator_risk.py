"""Risk detections from new indicators: sign-ins of the last days from addresses that threat intelligence lists since then.

Rules look at a sign-in with the indicators of its time. An indicator that comes later says that the address was bad in the days
before it, too: a list is made from what was seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.identity.alert_risk import compute_detection_id
from nephoscope.identity.risk_mapping import IndicatorMapping
from nephoscope.identity.risk_rows import query_lake
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.identity_risk import IdentityKind, RiskDetection

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

#: How long before its indicator an address counts as listed, and how old indicators are looked at.
BEFORE, INDICATORS = timedelta(days=7), timedelta(days=30)
_NEW = "_Indicators() | where Kind == 'address' | take 1"
_SIGN_INS = """
let seen = union isfuzzy=true SigninLogs, AADNonInteractiveUserSignInLogs
| where ResultType == '0' and TimeGenerated between (datetime({begin}) .. datetime({end}))
| where not(_IsTrustedAddress(IPAddress))
| summarize arg_min(TimeGenerated, Id, CorrelationId, UserPrincipalName, UserDisplayName, Location)
    by UserId, IPAddress, Day = startofday(TimeGenerated);
let looked = union (seen | project TimeGenerated, Address = IPAddress),
    (seen | project TimeGenerated = min_of(TimeGenerated + {before}d, datetime({end})), Address = IPAddress);
let listed = _ListedAddresses(looked, 50, true)
| summarize Threat = take_any(Threat), Sources = take_any(Sources), Anonymous = min(toint(Anonymous)) by Address;
seen
| join kind=inner listed on $left.IPAddress == $right.Address
"""
#: A detection of the same type on the same address so near is the same.
_SAME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IndicatorReader:
    """Reads sign-ins from listed addresses as risk detections."""

    lake: Lake
    workspace: str
    mappings: Collection[IndicatorMapping]

    def read(self, since: datetime, now: datetime) -> list[RiskDetection]:
        """Return the sign-ins of the last days from addresses of indicators, where an indicator came since."""
        came = RowSpan(now - INDICATORS, now + timedelta(days=1), now + timedelta(seconds=1), since)
        if not query_lake(self.lake, _NEW, self.workspace, span=came):
            return []
        text = _SIGN_INS.format(begin=(now - BEFORE).isoformat(), end=now.isoformat(), before=BEFORE.days)
        rows = query_lake(
            self.lake, text, self.workspace, span=RowSpan(now - INDICATORS, now + timedelta(days=1))
        )
        return [
            _make_risk_detection(row, one, now)
            for row in rows
            for one in self.mappings
            if one.anonymous == bool(row["Anonymous"])
        ]


def drop_known_detections(
    found: Iterable[RiskDetection], others: Collection[RiskDetection]
) -> list[RiskDetection]:
    """Return the detections that no other says already: of the same type, on the same identity and address, within a day."""
    return [
        one
        for one in found
        if not any(
            (other.event_type, other.identity.lower(), other.address)
            == (one.event_type, one.identity.lower(), one.address)
            and abs(other.happened - one.happened) <= _SAME
            and other.id != one.id
            for other in others
        )
    ]


def _make_risk_detection(row: dict[str, object], mapping: IndicatorMapping, now: datetime) -> RiskDetection:
    address, identity = str(row["IPAddress"]), str(row["UserId"])
    happened = datetime.fromisoformat(str(row["TimeGenerated"]))
    country = str(row["Location"] or "")
    sources = row["Sources"]
    by = f" ({', '.join(map(str, sources))})" if isinstance(sources, list) and sources else ""
    threat = f": {row['Threat']}" if row["Threat"] else ""
    return RiskDetection(
        id=compute_detection_id(identity, address, f"{happened:%Y-%m-%d}", mapping.risk_event_type), kind=IdentityKind.USER,
        identity=identity,
        event_type=mapping.risk_event_type, level=mapping.level, timing=mapping.timing, activity=mapping.activity, happened=happened,
        detected=now, updated=now, request=str(row["Id"] or ""), correlation=str(row["CorrelationId"] or ""), address=address,
        location={"countryOrRegion": country} if country else {}, name=str(row["UserPrincipalName"] or ""),
        display_name=str(row["UserDisplayName"] or ""), techniques=["T1078.004"],
        reasons=[f"sign-in from {address}, which threat intelligence lists{by}{threat}"],
    )  # fmt: skip
