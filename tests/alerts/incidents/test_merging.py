"""Two incidents that become one: nothing that people made of either is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.incidents.response_times import measure_response_times
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state import State, StateError
from nephoscope.state.incidents.incidents import Incident, IncidentStatus
from nephoscope_policy.model.state import Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)


def take(state: State, name: str, *addresses: str) -> None:
    entities = tuple(Entity("IP", (("Address", one),)) for one in addresses)
    alert = Alert(name, name, name, "", Severity.MEDIUM, NOON, NOON, NOON, ("Impact",), entities=entities)
    window = RuleWindow(NOON - timedelta(hours=1), NOON)
    IncidentService(state, "default").store_outcome(
        RuleOutcome(AnalyticRule(name, name, "x"), window, 1, (alert,)), NOON
    )


def work(state: State, number: int, owner: str = "ana") -> None:
    incident_service = IncidentService(state, "default")
    incident_service.change(
        number, LATER, "ana", owner=owner, status=IncidentStatus.ACTIVE, labels=("case-42",)
    )
    incident_service.add_comment(number, "the victim confirmed it", LATER, "ana")
    incident_service.add_task(number, "reset the password", LATER, "ana")


def read(state: State, number: int) -> tuple[Incident, list[str]]:
    with state.transaction() as session:
        notes = [one.text for one in state.incidents.notes(session, number)]
        return state.incidents.read(session, number), notes


@pytest.mark.parametrize("worked", [1, 2])
def test_a_story_is_told_on_in_the_incident_that_is_worked_on(state: State, worked: int) -> None:
    take(state, "one", "192.0.2.1")
    take(state, "two", "192.0.2.2")
    work(state, worked)
    take(state, "both", "192.0.2.1", "192.0.2.2")
    kept, notes = read(state, worked)
    assert (kept.status, kept.owner, kept.labels, kept.merged_into) == (
        IncidentStatus.ACTIVE, "ana", ("case-42",), None,
    )  # fmt: skip
    assert notes == ["the victim confirmed it", "reset the password"]
    assert {one.id for one in state.alerts.list_newest("default", incident=worked)} == {"one", "two", "both"}
    assert read(state, 3 - worked)[0].merged_into == worked


def test_what_two_people_own_is_not_joined_over_their_heads(state: State) -> None:
    take(state, "one", "192.0.2.1")
    take(state, "two", "192.0.2.2")
    work(state, 1, "ana")
    work(state, 2, "ben")
    take(state, "both", "192.0.2.1", "192.0.2.2")
    assert [(one.number, one.owner) for one in state.incidents.list_newest("default")] == [
        (2, "ben"),
        (1, "ana"),
    ]


@pytest.mark.parametrize("into", [1, 2])
def test_who_merges_by_hand_loses_no_work(state: State, into: int) -> None:
    take(state, "one", "192.0.2.1")
    take(state, "two", "192.0.2.2")
    work(state, 3 - into)
    IncidentService(state, "default").merge(into, [3 - into], LATER + timedelta(hours=1), "ben")
    kept, notes = read(state, into)
    assert (kept.status, kept.owner, kept.labels) == (IncidentStatus.ACTIVE, "ana", ("case-42",))
    assert notes == ["the victim confirmed it", "reset the password"]
    (times,) = measure_response_times([kept], "")
    assert (times.acknowledged, times.mean_to_acknowledge) == (1, LATER - NOON)


@pytest.mark.parametrize(("chosen", "kept"), [("High", "High"), ("Low", "Medium")])
def test_the_higher_severity_outlives_a_merge(state: State, chosen: str, kept: str) -> None:
    take(state, "one", "192.0.2.1")
    take(state, "two", "192.0.2.2")
    incident_service = IncidentService(state, "default")
    incident_service.change(2, LATER, "ana", severity=chosen)
    assert incident_service.merge(1, [2], LATER, "ana").severity == kept


def test_a_closed_incident_is_open_again_with_one_that_is(state: State) -> None:
    take(state, "one", "192.0.2.1")
    take(state, "two", "192.0.2.2")
    incident_service = IncidentService(state, "default")
    incident_service.change(
        1, LATER, "ana", status=IncidentStatus.CLOSED, classification="FalsePositive", reason="InaccurateData"
    )
    merged = incident_service.merge(1, [2], LATER, "ana")
    assert (merged.status, merged.closed, merged.classification, merged.reason) == (
        IncidentStatus.NEW,
        None,
        "",
        "",
    )
    assert [one.number for one in state.incidents.list_newest("default")] == [1]


def test_what_was_merged_is_not_changed_any_more(state: State) -> None:
    for number in (1, 2, 3):
        take(state, str(number), f"192.0.2.{number}")
    incident_service = IncidentService(state, "default")
    incident_service.merge(1, [2], LATER, "ana")
    with pytest.raises(StateError, match="incident 2 was merged into incident 1"):
        incident_service.merge(2, [3], LATER, "ana")
    with pytest.raises(StateError, match="was merged into incident 1"):
        incident_service.change(2, LATER, "ana", status=IncidentStatus.ACTIVE)
    assert sorted(one.number for one in state.incidents.list_newest("default")) == [1, 3]


@pytest.mark.parametrize("target", [1, 2])
def test_what_was_merged_into_an_incident_that_goes_leads_nowhere_else(state: State, target: int) -> None:
    for number in (1, 2, 3):
        take(state, str(number), f"192.0.2.{number}")
    incident_service = IncidentService(state, "default")
    incident_service.merge(2, [3], LATER, "ana")
    incident_service.merge(1, [2], LATER, "ana")
    incident_service.remove(target, LATER + timedelta(hours=1), "ben")
    found = {number: one.merged_into for number, one in state.incidents.verdicts("default").items()}
    assert found == ({2: None, 3: 2} if target == 1 else {1: None, 3: 1})
    freed = 2 if target == 1 else 3
    with state.transaction() as session:
        told = [(one.author, one.text) for one in state.incidents.actions(session, freed)]
    assert told[-1] == ("ben", f"removed incident {target}, which it was merged into")
    assert read(state, freed)[0].status is IncidentStatus.CLOSED


def test_a_merge_by_story_is_told_in_both(state: State) -> None:
    take(state, "one", "192.0.2.1")
    take(state, "two", "192.0.2.2")
    take(state, "both", "192.0.2.1", "192.0.2.2")
    with state.transaction() as session:
        told = [[one.text for one in state.incidents.actions(session, number)] for number in (1, 2)]
    assert told == [["merged incident 2 into it: they are one story"], ["merged it into incident 1"]]
