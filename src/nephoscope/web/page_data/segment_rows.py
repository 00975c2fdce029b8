"""Segment rows: what is open or was observed between two segments against the plan, each as a row of one list; and the matrix."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.exposure.address_text import format_addresses, format_ports
from nephoscope.protect.segments.segment_flows import FlowViolation, find_flow_violations, read_flows
from nephoscope.web.visits.request_context import LOGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.protect.segments.segment_plan import SegmentPlan
    from nephoscope.protect.segments.segment_violations import SegmentViolation
    from nephoscope.service.segment_plans import TenantSegments
    from nephoscope.web.visits.request_context import Visit

OPEN, OBSERVED = "Open", "Observed"


class SegmentRow(msgspec.Struct, frozen=True):
    """Traffic between two segments that the plan does not allow: `evidence` are the rules that let it, or the flows."""

    kind: str
    source_segment: str
    target_segment: str
    source: str
    target: str
    target_id: str
    ports: str
    evidence: str
    last: datetime | None = None

    @property
    def key(self) -> str:
        """Name the row in an address."""
        text = "\n".join(
            (self.kind, self.source_segment, self.target_segment, self.source, self.target, self.ports)
        )
        return blake2b(text.encode(), digest_size=8).hexdigest()


class MatrixCell(msgspec.Struct, frozen=True):
    """A pair of segments: the flows that the plan allows, in words, and the number of rows that it does not."""

    source: str
    target: str
    allowed: tuple[str, ...]
    violations: int


def list_open(several: Sequence[TenantSegments]) -> Iterator[SegmentRow]:
    """Yield what the rules let through."""
    for one in several:
        yield from map(_show_opening, one.analysis.violations)


def _show_opening(one: SegmentViolation) -> SegmentRow:
    rules = ", ".join("/".join(rule.split("/")[-3::2]) for rule in one.rules)
    return SegmentRow(
        OPEN,
        one.source_segment,
        one.target_segment,
        one.source.name or format_addresses(one.source.addresses),
        one.target.name,
        one.target.machine,
        f"{one.protocol.upper()} {format_ports(one.ports)}",
        rules or "no network security group",
    )


def list_observed_flows(
    visit: Visit, plan: SegmentPlan, several: Sequence[TenantSegments], days: int
) -> Iterator[SegmentRow]:
    """Yield the flows of the workspaces that the visitor may read."""
    for workspace in visit.workspaces(LOGS):
        flows = read_flows(visit.instance.lake, days, visit.rows(workspace), workspace, visit.instance.now)
        for one in several:
            yield from map(_show_flow, find_flow_violations(plan, one.analysis.members, flows))


def _show_flow(one: FlowViolation) -> SegmentRow:
    flow = one.flow
    return SegmentRow(
        OBSERVED,
        one.source_segment,
        one.target_segment,
        one.source_name or flow.source,
        one.target_name or flow.target,
        one.target_machine,
        f"{flow.protocol.upper()} {flow.port}",
        f"{flow.flows:,} flow{'' if flow.flows == 1 else 's'}",
        flow.last,
    )


def build_matrix(plan: SegmentPlan, rows: Sequence[SegmentRow]) -> list[tuple[str, list[MatrixCell]]]:
    """Return a line for each segment that flows come from, with a cell for each that they go to."""
    counts = Counter((one.source_segment, one.target_segment) for one in rows)
    return [
        (
            source,
            [
                MatrixCell(
                    source,
                    target,
                    tuple(_describe_allowed_flows(plan, source, target)),
                    counts[source, target],
                )
                for target in plan.segments
            ],
        )
        for source in plan.segments
    ]


def _describe_allowed_flows(plan: SegmentPlan, source: str, target: str) -> Iterator[str]:
    for one in plan.allowed:
        if (one.source, one.target) == (source, target):
            ports = format_ports(one.list_port_intervals()) if one.ports else "all ports"
            yield f"{'TCP and UDP' if one.protocol == '*' else one.protocol.upper()} {ports}"
