"""Segment alerts: a lake row for each pair of segments between which flows pass that the plan of segments does not allow."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.estate_view import EstateView
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.estate_scope import grant_full_reach
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.posture.data_gaps.segment_gaps import keep_segment_gaps
from nephoscope.protect.segments.segment_flows import FlowViolation, find_flow_violations, read_flows
from nephoscope.protect.segments.segment_plan import SegmentPlanError, parse_segment_plan
from nephoscope.protect.segments.segment_violations import select_members
from nephoscope.service.segment_plans import FILE
from nephoscope.state import StateError
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.estate.estate import Estate
    from nephoscope.protect.segments.segment_plan import SegmentPlan
    from nephoscope.service.service_context import ServiceContext

TABLE = "NetworkSegmentViolations_CL"
#: Checkpoints: when a pair had its row, and the last flow of that, by tenant and pair.
NOTED = "segment-violations-noted"
#: Days of flows that are read; a flow log may be a day late.
_DAYS = 2
#: A pair whose flows go on has another row after this time.
_AGAIN = timedelta(days=1)
#: Edges that a row lists.
MOST_EDGES = 20


class NotedPair(msgspec.Struct, frozen=True):
    """A pair that has a row: the time of that and of the last flow until then."""

    noted: datetime
    last: datetime


class NotedViolations(msgspec.Struct, frozen=True):
    """The number of rows that were written, and what of the machines was not collected."""

    rows: int
    missing: tuple[str, ...] = ()


def write_segment_violation_rows(context: ServiceContext, estate: Estate) -> NotedViolations:
    """Write a row for each pair of segments with flows that the plan does not allow and that no row of the last day tells of.

    Without a plan in the data folder nothing is judged. Raises SegmentPlanError, OSError, StateError and LakeError.
    """
    file = context.data / FILE
    if not file.exists():
        return NotedViolations(0)
    plan = parse_segment_plan(file.read_bytes())
    members, missing = select_members(plan, EstateView(estate, context.now))
    ids = frozenset(one.rsplit("/", 1)[-1].lower() for one in estate.subscriptions)
    scope = LakeScope(ids, estate=grant_full_reach)
    with Lake.open(context.data, context.state) as lake:
        flows = [
            one
            for workspace in context.state.workspaces.names()
            for one in read_flows(lake, _DAYS, scope, workspace, context.now)
        ]
    pairs: defaultdict[tuple[str, str], list[FlowViolation]] = defaultdict(list)
    for one in find_flow_violations(plan, members, flows):
        pairs[one.source_segment, one.target_segment].append(one)
    return NotedViolations(_write_rows(context, plan, estate.tenant, pairs), tuple(dict.fromkeys(missing)))


def assess_segments(context: ServiceContext, estate: Estate) -> tuple[str, ...]:
    """Write the rows as `write_segment_violation_rows`; what prevented it, or was missing, is kept as data gaps, and returned."""
    try:
        noted = write_segment_violation_rows(context, estate)
        faults = tuple(f"{what} was not collected" for what in noted.missing)
    except (SegmentPlanError, StateError, LakeError, KqlError, OSError) as error:
        faults = (str(error),)
    try:
        keep_segment_gaps(context.state, estate.tenant, faults)
    except StateError as error:
        faults = (*faults, f"the data gap was not stored: {error}")
    return faults


def _write_rows(
    context: ServiceContext,
    plan: SegmentPlan,
    tenant: str,
    pairs: defaultdict[tuple[str, str], list[FlowViolation]],
) -> int:
    state, now = context.state, context.now
    known = {
        key: msgspec.convert(value, NotedPair)
        for key, value in state.checkpoints.all(NOTED).items()
        if key.startswith(f"{tenant} ")
    }
    rows: list[tuple[str, dict[str, object]]] = []
    noted: dict[str, object] = {}
    for (source, target), several in pairs.items():
        key = f"{tenant} {source} > {target}"
        before = known.get(key)
        fresh = [one for one in several if before is None or one.flow.last > before.last]
        if fresh and (before is None or now - before.noted >= _AGAIN):
            rows.append((TABLE, _build_row(context, fresh)))
            noted[key] = msgspec.to_builtins(NotedPair(now, max(one.flow.last for one in fresh)))
    kept = {f"{tenant} {one} > {other}" for one in plan.segments for other in plan.segments}
    gone = known.keys() - kept
    if rows or gone:
        with state.transaction(product="network segments") as session:
            state.outbox.add_many(session, DEFAULT, rows)
            state.checkpoints.keep(session, NOTED, noted)
            for key in gone:
                state.checkpoints.drop(session, NOTED, key)
    return len(rows)


def _build_row(context: ServiceContext, several: Sequence[FlowViolation]) -> dict[str, object]:
    """The row of a pair; in no subscription where its machines are in several, so that no reader of one alone sees it."""
    ordered = sorted(several, key=lambda one: -one.flow.flows)
    top = ordered[0]
    machines = {id_ for one in ordered for id_ in (one.source_machine, one.target_machine) if id_}
    subscriptions = {one.split("/")[2] for one in machines}
    own = subscriptions.pop() if len(subscriptions) == 1 else ""
    targets = {one.target_machine for one in ordered}
    return {
        "TimeGenerated": context.now.isoformat(),
        "SourceSegment": top.source_segment,
        "TargetSegment": top.target_segment,
        "Flows": sum(one.flow.flows for one in ordered),
        "Edges": [f"{one.text}, {one.flow.flows} flows" for one in ordered[:MOST_EDGES]],
        "EdgeCount": len(ordered),
        "FirstFlow": min(one.flow.first for one in ordered).isoformat(),
        "LastFlow": max(one.flow.last for one in ordered).isoformat(),
        "SourceAddress": top.flow.source,
        "SourceResourceId": top.source_machine,
        "TargetAddress": top.flow.target,
        "TargetResourceId": top.target_machine,
        "Type": TABLE,
        "_ResourceId": top.target_machine if own and len(targets) == 1 else "",
        "_SubscriptionId": own,
    }
