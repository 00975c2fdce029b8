"""Observed traffic: allowed inbound flows of up to 60 days from flow logs and traffic analytics, and known bad sources."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import FileAggregate, LogNotReceivedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nephoscope.estate.estate_view import EstateView

FLOWS, ANALYTICS = "AzureFlowLogs", "NTANetAnalytics"
INDICATORS, OLD_INDICATORS = "ThreatIntelIndicators", "ThreatIntelligenceIndicator"
TABLES = (FLOWS, ANALYTICS, INDICATORS, OLD_INDICATORS)
#: Days that are looked back; what hardening needs at least is in `window`.
LOOK_BACK = 60
#: Refused attempts from which on a source counts as a scanner.
SCANNER_DENIALS = 20
_PROTOCOLS = {6: "tcp", 17: "udp"}


class ObservedFlow(msgspec.Struct, frozen=True):
    """Allowed flows of one source to a port: times, days and number, and bytes of a flow both ways and back (None = not logged)."""

    source: str
    address: str
    target: str
    protocol: str
    port: int
    first: datetime
    last: datetime
    days: int
    flows: int
    bytes: int | None = None
    back: int | None = None


class LogWindow(msgspec.Struct, frozen=True):
    """The time from which to which a flow log has rows, and the days on which it has some."""

    first: datetime
    last: datetime
    days: frozenset[date] = frozenset()

    def __or__(self, other: LogWindow) -> LogWindow:
        """Return the window of both."""
        return LogWindow(min(self.first, other.first), max(self.last, other.last), self.days | other.days)

    def list_missing_days(self, until: date, count: int) -> list[date]:
        """List those of so many days before a day that have no row."""
        asked = (until - timedelta(days=back) for back in range(count, 0, -1))
        return [one for one in asked if one not in self.days]


class ObservedTraffic(msgspec.Struct, frozen=True, dict=True):
    """Flows, the windows of the resources that have flow logs (lower-cased ids), and the sources that are known as bad or scan."""

    flows: tuple[ObservedFlow, ...]
    windows: Mapping[str, LogWindow]
    scanners: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    listed_ranges: AddressSet = AddressSet()
    has_indicators: bool = False

    @cached_property
    def by_address(self) -> Mapping[str, Sequence[ObservedFlow]]:
        """Private address -> the flows to it, of every network that has the address."""
        found: dict[str, list[ObservedFlow]] = {}
        for one in self.flows:
            found.setdefault(one.address, []).append(one)
        return found

    def is_listed_address(self, address: str) -> bool:
        """Return whether threat intelligence lists an address."""
        return address in self.listed or address in self.listed_ranges


_KEY = "SrcIp, DestIp, DestPort, Protocol, TargetResourceId"
_SUMS = "First = min(First), Last = max(Last), Flows = sum(Flows), Bytes = max(Bytes), Back = max(Back)"
_MERGE = f"""Groups
| where Day >= ago({LOOK_BACK}d)
| summarize {_SUMS}, Days = dcount(Day) by {_KEY}"""
_RAW = FileAggregate(
    FLOWS,
    f"""{FLOWS}
| where FlowDirection =~ 'Inbound' and FlowStatus =~ 'Allowed' and Protocol in (6, 17)
| summarize First = min(TimeGenerated), Last = max(TimeGenerated),
    Flows = max_of(countif(FlowState == 'E'), countif(FlowState !in ('C', 'E'))),
    Bytes = max(BytesSrcToDest + BytesDestToSrc), Back = max(BytesDestToSrc) by Day = bin(TimeGenerated, 1d), {_KEY}""",
    _MERGE,
)
#: Traffic analytics sums the flows of an hour, and lists public sources: bytes are those of a flow on average.
_SUMMED = FileAggregate(
    ANALYTICS,
    f"""{ANALYTICS}
| where SubType =~ 'FlowLog' and FlowDirection =~ 'Inbound' and FlowStatus =~ 'Allowed' and L4Protocol in ('T', 'U')
| project TimeGenerated = coalesce(FlowStartTime, TimeGenerated), SrcIp, SrcPublicIps, DestIp, DestPort, L4Protocol, TargetResourceId,
    AllowedInFlows, BytesSrcToDest, BytesDestToSrc
| mv-expand Public = split(SrcPublicIps, ' ') to typeof(string)
| extend Part = split(Public, '|')
| extend SrcIp = iff(isempty(Public), SrcIp, tostring(Part[0])), Flows = iff(isempty(Public), AllowedInFlows, tolong(Part[1])),
    Out = iff(isempty(Public), BytesSrcToDest, tolong(Part[5])), In = iff(isempty(Public), BytesDestToSrc, tolong(Part[6]))
| extend Each = max_of(coalesce(Flows, 1), 1), Protocol = iff(L4Protocol == 'T', 6, 17)
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Flows = sum(coalesce(Flows, 0)), Bytes = max((Out + In) / Each),
    Back = max(In) by Day = bin(TimeGenerated, 1d), {_KEY}""",
    _MERGE,
)
_SPAN = "summarize First = min(TimeGenerated), Last = max(TimeGenerated) by TargetResourceId, Day = bin(TimeGenerated, 1d)"
_SPANS = f"""Groups
| where Day >= ago({LOOK_BACK + 1}d)
| summarize First = min(First), Last = max(Last) by TargetResourceId, Day"""
_RAW_WINDOWS = FileAggregate(FLOWS, f"{FLOWS} | {_SPAN}", _SPANS)
_SUMMED_WINDOWS = FileAggregate(ANALYTICS, f"{ANALYTICS} | where SubType =~ 'FlowLog' | {_SPAN}", _SPANS)
_DENIALS = f"Groups | summarize Denied = sum(Denied) by SrcIp | where Denied >= {SCANNER_DENIALS}"
_RAW_DENIALS = FileAggregate(
    FLOWS,
    f"{FLOWS} | where FlowDirection =~ 'Inbound' and FlowStatus =~ 'Denied' | summarize Denied = count() by SrcIp",
    _DENIALS,
)
_SUMMED_DENIALS = FileAggregate(
    ANALYTICS,
    f"""{ANALYTICS}
| where SubType =~ 'FlowLog' and FlowDirection =~ 'Inbound' and FlowStatus =~ 'Denied' and isnotempty(SrcPublicIps)
| mv-expand Public = split(SrcPublicIps, ' ') to typeof(string)
| summarize Denied = sum(coalesce(tolong(split(Public, '|')[1]), 1)) by SrcIp = tostring(split(Public, '|')[0])""",
    _DENIALS,
)
_LISTED = {
    INDICATORS: f"""{INDICATORS}
| where ObservableKey in~ ('ipv4-addr:value', 'ipv6-addr:value', 'network-traffic:src_ref.value', 'network-traffic:dst_ref.value')
| summarize arg_max(TimeGenerated, IsActive, Confidence, ValidUntil, Revoked) by Id, Listed = tolower(ObservableValue)
| where IsActive and not(coalesce(Revoked, false)) and coalesce(ValidUntil, now()) >= now() and coalesce(tolong(Confidence), 50) >= 50
| distinct Listed""",
    OLD_INDICATORS: f"""{OLD_INDICATORS}
| extend Listed = tolower(coalesce(NetworkIP, NetworkSourceIP, NetworkDestinationIP, NetworkCidrBlock))
| where isnotempty(Listed)
| summarize arg_max(TimeGenerated, Active, ConfidenceScore, ExpirationDateTime) by IndicatorId, Listed
| where Active and coalesce(ExpirationDateTime, now()) >= now() and coalesce(ConfidenceScore, 50.0) >= 50
| distinct Listed""",
}


def read_traffic(view: EstateView) -> ObservedTraffic:
    """Read what flow logs and threat intelligence say; DataNotCollectedError where there is no flow log, or a table cannot be read."""
    raw, summed = _query_aggregate(view, _RAW), _query_aggregate(view, _SUMMED)
    if raw is None and summed is None:
        raise DataNotCollectedError(f"rows of {FLOWS} or {ANALYTICS}")
    windows: dict[str, LogWindow] = {}
    for row in [
        *(_query_aggregate(view, _RAW_WINDOWS) or ()),
        *(_query_aggregate(view, _SUMMED_WINDOWS) or ()),
    ]:
        _widen_log_windows(windows, row)
    denied = [*(_query_aggregate(view, _RAW_DENIALS) or ()), *(_query_aggregate(view, _SUMMED_DENIALS) or ())]
    listed = [
        found for found in (_query_rows(view, _LISTED[table]) for table in _LISTED) if found is not None
    ]
    texts = frozenset(str(row["Listed"]) for rows in listed for row in rows)
    return ObservedTraffic(
        tuple(_join_flows([*(raw or ()), *(summed or ())])),
        windows,
        frozenset(str(row["SrcIp"]) for row in denied),
        frozenset(one for one in texts if "/" not in one),
        AddressSet.of(one for one in texts if "/" in one and is_prefix(one)),
        bool(listed),
    )


def _query_aggregate(view: EstateView, asked: FileAggregate) -> list[dict[str, object]] | None:
    """The rows of an aggregate, None where no row of its table ever came in."""
    try:
        return view.aggregate(asked)
    except LogNotReceivedError:
        return None


def _query_rows(view: EstateView, text: str) -> list[dict[str, object]] | None:
    try:
        return view.query(text)
    except LogNotReceivedError:
        return None


class _FlowRow(msgspec.Struct, frozen=True):
    """A row of the aggregates."""

    SrcIp: str
    DestIp: str
    DestPort: int
    Protocol: int
    TargetResourceId: str
    First: datetime
    Last: datetime
    Days: int
    Flows: int | None
    Bytes: int | None
    Back: int | None


def _join_flows(rows: Iterable[dict[str, object]]) -> Iterable[ObservedFlow]:
    """One flow an edge: raw flow logs and traffic analytics may both tell of it."""
    found: dict[tuple[str, str, int, int, str], ObservedFlow] = {}
    for row in msgspec.convert([*rows], list[_FlowRow]):
        target = row.TargetResourceId.lower()
        key = (row.SrcIp, row.DestIp, row.DestPort, row.Protocol, target)
        one = ObservedFlow(
            row.SrcIp, row.DestIp, target, _PROTOCOLS[row.Protocol], row.DestPort, row.First, row.Last, row.Days,
            row.Flows or 0, row.Bytes, row.Back,
        )  # fmt: skip
        found[key] = _merge_observed_flows(found[key], one) if key in found else one
    return found.values()


def _merge_observed_flows(one: ObservedFlow, other: ObservedFlow) -> ObservedFlow:
    return msgspec.structs.replace(
        one,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        days=max(one.days, other.days),
        flows=max(one.flows, other.flows),
        bytes=_choose_largest(one.bytes, other.bytes),
        back=_choose_largest(one.back, other.back),
    )


def _choose_largest(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _widen_log_windows(windows: dict[str, LogWindow], row: dict[str, object]) -> None:
    found = msgspec.convert(row, _LoggedDay)
    window = LogWindow(found.First, found.Last, frozenset((found.Day.date(),)))
    key = found.TargetResourceId.lower()
    windows[key] = windows[key] | window if key in windows else window


class _LoggedDay(msgspec.Struct, frozen=True):
    TargetResourceId: str
    Day: datetime
    First: datetime
    Last: datetime


def measure_age(window: LogWindow, now: datetime) -> timedelta:
    """The time that a flow log reaches back, up to what is looked at."""
    return min(now - window.first, timedelta(days=LOOK_BACK))
