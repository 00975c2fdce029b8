"""Rounds: one outcome that cannot be kept loses no other, and nobody waits for a rule that takes long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import AppliedOutcome, IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import build_window
from nephoscope.alerts.scheduling import run_batch as rounds
from nephoscope.alerts.scheduling.run_batch import RuleLease, RunBatch
from nephoscope.state import State
from nephoscope.state.leases.lease_renewal import Turns
from nephoscope_policy.model.source_location import Place

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def outcome(name: str) -> RuleOutcome:
    times = {"queryFrequency": "5m", "queryPeriod": "5m"}
    document = {"id": name, "name": name, "severity": "Low", "query": "SigninLogs", **times}
    rule = AnalyticRule.parse(document, Place("r"))
    return RuleOutcome(rule, build_window(rule, NOW - timedelta(minutes=5)))


def test_one_that_cannot_be_kept_loses_no_other(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(
        self: IncidentService, session: Any, found: RuleOutcome, now: datetime, _: object
    ) -> AppliedOutcome:
        if found.rule.id == "b" and not found.error:
            raise ValueError("no")
        return AppliedOutcome((found.rule.id,))

    monkeypatch.setattr(IncidentService, "store_outcome_in_transaction", taken)
    found = RunBatch(Turns(state.leases, "me"), IncidentService(state, "default"), NOW)
    assert found.acquire_leases(["a", "b", "c"]) == {"a", "b", "c"}
    for name in ("a", "b", "c"):
        turn = found.acquire_rule_lease(name)
        assert isinstance(turn, RuleLease)
        found.add(turn, outcome(name))
        found.end_turn(turn)
    found.close()
    assert [one.outcome.error for one in found.pop_results()] == ["", "not kept: ValueError: no", ""]
    assert not any(state.leases.find_holder(name) for name in ("a", "b", "c"))


def test_leases_that_wait_for_a_long_rule_are_given_back(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "PATIENCE", -1.0)
    found = RunBatch(Turns(state.leases, "me"), IncidentService(state, "default"), NOW)
    found.acquire_leases(["a", "b"])
    found.store_overdue()
    assert state.leases.find_holder("b") == "me"  # nothing runs yet
    turn = found.acquire_rule_lease("a")
    assert turn is not None
    found.store_overdue()
    assert (state.leases.find_holder("a"), state.leases.find_holder("b")) == ("me", "")
    assert found.acquire_rule_lease("b") is None
    found.end_turn(turn)
    found.close()
    assert state.leases.find_holder("a") == ""
