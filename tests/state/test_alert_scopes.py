"""Alerts are found by the subscriptions and resource groups of what they name, and incidents by their alerts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.model.read_scope import Reach
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.state.incidents.alert_scopes import list_places
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.state.incidents.incidents import Incident

pytestmark = pytest.mark.system

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
A, B = "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002"
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.full))
GROUP = f"/subscriptions/{A}/resourcegroups/rg-a"


def row(*resources: str, **more: str) -> dict[str, str]:
    entities = [{"Type": "azure-resource", "ResourceId": one} for one in resources]
    return {"Entities": json.dumps(entities), **more}


def stored(id_: str, document: dict[str, str], incident: int | None = None, hour: int = 0) -> StoredAlert:
    when = NOON + timedelta(hours=hour)
    return StoredAlert(id_, "default", "r", "New", "High", when, when, when, when, incident, document)


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        (row(), set()),
        ({}, set()),
        (row("not an id", "/providers/x/y"), set()),
        (row(f"/SUBSCRIPTIONS/{A.upper()}"), {(A, "")}),
        (row(f"/subscriptions/{A}/resourceGroups/RG-A/providers/M.X/y/z"), {(A, GROUP)}),
        (row(GROUP, f"/subscriptions/{B}/providers/M.X/y/z"), {(A, GROUP), (B, "")}),
        (row(_ResourceId=f"/subscriptions/{B}"), {(B, "")}),
        ({"Entities": json.dumps([{"Type": "host", "AzureID": GROUP}])}, {(A, GROUP)}),
        (row(ExtendedProperties=json.dumps({"Query": f"T | where X != '/subscriptions/{B}'"})), set()),
    ],
)
def test_where_an_alert_lies(document, wanted):
    assert list_places(document) == wanted


@pytest.mark.parametrize("url", DATABASES, indirect=True)
def test_alerts_and_incidents_within_a_reach(opened):
    state = opened()
    with state.transaction() as session:
        incident = Incident("default", "t", "", "High", NOON, NOON, NOON, NOON)
        numbers = [state.incidents.put(session, incident).number for _ in range(2)]
        for one in (
            stored("1", row(GROUP), numbers[0]),
            stored("2", row(GROUP, f"/subscriptions/{B}"), numbers[1], 1),
        ):
            state.alerts.put(session, one)
        state.alerts.put(session, stored("3", row()))

    def found(reach: Reach) -> tuple[list[str], set[int]]:
        listed = state.alerts.list_alerts("default", AlertFilter(within=reach))
        assert state.alerts.count("default", AlertFilter(within=reach)) == len(listed)
        assert state.alerts.list_alerts("default", AlertFilter(within=reach), start=1, most=1) == listed[1:2]
        within = state.alerts.find_incidents_in_reach("default", reach)
        assert {
            one.number
            for one in state.incidents.list_matching_incidents("default", IncidentFilter(numbers=within))
        } == within
        return [one.id for one in listed], set(within)

    both, second = Reach(subscriptions=frozenset({A})), Reach(subscriptions=frozenset({B}))
    assert found(both) == (["2", "1"], set(numbers))
    assert found(Reach(groups=frozenset({GROUP}))) == (["2", "1"], set(numbers))
    assert found(second) == (["2"], {numbers[1]})
    assert found(Reach()) == ([], set())
    with state.transaction() as session:
        known = state.alerts.find_alert(session, "3")
        changed = replace(known, document=row(f"/subscriptions/{B}"), changed=NOON + timedelta(days=1))
        state.alerts.put(session, changed)
    assert found(second) == (["2", "3"], {numbers[1]}), (
        "what an alert names is read again when it has changed"
    )


@pytest.mark.parametrize("url", DATABASES, indirect=True)
def test_more_incidents_than_a_statement_may_have_values(opened):
    state = opened()
    assert state.incidents.total("default", IncidentFilter(numbers=frozenset(range(1, 100_000)))) == 0
