"""What is found of earlier alerts before the transaction that keeps new ones: it is taken only where it still holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.detection import prefetch
from nephoscope.alerts.detection.alert_dedup import pair_with_earlier
from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state import State
from nephoscope_policy.model.state import Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def outcome(*said: str) -> RuleOutcome:
    host = (Entity("Host", (("HostName", "web-1"),)),)
    alerts = tuple(
        Alert(f"id-{one}", "r", "R", one, Severity.LOW, NOON, NOON, NOON, entities=host, group="g", traits={"Text": one})
        for one in said
    )  # fmt: skip
    return RuleOutcome(AnalyticRule("r", "R", "x"), RuleWindow(NOON - 60 * MINUTE, NOON), len(alerts), alerts)


@pytest.fixture
def looked(state: State, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each time that alerts are compared, whether others were kept from writing meanwhile."""
    found: list[bool] = []
    open_: list[bool] = []
    transaction = state.transaction

    @contextmanager
    def opened(**options: Any) -> Iterator[Any]:
        with transaction(**options) as session:
            open_.append(True)
            yield session
        open_.clear()

    def compared(*several: Any) -> Any:
        found.append(bool(open_))
        return pair_with_earlier(*several)

    monkeypatch.setattr(state, "transaction", opened)
    monkeypatch.setattr(prefetch, "pair_with_earlier", compared)
    return found


def test_alerts_are_compared_before_the_transaction(state: State, looked: list[bool]) -> None:
    incident_service = IncidentService(state, "default")
    incident_service.store_outcome(outcome("a"), NOON)
    assert incident_service.store_outcome(outcome("a", "b"), NOON + MINUTE).alerts == ("id-b",)
    assert looked == [False, False]


def test_what_changed_meanwhile_is_compared_again(state: State, looked: list[bool]) -> None:
    incident_service, both = IncidentService(state, "default"), outcome("a", "b")
    incident_service.store_outcome(outcome("a"), NOON)
    before = incident_service.prefetch_matches(both)
    incident_service.set_alert_status("id-a", "Resolved", NOON + MINUTE)
    incident_service.store_outcome(both, NOON + 2 * MINUTE)
    with state.transaction() as session:
        assert (
            incident_service.store_outcome_in_transaction(session, both, NOON + 3 * MINUTE, before).alerts
            == ()
        )
    assert looked == [False, False, False, True]
    assert [(one.id, one.status) for one in state.alerts.list_newest("default")] == [
        ("id-a", "Resolved"),
        ("id-b", "New"),
    ]


def test_what_may_have_changed_at_the_same_moment_is_compared_again(state: State, looked: list[bool]) -> None:
    incident_service = IncidentService(state, "default")
    incident_service.store_outcome(outcome("a"), NOON)
    incident_service.store_outcome(outcome("a"), NOON)
    assert looked == [False, False, True]


def test_an_incident_is_summed_up_once_for_many_alerts(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    of = state.alerts.list_of_incident
    monkeypatch.setattr(
        state.alerts, "list_of_incident", lambda session, number: read.append(number) or of(session, number)
    )
    taken = IncidentService(state, "default").store_outcome(outcome(*(f"{one}" for one in range(40))), NOON)
    assert (len(taken.alerts), taken.incidents) == (40, (1,))
    assert len(read) <= 3
