"""When people took incidents up and closed them, and what they did, is kept and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.alerts.incidents.incident_service import BY, IncidentService
from nephoscope.alerts.incidents.response_times import GROUPS, measure_response_times
from nephoscope.cli import incidents as command
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State
from nephoscope.state.incidents.incidents import Incident, IncidentStatus

#: Some days ago, so that no row is too old for the lake.
MADE = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def number(state: State) -> int:
    return opened(state)


def opened(state: State, severity: str = "High", made: datetime = MADE) -> int:
    with state.transaction() as session:
        given = Incident("default", "A story", "", severity, made, made, made, made)
        return state.incidents.put(session, given).number


@pytest.mark.parametrize(
    ("changes", "by", "acknowledged", "modified"),
    [
        ({"owner": "kim"}, "ana", True, True),
        ({"status": IncidentStatus.ACTIVE}, "ana", True, True),
        ({"status": IncidentStatus.CLOSED, "classification": "TruePositive"}, "ana", True, True),
        ({"severity": "Low"}, "ana", False, True),
        ({"status": IncidentStatus.ACTIVE}, BY, False, False),
    ],
)
def test_a_person_takes_an_incident_up(state, number, changes, by, acknowledged, modified) -> None:
    changed = IncidentService(state, "default").change(number, MADE + MINUTE, by, **changes)
    assert changed.acknowledged == (MADE + MINUTE if acknowledged else None)
    assert state.incidents.get(number).first_modified == (MADE + MINUTE if modified else None)


def test_the_first_moment_stays(state: State, number: int) -> None:
    incident_service = IncidentService(state, "default")
    incident_service.add_comment(number, "seen", MADE + MINUTE, "ana")
    incident_service.change(number, MADE + 2 * MINUTE, "ana", owner="ana")
    incident_service.change(number, MADE + 3 * MINUTE, "kim", owner="kim")
    found = state.incidents.get(number)
    assert (found.first_modified, found.acknowledged) == (MADE + MINUTE, MADE + 2 * MINUTE)


def test_times_of_all_and_of_each_group(state: State) -> None:
    incident_service = IncidentService(state, "default")
    first, second, third = opened(state), opened(state), opened(state, "Low")
    incident_service.change(first, MADE + 10 * MINUTE, "ana", owner="ana")
    incident_service.change(second, MADE + 20 * MINUTE, "ana", owner="ana")
    end = {"status": IncidentStatus.CLOSED, "classification": "TruePositive"}
    incident_service.change(second, MADE + 60 * MINUTE, "ana", **end)
    opened(state, "Low", MADE - 2 * timedelta(days=1))
    every, high, low = measure_response_times(
        state.incidents.list_created_incidents("default", MADE, MADE + MINUTE), "severity"
    )
    assert (every.incidents, every.acknowledged, every.closed) == (3, 2, 1)
    assert (every.mean_to_acknowledge, every.mean_to_resolve) == (15 * MINUTE, 60 * MINUTE)
    assert (high.group, high.median_to_acknowledge) == ("High", 15 * MINUTE)
    assert (low.group, low.incidents, low.mean_to_acknowledge, low.median_to_resolve) == (
        "Low",
        1,
        None,
        None,
    )
    incident_service.change(second, MADE + 70 * MINUTE, "ana", status=IncidentStatus.ACTIVE)
    assert measure_response_times([state.incidents.get(second)])[0].closed == 0
    incident_service.merge(first, [third], MADE + 80 * MINUTE, "ana")
    assert (
        measure_response_times(state.incidents.list_created_incidents("default", MADE, MADE + MINUTE))[
            0
        ].incidents
        == 2
    )


def test_what_people_do_is_kept_in_order_and_told(state: State, number: int, lake: Lake) -> None:
    incident_service = IncidentService(state, "default")
    incident_service.change(number, MADE + MINUTE, "ana", owner="kim", status=IncidentStatus.ACTIVE)
    incident_service.add_task(number, "ask Kim", MADE + 2 * MINUTE, "ana")
    incident_service.complete_task(number, 1, MADE + 3 * MINUTE, "kim")
    incident_service.change(number, MADE + 4 * MINUTE, "kim", owner="")
    with state.transaction() as session:
        done = [(one.author, one.text) for one in state.incidents.actions(session, number)]
    assert done == [
        ("ana", "set the owner to kim, the status to Active"),
        ("ana", "added the task: ask Kim"),
        ("kim", "did the task 1"),
        ("kim", "set the owner to nobody"),
    ]
    deliver_outbox(lake, state)
    lake.flush()
    rows = lake.query("SecurityIncident | project FirstModifiedTime, ModifiedBy | order by FirstModifiedTime")
    assert {row["ModifiedBy"] for row in rows[-1].table.to_pylist()} == {"ana", "kim"}


def test_the_command_offers_every_group() -> None:
    assert set(command._GROUPS) == set(GROUPS)


def test_no_time_is_negative_though_a_clock_was_set_back(state: State, number: int) -> None:
    incident_service = IncidentService(state, "default")
    closing = {"status": IncidentStatus.CLOSED, "classification": "TruePositive"}
    closed = incident_service.change(number, MADE - 10 * MINUTE, "ana", **closing)
    assert (closed.closed, closed.acknowledged) == (MADE, MADE)
    kept = replace(closed, closed=MADE - MINUTE, acknowledged=MADE - MINUTE)
    (times,) = measure_response_times([kept])
    assert (times.mean_to_resolve, times.mean_to_acknowledge) == (timedelta(), timedelta())
