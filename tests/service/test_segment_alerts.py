"""Flows that the plan of segments does not allow: a row for each pair of segments, once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.analyze.world import SUB, estate

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.model.read_scope import Reach
from nephoscope.posture.data_gaps.segment_gaps import list_segment_gaps
from nephoscope.protect.segments.segment_plan import SegmentPlanError
from nephoscope.service.local_user import LocalUser
from nephoscope.service.segment_alerts import NOTED, TABLE, assess_segments, write_segment_violation_rows
from nephoscope.service.segment_plans import FILE
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.ingestion.outbox import OutboxRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime.now(UTC).replace(microsecond=0)
PLAN = """
segments:
  web: {addresses: [10.0.1.0/24]}
  data: {addresses: [10.0.2.0/24]}
  office: {addresses: [10.9.0.0/16]}
allowed:
- {from: web, to: data, ports: [1433]}
"""
ESTATE = {
    "vnets": {
        "main": {
            "space": ["10.0.0.0/16"],
            "subnets": {"web": {"prefix": "10.0.1.0/24"}, "db": {"prefix": "10.0.2.0/24"}},
        }
    },
    "vms": {"web1": {"subnet": "main/web", "ip": "10.0.1.4"}, "db1": {"subnet": "main/db", "ip": "10.0.2.4"}},
}
MACHINES = f"{SUB}/resourcegroups/rg/providers/microsoft.compute/virtualmachines"


class SegmentHouse:
    """A data folder with flows and a plan, in which the flows are judged at a time."""

    def __init__(self, state: State, data: Path) -> None:
        self.state, self.data, self.sequence = state, data, 0
        (data / FILE).write_text(PLAN)

    def write(self, *flows: tuple[str, str, int, float], subscription: str = SUB) -> None:
        """Keep flows: source, target, port and how many hours before now."""
        self.sequence += 1
        rows = [
            {
                "TimeGenerated": NOW - timedelta(hours=back), "SrcIp": source, "DestIp": target, "DestPort": port, "Protocol": 6,
                "FlowDirection": "Inbound", "FlowStatus": "Allowed", "FlowState": "E",
                "_SubscriptionId": subscription.rsplit("/", 1)[-1],
            }
            for source, target, port, back in flows
        ]  # fmt: skip
        with Lake.open(self.data, self.state) as lake:
            place = self.state.workspaces.get("default")
            table = to_arrow_rows(lake.tables["AzureFlowLogs"], rows, workspace=place, now=NOW).table
            lake.writer().append("default", {"AzureFlowLogs": table}, producer="test", sequence=self.sequence)
            lake.flush()

    def note(self, hours: float = 0.0) -> int:
        now = NOW + timedelta(hours=hours)
        context = ServiceContext(LocalUser("test"), self.state, self.data, lambda: now)
        return write_segment_violation_rows(context, estate(ESTATE)).rows

    def rows(self) -> list[dict[str, Any]]:
        with self.state.reading() as session:
            found = list(session.query(OutboxRow))
        assert {one.table_name for one in found} <= {TABLE}
        return [row for one in found for row in (one.row if isinstance(one.row, list) else [one.row])]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SegmentHouse]:
    with State.open_folder(tmp_path) as state:
        yield SegmentHouse(state, tmp_path)


FLOWS = (
    ("10.0.1.4", "10.0.2.4", 1433, 1.0),  # allowed
    ("10.0.1.4", "10.0.2.4", 22, 1.0),
    ("10.0.1.4", "10.0.2.4", 22, 2.0),
    ("10.0.1.4", "10.0.2.4", 3389, 1.0),
    ("10.9.0.7", "10.0.2.4", 5432, 1.0),
    ("10.0.1.4", "10.0.1.9", 22, 1.0),  # inside a segment
    ("192.0.2.1", "10.0.2.4", 22, 1.0),  # of no segment
)


def test_a_row_for_each_pair_with_its_edges(house: SegmentHouse) -> None:
    house.write(*FLOWS)
    assert house.note() == 2
    rows = {(row["SourceSegment"], row["TargetSegment"]): row for row in house.rows()}
    assert set(rows) == {("web", "data"), ("office", "data")}
    web, office = rows["web", "data"], rows["office", "data"]
    assert web["Edges"] == ["web1 reached db1 on TCP 22, 2 flows", "web1 reached db1 on TCP 3389, 1 flows"]
    assert (web["Flows"], web["SourceResourceId"], web["TargetResourceId"]) == (
        3,
        f"{MACHINES}/web1",
        f"{MACHINES}/db1",
    )
    assert (web["_ResourceId"], web["_SubscriptionId"]) == (f"{MACHINES}/db1", SUB.rsplit("/", 1)[-1])
    assert (office["Edges"], office["SourceResourceId"]) == (
        ["10.9.0.7 reached db1 on TCP 5432, 1 flows"],
        "",
    )


def test_a_pair_is_told_once_a_day_and_only_of_new_flows(house: SegmentHouse) -> None:
    house.write(("10.0.1.4", "10.0.2.4", 22, 3.0))
    assert [house.note(), house.note(1)] == [1, 0]
    house.write(("10.0.1.4", "10.0.2.4", 80, 1.0))
    assert [house.note(2), house.note(25), house.note(26)] == [0, 1, 0]
    assert [row["Edges"] for row in house.rows()] == [
        ["web1 reached db1 on TCP 22, 1 flows"],
        ["web1 reached db1 on TCP 80, 1 flows"],
    ]


@pytest.mark.full
def test_flows_of_other_subscriptions_decide_nothing(house: SegmentHouse) -> None:
    house.write(*FLOWS, subscription=SUB.replace("1", "2"))
    assert house.note() == 0


@pytest.mark.full
def test_a_pair_that_left_the_plan_is_forgotten(house: SegmentHouse) -> None:
    house.write(*FLOWS)
    house.note()
    (house.data / FILE).write_text("segments: {web: {addresses: [10.0.1.0/24]}}")
    assert house.note() == 0
    assert house.state.checkpoints.all(NOTED) == {}


def test_without_a_plan_nothing_is_judged_and_a_wrong_one_is_an_error(house: SegmentHouse) -> None:
    house.write(*FLOWS)
    (house.data / FILE).unlink()
    assert house.note() == 0
    (house.data / FILE).write_text("segments: {web: {subnet: x}}")
    with pytest.raises(SegmentPlanError, match="subnet"):
        house.note()


@pytest.mark.parametrize(
    ("plan", "facts", "said"),
    [
        (
            "segments: {web: {networks: [x]}}\nallowed: [{from: web, to: other}]",
            ESTATE,
            "no segment is named other",
        ),
        ("segments: [", ESTATE, "while parsing"),
    ],
)
def test_what_cannot_be_judged_is_a_data_gap_until_it_can(
    house: SegmentHouse, plan: str, facts: dict[str, Any], said: str
) -> None:
    context = ServiceContext(LocalUser("test"), house.state, house.data, lambda: NOW)
    (house.data / FILE).write_text(plan)
    faults = assess_segments(context, estate(facts))
    gaps = list_segment_gaps(house.state, Reach(everything=True))
    assert [one.examples for one in gaps] == [(fault,) for fault in faults]
    assert said in faults[0]
    assert gaps[0].remedy.action.startswith("Correct segments.yaml")
    assert list_segment_gaps(house.state, Reach(subscriptions=frozenset({SUB.rsplit("/", 1)[-1]}))) == []
    (house.data / FILE).write_text(PLAN)
    assert assess_segments(context, estate(facts)) == ()
    assert list_segment_gaps(house.state, Reach(everything=True)) == []
