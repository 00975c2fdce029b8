"""Rows of logs grow old: past the bound of its table a verdict that rests on them is Unknown (stale), up to it as before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.analyze import world
from tests.analyze.test_cases import cases

from nephoscope.analyze import discovery
from nephoscope.analyze.transport import log_ages
from nephoscope.analyze.transport.log_ages import ArrivedRows, find_bound, find_stale, load_log_kinds
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.evaluation_clock import NotedClock
from nephoscope.estate.log_queries import DeclaredReads
from nephoscope_policy.data_gap import STALE
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.state import ComplianceState

INDICATORS = {"ThreatIntelIndicators", "ThreatIntelligenceIndicator"}
#: Analyzers whose every decided verdict rests on rows of logs.
RESTING = [
    one
    for one in discovery.load_analyzers()
    if one.tables and one.name not in ("arriving_logs", "adaptive_network_hardening")
]
WITH_LOGS = [
    pytest.param(case.values[0], id=case.id)
    for case in cases()
    if {table for one in RESTING for table in one.tables} & set(case.values[0].get("logs") or ())
]
DECIDED = (ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT)
LEAST = timedelta(microseconds=1)


def assess(described: dict[str, Any], now: datetime) -> dict[tuple[str, str], Assessment]:
    """The verdicts that logs decide, at a time."""
    view = EstateView(world.estate(described), now, logs=world.WrittenLogs(described["logs"], now))
    found = {}
    for one in RESTING:
        view.declared = DeclaredReads(one.tables, one.types)
        found |= {(said.resource.lower(), said.key): said for said in one.analyze(view)}
    return found


def newest(described: dict[str, Any]) -> dict[str, datetime]:
    """When the last row of each table came."""
    return {
        table: world.NOW - timedelta(days=min(row.get("days", 0.5) for row in rows))
        for table, rows in described["logs"].items()
        if rows and table not in INDICATORS
    }


@pytest.mark.sampled(12)
@pytest.mark.parametrize("described", WITH_LOGS)
def test_a_verdict_that_rests_on_logs_is_stale_past_their_bound(described: dict[str, Any]) -> None:
    before, last = assess(described, world.NOW), newest(described)
    decided = [place for place, said in before.items() if said.state in DECIDED]
    ends = [when + find_bound(table) for table, when in last.items()]
    past = assess(described, max(ends) + LEAST)
    assert [(past[place].state, past[place].cause) for place in decided] == [
        (ComplianceState.UNKNOWN, STALE) for _ in decided
    ]
    for place, said in before.items():
        if place not in decided:
            assert past[place].state is said.state


TRANSPORT = [
    pytest.param(*case.values[:1], id=case.id)
    for case in cases()
    if set(case.values[0].get("logs") or ()) & {"AGWAccessLogs", "SQLSecurityAuditEvents", "StorageBlobLogs"}
    and all(row.get("days", 0.5) < 20 for rows in case.values[0]["logs"].values() for row in rows)
]


@pytest.mark.sampled(12)
@pytest.mark.parametrize("described", TRANSPORT)
def test_up_to_the_bound_it_is_as_before(described: dict[str, Any]) -> None:
    before = assess(described, world.NOW)
    after = assess(described, min(when + find_bound(table) for table, when in newest(described).items()))
    assert {place: said.state for place, said in after.items()} == {
        place: said.state for place, said in before.items()
    }


def build_arrived(resource: str, workspace: str, days: float) -> ArrivedRows:
    return ArrivedRows(resource, "StorageBlobLogs", workspace, world.NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("rows", "stale"),
    [
        ([build_arrived("a", "w1", 7)], []),
        ([build_arrived("a", "w1", 7.1)], ["a"]),
        # a quiet resource: rows of its kind still come to its workspace
        ([build_arrived("a", "w1", 20), build_arrived("b", "w1", 1)], []),
        # what another workspace gets says nothing of the one that has its rows
        ([build_arrived("a", "w1", 20), build_arrived("b", "w2", 1)], ["a"]),
        ([build_arrived("a", "w1", 20), build_arrived("a", "w2", 1)], []),
    ],
)
def test_a_table_of_a_workspace_arrives_for_all_of_a_kind(rows: list[ArrivedRows], stale: list[str]) -> None:
    found = find_stale(rows, NotedClock(world.NOW))
    assert sorted(resource for resource, _ in found) == stale


def test_each_table_that_analyzers_read_has_a_bound() -> None:
    named = [table for kind in load_log_kinds() for table in kind.tables]
    assert len(named) == len(set(named))
    read = {table for one in RESTING for table in one.tables}
    assert read <= set(named), "the bound of any other table is for whether logs arrive alone"
    assert set(named) - {log_ages.ANY} <= {
        table for one in discovery.load_analyzers() for table in one.tables
    }
    assert all(kind.why and kind.source and kind.days > 0 for kind in load_log_kinds())
