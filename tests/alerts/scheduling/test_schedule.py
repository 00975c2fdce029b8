"""From rows to an alert to an incident: every window once, whoever runs it and however often."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.detection.detector import Detector
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.state import State, StateError
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope_policy.model.source_location import Place

Put = Callable[..., None]
#: A full hour some days ago, so that no row is too old or too new for the lake.
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
MINUTE, ONE_HOUR = timedelta(minutes=1), timedelta(hours=1)


def mapping(kind: str, identifier: str, column: str) -> dict[str, Any]:
    return {"entityType": kind, "fieldMappings": [{"identifier": identifier, "columnName": column}]}


def rule(**changes: Any) -> AnalyticRule:
    document = {
        "id": "r1",
        "name": "Failed sign-ins",
        "kind": "Scheduled",
        "severity": "Medium",
        "queryFrequency": "1h",
        "queryPeriod": "1h",
        "tactics": ["CredentialAccess"],
        "query": "SigninLogs | where ResultType != '0' | where TimeGenerated > ago(1h)",
        "entityMappings": [
            mapping("Account", "FullName", "UserPrincipalName"),
            mapping("IP", "Address", "IPAddress"),
        ],
        "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
        **changes,
    }
    return AnalyticRule.parse(document, Place("rule.yaml"))


def signin(minutes: float, user: str = "kim@contoso.com", ip: str = "203.0.113.9") -> dict[str, Any]:
    moment = HOUR + timedelta(minutes=minutes)
    return {"TimeGenerated": moment, "UserPrincipalName": user, "IPAddress": ip, "ResultType": "50126"}


def alerts(lake: Lake) -> list[dict[str, Any]]:
    lake.flush()
    text = "SecurityAlert | project SystemAlertId, AlertName, Entities, Status, StartTime | order by StartTime asc"
    return lake.query(text)[-1].table.to_pylist()


def test_rows_become_an_alert_and_an_incident_once(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10), signin(20, "jo@contoso.com", "198.51.100.7"))
    schedule = Schedule(lake, state, [rule()], "default")
    first = list(schedule.tick(HOUR + ONE_HOUR + 6 * MINUTE))
    assert [(ran.outcome.rows, len(ran.taken.alerts), ran.outcome.error) for ran in first] == [(2, 2, "")]
    assert list(schedule.tick(HOUR + ONE_HOUR + 7 * MINUTE)) == []
    found = alerts(lake)
    assert [row["AlertName"] for row in found] == ["Failed sign-ins", "Failed sign-ins"]
    assert {entity["Type"] for row in found for entity in json.loads(row["Entities"])} == {"account", "ip"}
    incidents = state.incidents.list_newest("default")
    assert [(one.title, one.severity, one.status) for one in incidents] == [
        ("Failed sign-ins", "Medium", IncidentStatus.NEW)
    ] * 2
    again = list(schedule.run_all_rules_once(HOUR + ONE_HOUR, HOUR + 2 * ONE_HOUR))
    assert [len(ran.taken.alerts) for ran in again] == [0]
    assert len(alerts(lake)) == 2


@pytest.mark.parametrize("grouping", ["AlertPerResult", "SingleAlert"])
@pytest.mark.parametrize("early", [35 * MINUTE, 50 * MINUTE])
def test_a_look_before_a_window_is_over_and_the_window_raise_one_alert(
    lake: Lake, state: State, put: Put, early: timedelta, grouping: str
) -> None:
    put("SigninLogs", signin(10), signin(20, "jo@contoso.com", "198.51.100.7"))
    schedule = Schedule(lake, state, [rule(eventGroupingSettings={"aggregationKind": grouping})], "default")
    (look,) = schedule.run_all_rules_once(HOUR + early, HOUR + early)
    (ran,) = schedule.tick(HOUR + ONE_HOUR + 6 * MINUTE)
    assert len(look.taken.alerts) == (2 if grouping == "AlertPerResult" else 1)
    assert (ran.outcome.rows, ran.taken.alerts) == (2, ())
    assert len(alerts(lake)) == len(look.taken.alerts)


@pytest.mark.full
def test_a_look_apart_tells_nothing_again_that_the_schedule_told(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(40), signin(70, "jo@contoso.com", "198.51.100.7"))
    schedule = Schedule(lake, state, [rule()], "default")
    (ran,) = schedule.tick(HOUR + ONE_HOUR + 6 * MINUTE)
    assert len(ran.taken.alerts) == 1
    (look,) = schedule.run_all_rules_once(HOUR + 80 * MINUTE, HOUR + 80 * MINUTE)
    assert (look.outcome.rows, len(look.taken.alerts)) == (2, 1)


@pytest.mark.full
def test_what_a_look_saw_of_an_earlier_window_stays_when_the_window_is_run(
    lake: Lake, state: State, put: Put
) -> None:
    put("SigninLogs", signin(50), signin(70))
    schedule = Schedule(
        lake, state, [rule(eventGroupingSettings={"aggregationKind": "SingleAlert"})], "default"
    )
    (look,) = schedule.run_all_rules_once(HOUR + 80 * MINUTE, HOUR + 80 * MINUTE)
    (ran,) = schedule.tick(HOUR + 2 * ONE_HOUR + 6 * MINUTE)
    assert (len(look.taken.alerts), len(ran.taken.alerts)) == (1, 1)
    found = state.alerts.history("default", HOUR, HOUR + 3 * ONE_HOUR)
    assert sorted((one.started - HOUR) // MINUTE for one in found) == [50, 70]


@pytest.mark.usefixtures("leases_stand")
def test_a_rule_that_another_runs_is_not_left_out_without_a_word(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10))
    one = rule()
    held = state.leases.acquire(f"rule/default/{one.id}", "another", 60)
    assert held is not None
    schedule = Schedule(lake, state, [one], "default", lease_seconds=1)
    (ran,) = schedule.run_all_rules_once(HOUR + ONE_HOUR, HOUR + 2 * ONE_HOUR)
    assert ran.outcome.error == "another process runs it: run it again when that is done"
    timer = threading.Timer(0.3, held.release)
    timer.start()
    (ran,) = schedule.run_all_rules_once(HOUR + ONE_HOUR, HOUR + 2 * ONE_HOUR)
    timer.join()
    assert (ran.outcome.error, len(ran.taken.alerts)) == ("", 1)


def test_windows_that_were_missed_are_made_up_for(lake: Lake, state: State, put: Put) -> None:
    schedule = Schedule(lake, state, [rule()], "default")
    assert len(list(schedule.tick(HOUR + 6 * MINUTE))) == 1
    put("SigninLogs", signin(30), signin(90), signin(150))
    ran = list(schedule.tick(HOUR + 3 * ONE_HOUR + 6 * MINUTE))
    assert [one.outcome.window.end - HOUR for one in ran] == [ONE_HOUR, 2 * ONE_HOUR, 3 * ONE_HOUR]
    assert [len(one.taken.alerts) for one in ran] == [1, 1, 1]
    (incident,) = state.incidents.list_newest("default")
    assert (incident.first_activity, incident.last_activity) == (HOUR + 30 * MINUTE, HOUR + 150 * MINUTE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [1, 2, 4]),
        ({"triggerOperator": "lt", "triggerThreshold": 1}, [1, 2, 3, 4]),
        ({"query": "SecurityAlert | where AlertName == 'Failed sign-ins'"}, [1, 2, 3, 4]),
    ],
    ids=["rows in some windows", "no row is a finding", "alerts of earlier windows"],
)
def test_windows_without_rows_are_noted_and_their_query_is_not_run(
    lake: Lake,
    state: State,
    put: Put,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    expected: list[int],
) -> None:
    looked: list[datetime] = []
    rows = Detector._read_rows

    def note(self: Detector, one: AnalyticRule, window: RuleWindow, *rest: Any) -> Any:
        looked.append(window.end)
        return rows(self, one, window, *rest)

    put("SigninLogs", signin(10), signin(70))
    schedule = Schedule(lake, state, [rule(**changes)], "default")
    list(schedule.tick(HOUR + 6 * MINUTE))
    monkeypatch.setattr(Detector, "_read_rows", note)
    ran = list(schedule.tick(HOUR + 4 * ONE_HOUR + 6 * MINUTE))
    ends = [HOUR + number * ONE_HOUR for number in range(1, 5)]
    assert [one.outcome.window.end for one in ran] == ends, "each is noted"
    assert {one.outcome.error for one in ran} == {""}
    assert all(one.outcome.seen == ran[-1].outcome.seen for one in ran)
    assert looked == [HOUR + number * ONE_HOUR for number in expected]
    assert list(schedule.tick(HOUR + 4 * ONE_HOUR + 7 * MINUTE)) == []


def test_a_late_row_is_found_in_the_window_it_belongs_to(lake: Lake, state: State, put: Put) -> None:
    schedule = Schedule(lake, state, [rule()], "default")
    put("SigninLogs", signin(10))
    assert [len(one.taken.alerts) for one in schedule.tick(HOUR + 66 * MINUTE)] == [1]
    put("SigninLogs", signin(20, "late@contoso.com"), came=HOUR + 100 * MINUTE)
    ran = list(schedule.tick(HOUR + 101 * MINUTE))
    assert [(one.outcome.window.end, len(one.taken.alerts)) for one in ran] == [(HOUR + ONE_HOUR, 1)]
    assert list(schedule.tick(HOUR + 110 * MINUTE)) == []
    assert list(schedule.tick(HOUR + 116 * MINUTE)) == []
    assert len(alerts(lake)) == 2


def test_late_rows_add_to_the_one_alert_of_a_window(lake: Lake, state: State, put: Put) -> None:
    one = rule(eventGroupingSettings={"aggregationKind": "SingleAlert"})
    schedule = Schedule(lake, state, [one], "default")
    put("SigninLogs", signin(10))
    list(schedule.tick(HOUR + 66 * MINUTE))
    put("SigninLogs", signin(20, "late@contoso.com"), came=HOUR + 100 * MINUTE)
    assert [len(ran.taken.alerts) for ran in schedule.tick(HOUR + 101 * MINUTE)] == [0]
    (alert,) = state.alerts.list_newest("default")
    assert json.loads(alert.document["ExtendedProperties"])["Total Events"] == "2"
    assert len(json.loads(alert.document["Entities"])) == 3
    assert len({row["SystemAlertId"] for row in alerts(lake)}) == 1


@pytest.mark.full
def test_two_workers_share_the_windows(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10))
    one, two = (Schedule(lake, state, [rule()], "default") for _ in range(2))
    running = one.tick(HOUR + 66 * MINUTE)
    first = next(running)
    assert list(two.tick(HOUR + 66 * MINUTE)) == []
    assert [len(first.taken.alerts), *(len(ran.taken.alerts) for ran in running)] == [1]
    assert list(two.tick(HOUR + 66 * MINUTE)) == []


def test_a_rule_that_is_wrong_is_told_and_stops_no_other(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10))
    wrong = rule(id="wrong", query="SigninLogs | where NoSuch == 1")
    ran = list(Schedule(lake, state, [wrong, rule()], "default").tick(HOUR + 66 * MINUTE))
    assert {one.outcome.rule.id: "NoSuch" in one.outcome.error for one in ran} == {"r1": False, "wrong": True}
    assert state.rule_runs.last("default")["wrong"].error
    assert sum(len(one.taken.alerts) for one in ran) == 1


@pytest.mark.full
def test_rows_beyond_those_that_are_looked_at_are_counted(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10))
    query = "range x from 1 to 12000 step 1 | extend UserPrincipalName = 'kim@contoso.com'"
    many = rule(
        query=query, triggerThreshold=10_000, eventGroupingSettings={"aggregationKind": "SingleAlert"}
    )
    list(Schedule(lake, state, [many], "default").tick(HOUR + 66 * MINUTE))
    (alert,) = state.alerts.list_newest("default")
    assert json.loads(alert.document["ExtendedProperties"])["Total Events"] == "12000"


def test_suppression_holds_back_what_follows(lake: Lake, state: State, put: Put) -> None:
    quiet = rule(suppressionEnabled=True, suppressionDuration="3h")
    schedule = Schedule(lake, state, [quiet], "default")
    list(schedule.tick(HOUR + 6 * MINUTE))
    put("SigninLogs", *(signin(30 + 60 * hour) for hour in range(6)))
    ran = list(schedule.tick(HOUR + 6 * ONE_HOUR + 6 * MINUTE))
    counts = [(len(one.taken.alerts), one.taken.suppressed) for one in ran]
    assert counts == [(1, 0), (0, 1), (0, 1), (1, 0), (0, 1), (0, 1)]


@pytest.mark.parametrize(
    ("grouping", "incidents"),
    [
        ({"enabled": True, "matchingMethod": "AnyAlert"}, 1),
        ({"enabled": True, "matchingMethod": "AllEntities"}, 3),
        ({"enabled": True, "matchingMethod": "Selected", "groupByEntities": ["IP"]}, 2),
        ({"enabled": False}, 2),
    ],
)
def test_alerts_are_grouped_as_the_rule_says(
    lake: Lake, state: State, put: Put, grouping: dict[str, Any], incidents: int
) -> None:
    put(
        "SigninLogs",
        signin(10),
        signin(11, "jo@contoso.com"),
        signin(12, "ali@contoso.com", "198.51.100.7"),
    )
    one = rule(incidentConfiguration={"createIncident": True, "groupingConfiguration": grouping})
    list(Schedule(lake, state, [one], "default").tick(HOUR + 66 * MINUTE))
    assert len(state.incidents.list_newest("default")) == incidents


def test_alerts_of_one_story_make_one_incident(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10))
    listed = {
        "TimeGenerated": HOUR + 40 * MINUTE,
        "Caller": "kim@contoso.com",
        "CallerIpAddress": "203.0.113.77",
        "OperationNameValue": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
    }
    put("AzureActivity", listed)
    keys = rule(
        id="r2",
        name="Keys were listed",
        severity="High",
        tactics=["Collection"],
        query="AzureActivity | where OperationNameValue has 'LISTKEYS'",
        entityMappings=[mapping("Account", "FullName", "Caller")],
    )
    list(Schedule(lake, state, [rule(), keys], "default").tick(HOUR + 66 * MINUTE))
    (incident,) = state.incidents.list_newest("default")
    assert (
        incident.title
        == "Multi-stage incident from Credential access to Collection involving kim@contoso.com"
    )
    assert incident.severity == "High"
    lake.flush()
    text = "SecurityIncident | summarize arg_max(TimeGenerated, *) by IncidentNumber"
    (row,) = lake.query(text)[-1].table.to_pylist()
    assert len(json.loads(row["AlertIds"])) == 2


def test_a_severity_that_a_person_chose_stays(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10))
    schedule, incident_service = Schedule(lake, state, [rule()], "default"), IncidentService(state, "default")
    list(schedule.tick(HOUR + 66 * MINUTE))
    incident_service.change(1, HOUR + 70 * MINUTE, "ana", severity="Low")
    put("SigninLogs", signin(70))
    list(schedule.tick(HOUR + 126 * MINUTE))
    (incident,) = state.incidents.list_newest("default")
    assert (incident.severity, incident.last_activity) == ("Low", HOUR + 70 * MINUTE)


def test_what_people_decide(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(10), signin(12, "ali@contoso.com", "198.51.100.7"))
    now = HOUR + 2 * ONE_HOUR
    list(Schedule(lake, state, [rule()], "default").tick(HOUR + 66 * MINUTE))
    incident_service = IncidentService(state, "default")
    incident_service.change(1, now, "ana", owner="ana", status=IncidentStatus.ACTIVE)
    incident_service.add_comment(1, "known scanner", now, "ana")
    incident_service.merge(1, [2], now, "ana")
    assert len(state.alerts.list_newest("default", incident=1)) == 2
    assert [one.number for one in state.incidents.list_newest("default")] == [1]
    with pytest.raises(StateError, match="TruePositive"):
        incident_service.change(1, now, "ana", status=IncidentStatus.CLOSED)
    with pytest.raises(StateError, match="IncorrectAlertLogic"):
        incident_service.change(
            1, now, "ana", status=IncidentStatus.CLOSED, classification="FalsePositive", reason="x"
        )
    closed = incident_service.change(
        1, now, "ana", status=IncidentStatus.CLOSED, classification="FalsePositive"
    )
    assert (closed.reason, closed.closed) == ("IncorrectAlertLogic", now)
    with pytest.raises(StateError, match="incident 9 not found"):
        incident_service.add_comment(9, "x", now, "ana")
