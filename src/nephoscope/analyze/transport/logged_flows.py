"""Logged flows: those to a port, those that were not encrypted, and which networks have flow logs at all."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.transport.log_ages import find_bound, require_recent
from nephoscope.analyze.transport.logged_requests import DAYS
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import FileAggregate, LogNotReceivedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.evaluation_clock import NotedClock

RAW, SUMMED = "AzureFlowLogs", "NTANetAnalytics"
TABLES = (RAW, SUMMED)
_RECENT = f"Groups | where Day > ago({DAYS}d)"


class FlowGroup(msgspec.Struct, frozen=True):
    """Flows of a source to an address in the log of a resource (lower-cased id): how they were encrypted, how many, and when last."""

    target: str
    source: str
    address: str
    encryption: str
    flows: int
    last: datetime


def _build_flow_aggregate(table: str, where: str, count: str) -> FileAggregate:
    """Allowed flows that a condition picks, by their ends."""
    key = "TargetResourceId, SrcIp, DestIp, FlowEncryption"
    return FileAggregate(
        table,
        f"""{table}
| where FlowStatus =~ 'Allowed' and ({where})
| summarize Flows = {count}, Last = max(TimeGenerated) by Day = bin(TimeGenerated, 1d), {key}""",
        f"{_RECENT} | summarize Flows = sum(Flows), Last = max(Last) by {key}",
    )


#: A flow is in the raw log once for each time that it is reported: its end, or its only row, counts.
_RAW_COUNT = "max_of(countif(FlowState == 'E'), countif(FlowState == 'B'), 1)"
_SUMMED_COUNT = "sum(coalesce(AllowedInFlows, 0) + coalesce(AllowedOutFlows, 0))"


def read_flows_to(view: EstateView, port: int) -> list[FlowGroup]:
    """Read the allowed TCP flows of the last days to a port. Raises DataNotCollectedError where there are no flow logs."""
    raw = _build_flow_aggregate(RAW, f"DestPort == {port} and Protocol == 6", _RAW_COUNT)
    return _read_flow_groups(
        view, raw, _build_flow_aggregate(SUMMED, f"DestPort == {port} and L4Protocol =~ 'T'", _SUMMED_COUNT)
    )


def read_clear_flows(view: EstateView) -> list[FlowGroup]:
    """Read the flows between private addresses that a network did not encrypt. Raises DataNotCollectedError."""
    clear = "FlowEncryption !in ('Encrypted', '') and ipv4_is_private(SrcIp) and ipv4_is_private(DestIp)"
    return _read_flow_groups(
        view,
        _build_flow_aggregate(RAW, clear, _RAW_COUNT),
        _build_flow_aggregate(SUMMED, clear, _SUMMED_COUNT),
    )


def read_logged_targets(view: EstateView) -> Mapping[str, tuple[int, datetime]]:
    """Read which resources (lower-cased ids) have flow logs that tell of encryption: rows that say so, and the last time."""

    def spans(table: str) -> FileAggregate:
        return FileAggregate(
            table,
            f"""{table}
| summarize Encrypted = countif(isnotempty(FlowEncryption)), Last = max(TimeGenerated)
    by TargetResourceId, Day = bin(TimeGenerated, 1d)""",
            f"{_RECENT} | summarize Encrypted = sum(Encrypted), Last = max(Last) by TargetResourceId",
        )

    found: dict[str, tuple[int, datetime]] = {}
    for row in _read_rows(view, spans(RAW), spans(SUMMED)):
        row_count, last = row["Encrypted"], row["Last"]
        if isinstance(row_count, int) and isinstance(last, datetime):
            key = str(row["TargetResourceId"]).lower()
            before = found.get(key, (0, last))
            found[key] = before[0] + row_count, max(before[1], last)
    return found


def require_recent_flows(network: str, last: datetime, clock: NotedClock) -> None:
    """Raise DataNotCollectedError, cause stale, where the last row of a flow log is too old to tell what happened since."""
    require_recent(f"flow log of {network}", RAW, last, clock)


def is_recent(last: datetime, clock: NotedClock) -> bool:
    """Return whether a flow log whose last row is of a time still says something."""
    return not clock.is_older(last, find_bound(RAW))


def _read_flow_groups(view: EstateView, *asked: FileAggregate) -> list[FlowGroup]:
    return [
        FlowGroup(
            str(row["TargetResourceId"]).lower(),
            str(row["SrcIp"]),
            str(row["DestIp"]),
            str(row["FlowEncryption"]),
            flows,
            last,
        )
        for row in _read_rows(view, *asked)
        if isinstance(flows := row["Flows"], int) and isinstance(last := row["Last"], datetime)
    ]


def _read_rows(view: EstateView, *asked: FileAggregate) -> list[dict[str, object]]:
    """The rows of all aggregates. Raises DataNotCollectedError where no table has rows, or one cannot be read."""
    found: list[dict[str, object]] = []
    gaps = []
    for one in asked:
        try:
            found += view.aggregate(one)
        except LogNotReceivedError as gap:
            gaps.append(gap)
    if len(gaps) == len(asked):
        raise DataNotCollectedError("rows of AzureFlowLogs or NTANetAnalytics", gaps[0].cause)
    return found
