"""The morning page: figures with their causes, what moved since yesterday and by what, and alerts over time."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from datetime import timedelta

import pytest
from tests.web.conftest import LATELY, LONG, NOON, alert

from nephoscope.instance import FAILED, PROGRESS
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.history.evaluation_diff import ChangeKind, FindingChange
from nephoscope.posture.history.finding_changes import FindingMoves
from nephoscope.posture.history.history import EvaluationRecord
from nephoscope.server_status import ASSESSING, LOOP, WELL, ProcessStatus, ServerStatus
from nephoscope.state.incidents.alert_counts import count_by_time
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.state.incidents.incident_counts import count_alerts, count_incidents
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.state.incidents.incidents import Incident, IncidentStatus
from nephoscope.state.ingestion.source_health import Arrival
from nephoscope.state.ingestion.sources import Source
from nephoscope.web.page_data import assessment_progress
from nephoscope.web.page_data.assessment_progress import STALE, UNFINISHED
from nephoscope.web.rendering.stacked_columns import stack_columns
from nephoscope_policy.model.state import ComplianceState


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())


@pytest.fixture
def moved(instance, monkeypatch):
    """A day in which one finding came and one went, and a control lost points."""
    snapshot = instance.snapshots.load_newest()
    first, second = (one.recommendation for one in snapshot.findings.tallies(EVERYTHING)[:2])
    records = [
        EvaluationRecord(
            id_, "s", NOON + timedelta(hours=at), share, 1, 2, "", "", "", "[]", {"Enable MFA": points}, 0
        )
        for at, (id_, share, points) in enumerate([("a", 0.7, 4.0), ("b", 0.65, 2.5)])
    ]
    changes = (
        FindingChange(ChangeKind.NEW, LONG, first, None, ComplianceState.NON_COMPLIANT),
        FindingChange(
            ChangeKind.FIXED, LONG, second, ComplianceState.NON_COMPLIANT, ComplianceState.COMPLIANT
        ),
    )
    moves = FindingMoves(records[0], records[1], changes)
    for module in ("overview", "changes"):
        monkeypatch.setattr(f"nephoscope.web.pages.{module}.read_moves", lambda _: moves)
    return moves


def test_why_the_score_moved_opens_the_findings(owner, moved):
    page = owner.get("/").text
    assert re.search(r"-5\.0 percentage points since .*: Enable MFA -1\.5", plain(page))
    assert 'href="/changes?control=Enable+MFA"' in page
    assert re.search(r"1 new finding .* 1 finding resolved", plain(page))
    changes = plain(owner.get("/changes").text)
    assert "-5.0 percentage points, from 70.0 to 65.0 %" in changes
    assert "-1.5 Enable MFA" in changes
    assert "Show 2 findings" in changes
    assert "New findings 1" in changes


@pytest.mark.parametrize(
    ("asked", "count"), [("", 2), ("kind=new", 1), ("kind=removed", 0), ("control=Nothing", 0)]
)
def test_changes_are_narrowed_by_the_address(owner, moved, asked, count):
    rows = list(csv.DictReader(io.StringIO(owner.get(f"/changes?format=csv&{asked}").text)))
    assert len(rows) == count
    if count == 1:
        assert (rows[0]["Resource"], rows[0]["Change"], rows[0]["Now"]) == (LONG, "new finding", "Unhealthy")


def test_the_score_is_of_the_whole_estate(owner, moved, sandbox):
    page = plain(owner.get("/", params={"scope": sandbox}).text)
    assert "percentage points" not in page
    assert "Its history is kept for the whole estate." in page
    assert (
        owner.get("/changes", params={"scope": sandbox, "format": "csv", "table": "controls"}).text.count(
            "\n"
        )
        == 1
    )


def test_open_incidents_are_counted_with_their_owners_and_alerts(instance, owner):
    database = instance.state.database
    with instance.state.transaction() as session:
        made = [
            instance.state.incidents.put(
                session,
                Incident("default", "Another", "", "Low", NOON, NOON, NOON, NOON, owner=name, status=status),
            )
            for name, status in (
                ("ada", IncidentStatus.NEW),
                ("", IncidentStatus.ACTIVE),
                ("", IncidentStatus.CLOSED),
            )
        ]
        instance.state.alerts.put(session, alert("0a000000-0000-0000-0000-00000000000b", made[0].number))
    found = count_incidents(database, "default", IncidentFilter(frozenset({"New", "Active"})))
    assert {(one.severity, one.owned): one.count for one in found if one.severity == "Low"} == {
        ("Low", True): 1,
        ("Low", False): 1,
    }
    assert count_alerts(database, [one.number for one in made]) == {made[0].number: 1}
    page = plain(owner.get("/").text)
    assert re.search(r"Open incidents 3 2 unassigned, oldest .* 1 high , 2 low", page)


def test_alerts_are_counted_by_time_and_severity(instance):
    state, edges = instance.state, [LATELY, LATELY + timedelta(minutes=1), LATELY + timedelta(hours=2)]
    found = count_by_time(state.database, state.alerts, "default", AlertFilter(), edges)
    assert set(found) == {(1, "High")}
    assert sum(found.values()) == state.alerts.count("default", AlertFilter())
    page = state.alerts
    assert page.count("default", AlertFilter(since=LATELY)) == found[1, "High"]


def test_alerts_over_time_are_drawn_for_who_may_read_them(owner, visitor, sandbox):
    assert re.search(r'aria-label="\d+ alerts? over time: \d+ high"', owner.get("/").text)
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    assert "over time" not in reader.get("/").text


@pytest.mark.parametrize(
    ("most", "high"),
    [(0, 2), (1, 2), (3, 4), (7, 8), (9, 10), (12, 12), (13, 16), (70, 80), (101, 120)],
)
def test_the_axis_ends_at_an_even_number(most, high):
    columns = stack_columns(("High", "Low"), [(most, 0), (0, 0)])
    assert (columns.middle, columns.high) == (high // 2, high)
    assert len(columns.groups) == (1 if most else 0)


def test_a_source_that_sent_nothing_yet_is_not_said_to_be_well(instance, owner):
    def count_waiting() -> int:
        found = re.search(
            r"Silent sources \d+ of \d+ (\d+) sources? sent nothing yet\.", plain(owner.get("/").text)
        )
        return int(found[1]) if found else 0

    sources, before = instance.state.sources, count_waiting()
    sources.add(Source("fresh", "syslog", {"udp": "127.0.0.1:5514"}))
    try:
        assert count_waiting() == before + 1
        instance.state.source_health.count_arrivals("fresh", [Arrival("Syslog", 2)], instance.now)
        assert count_waiting() == before
    finally:
        sources.remove("fresh")


@pytest.mark.parametrize("path", ["/", "/gaps"])
@pytest.mark.parametrize(
    ("pid", "failures", "age", "told"),
    [
        (0, 4, 0.0, True),
        (0, LOOP - 1, 0.0, False),
        # it runs: it has not run long enough to have started well, or it has
        (os.getpid(), 4, 0.0, True),
        (os.getpid(), 4, WELL, False),
    ],
    ids=[
        "ended-often",
        "ended-seldom",
        "started-lately",
        "runs-well",
    ],  # a process's own number is another in each worker
)
def test_an_assessing_process_that_keeps_ending_is_shown(
    instance, owner, visitor, sandbox, monkeypatch, path, pid, failures, age, told
):
    status = ProcessStatus(pid, 5, "exit code 1", failures, time.time() - age)
    server = ServerStatus(1, processes={ASSESSING: status})
    monkeypatch.setattr(assessment_progress, "read_last_scan_request", lambda _: "a scan")
    monkeypatch.setattr(assessment_progress, "read_status", lambda _: server)
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    said = f"their process ended {failures} times in a row soon after it started, last with exit code 1"
    assert (said in owner.get(path).text) is told
    seen = reader.get(path).text
    assert (STALE in seen) is told
    assert "exit code" not in seen


@pytest.mark.parametrize(
    ("checkpoint", "value", "whole", "part"),
    [
        (FAILED, "tenant b refused", "The last assessment failed: tenant b refused", STALE),
        (PROGRESS, {"what": "tenant b", "done": 1, "total": 2, "at": 0.0, "began": 0.0}, UNFINISHED, STALE),
    ],
)
def test_readers_of_a_part_see_that_assessments_fail(
    instance, owner, visitor, sandbox, monkeypatch, checkpoint, value, whole, part
):
    monkeypatch.setattr(assessment_progress, "read_last_scan_request", lambda _: "a scan")
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    assert all(
        text not in page for text in (whole, part) for page in (owner.get("/").text, reader.get("/").text)
    )
    instance.state.checkpoints.put(*checkpoint, value)
    try:
        assert whole in owner.get("/").text
        seen = reader.get("/").text
        assert part in seen
        assert "tenant b" not in seen
    finally:
        instance.state.checkpoints.remove(*checkpoint)
