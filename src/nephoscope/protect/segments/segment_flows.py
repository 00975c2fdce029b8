"""Segment flows: observed flows between segments that a plan does not allow."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import is_prefix, parse_prefix
from nephoscope.lake.queries.principal_scope import EVERYTHING
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope_kql.cell_formatting import iterate_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.queries.principal_scope import LakeScope
    from nephoscope.protect.segments.segment_plan import SegmentPlan
    from nephoscope.protect.segments.segment_violations import SegmentMember

#: Edges that are read at most.
MOST_EDGES = 1_000_000
#: A flow log may be so late.
_LATE = timedelta(days=1)
#: The first and last session of some days, whatever became of it.
SPAN_QUERY = "_Im_NetworkSession(starttime=ago({days}d)) | summarize min(TimeGenerated), max(TimeGenerated)"
#: Allowed flows of some days, as ASIM has them, at most so many edges.
QUERY = f"""_Im_NetworkSession(starttime=ago({{days}}d), eventresult='Success')
| where NetworkProtocol in ('TCP', 'UDP') and isnotnull(DstPortNumber)
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Flows = sum(EventCount)
    by Source = SrcIpAddr, Target = DstIpAddr, Port = DstPortNumber, Protocol = tolower(NetworkProtocol)
| take {MOST_EDGES}"""


class LoggedFlow(msgspec.Struct, frozen=True):
    """An edge of the logs."""

    source: str
    target: str
    port: int
    protocol: str
    first: datetime
    last: datetime
    flows: int


class FlowViolation(msgspec.Struct, frozen=True):
    """A flow that was observed and that the plan does not allow, with the names and ids of machines ('' = none)."""

    source_segment: str
    target_segment: str
    source_name: str
    target_name: str
    flow: LoggedFlow
    source_machine: str = ""
    target_machine: str = ""

    @property
    def text(self) -> str:
        """Name source, target and port."""
        source, target = self.source_name or self.flow.source, self.target_name or self.flow.target
        return f"{source} reached {target} on {self.flow.protocol.upper()} {self.flow.port}"


def read_flows(
    lake: Lake,
    days: int,
    scope: LakeScope = EVERYTHING,
    workspace: str = DEFAULT,
    now: datetime | None = None,
) -> list[LoggedFlow]:
    """Return the edges of the logs of some days until now."""
    rows = iterate_rows(lake.rows(QUERY.format(days=days), scope=scope, workspace=workspace, now=now))
    return [
        LoggedFlow(source, target, port, protocol, read_time(first), read_time(last), count)
        for source, target, port, protocol, first, last, count in rows
    ]


def read_span(
    lake: Lake,
    days: int,
    scope: LakeScope = EVERYTHING,
    workspace: str = DEFAULT,
    now: datetime | None = None,
) -> tuple[datetime | None, datetime | None]:
    """Return when the first and the last session of the logs of some days until now were, None for both where there is none."""
    rows = lake.rows(SPAN_QUERY.format(days=days), scope=scope, workspace=workspace, now=now)
    ((begin, end),) = iterate_rows(rows)
    return (None, None) if begin is None or end is None else (read_time(begin), read_time(end))


def read_time(ticks: int) -> datetime:
    """Return the time of a cell."""
    return datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)


def list_missing_flows(
    now: datetime, days: int, first: datetime | None, last: datetime | None, edges: int
) -> Iterator[str]:
    """Yield what of some days until now no flow log shows, by the first and last session of them and the edges that were read."""
    if first is None or last is None:
        yield f"any flow log of the last {days} days"
        return
    if first > now - timedelta(days=days) + _LATE:
        yield f"flow logs before {first:%Y-%m-%d}"
    if last < now - _LATE:
        yield f"flow logs since {last:%Y-%m-%d}"
    if edges >= MOST_EDGES:
        yield f"edges beyond the first {MOST_EDGES:,}"


class _AddressIndex:
    """Address -> the segments that have it, each with the name and the id of the machine."""

    def __init__(self, members: Mapping[str, Sequence[SegmentMember]]) -> None:
        self._entries: dict[int, list[tuple[int, int, str, str, str]]] = {}
        for family in (4, 6):
            self._entries[family] = sorted(
                (low, high, segment, one.name, one.machine)
                for segment, several in members.items()
                for one in several
                for low, high in one.addresses.get_intervals(family)
            )
        self._starts = {family: [one[0] for one in several] for family, several in self._entries.items()}
        self._widest = {
            family: max((high - low for low, high, *_ in several), default=0)
            for family, several in self._entries.items()
        }

    def find(self, address: str) -> Iterator[tuple[str, str, str]]:
        if not is_prefix(address):
            return
        family, (value, _) = parse_prefix(address)
        place = bisect_right(self._starts[family], value) - 1
        while place >= 0 and value - self._starts[family][place] <= self._widest[family]:
            low, high, segment, name, machine = self._entries[family][place]
            if low <= value <= high:
                yield segment, name, machine
            place -= 1


def find_flow_violations(
    plan: SegmentPlan, members: Mapping[str, Sequence[SegmentMember]], flows: Iterable[LoggedFlow]
) -> Iterator[FlowViolation]:
    """Yield the flows between two segments that the plan does not allow."""
    index = _AddressIndex(members)
    allowed: dict[tuple[str, str, str], tuple[tuple[int, int], ...]] = {}
    for flow in flows:
        for source, source_name, source_machine in index.find(flow.source):
            for target, target_name, target_machine in index.find(flow.target):
                key = (source, target, flow.protocol)
                if source == target:
                    continue
                if key not in allowed:
                    allowed[key] = plan.list_allowed_ports(*key)
                if not any(low <= flow.port <= high for low, high in allowed[key]):
                    yield FlowViolation(
                        source, target, source_name, target_name, flow, source_machine, target_machine
                    )
