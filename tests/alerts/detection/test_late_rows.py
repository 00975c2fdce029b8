"""Rows that come late: what they add to an alert brings it up to date, and what they are themselves is raised once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.detection.alert_dedup import pair_with_earlier
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state import State
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
SETTLED = START + HOUR + 6 * MINUTE
ACCOUNT = {
    "entityType": "Account",
    "fieldMappings": [{"identifier": "FullName", "columnName": "UserPrincipalName"}],
}
ADDRESS = {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "IPAddress"}]}
SPRAY = "SigninLogs | summarize N = count(), UserPrincipalName = make_set(UserPrincipalName) by IPAddress"


def rule(query: str, *, single: bool = False, **changes: Any) -> AnalyticRule:
    document = {
        "id": "rule", "name": "Rule", "kind": "Scheduled", "severity": "Medium", "queryFrequency": "1h", "queryPeriod": "1h",
        "query": query, "entityMappings": [ACCOUNT, ADDRESS],
        "eventGroupingSettings": {"aggregationKind": "SingleAlert" if single else "AlertPerResult"}, **changes,
    }  # fmt: skip
    return AnalyticRule.parse(document, Place("rule.yaml"))


def signin(minutes: int, user: str = "kim", address: str = "203.0.113.9", name: str = "") -> dict[str, Any]:
    moment = START + minutes * MINUTE
    return {
        "TimeGenerated": moment,
        "UserPrincipalName": f"{user}@contoso.com",
        "IPAddress": address,
        "CorrelationId": name,
    }


@pytest.fixture
def look(lake: Lake, state: State) -> Callable[[AnalyticRule, datetime], list[str]]:
    """Looks at the schedule of a rule; the ends of the windows that were run."""

    def looking(one: AnalyticRule, now: datetime) -> list[str]:
        ran = list(Schedule(lake, state, [one], "default").tick(now))
        assert [each.outcome.error for each in ran if each.outcome.error] == []
        return [each.outcome.window.end.isoformat() for each in ran]

    return looking


def told(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """The rows of SecurityAlert, the versions of each alert in order."""
    lake.flush()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in lake.query("SecurityAlert | sort by TimeGenerated asc")[-1].table.to_pylist():
        found.setdefault(row["SystemAlertId"], []).append(row)
    return found


def users(row: dict[str, Any]) -> set[str]:
    return {one["Name"] for one in json.loads(row["Entities"]) if one["Type"] == "account"}


def details(row: dict[str, Any], name: str) -> list[str]:
    found: list[str] = json.loads(json.loads(row["ExtendedProperties"])["Custom Details"])[name]
    return found


def test_a_late_row_above_others_is_the_one_that_is_raised(
    lake: Lake, put: Callable[..., None], look: Callable[[AnalyticRule, datetime], list[str]]
) -> None:
    text = "SigninLogs | project TimeGenerated, UserPrincipalName, IPAddress, CorrelationId | sort by TimeGenerated desc"
    one = rule(text, customDetails={"Row": "CorrelationId"})
    put("SigninLogs", signin(10, name="A"), signin(20, name="B"))
    look(one, SETTLED)
    put("SigninLogs", signin(30, name="LATE"), came=SETTLED + MINUTE)
    look(one, SETTLED + 5 * MINUTE)
    versions = [[details(row, "Row") for row in rows] for rows in told(lake).values()]
    assert sorted(versions) == [[["A"]], [["B"]], [["LATE"]]]


@pytest.mark.parametrize("single", [True, False])
def test_what_late_rows_add_brings_the_alert_up_to_date(
    lake: Lake, put: Callable[..., None], look: Callable[[AnalyticRule, datetime], list[str]], *, single: bool
) -> None:
    text = f"{SPRAY} | extend Weight = iff(N > 2, 'High', 'Low')"
    override = {"alertSeverityColumnName": "Weight"}
    one = rule(text, single=single, customDetails={"Count": "N"}, alertDetailsOverride=override)
    put("SigninLogs", signin(10, "ann"), signin(20, "bob"))
    look(one, SETTLED)
    put("SigninLogs", signin(30, "late"), came=SETTLED + MINUTE)
    look(one, SETTLED + 5 * MINUTE)
    ((first, second),) = told(lake).values()
    assert (users(first), details(first, "Count"), first["AlertSeverity"]) == ({"ann", "bob"}, ["2"], "Low")
    assert users(second) == {"ann", "bob", "late"}
    assert (details(second, "Count"), second["AlertSeverity"]) == (["3"], "High")
    # and a row that changes nothing of it makes no version more
    put("AuditLogs", {"TimeGenerated": START + 30 * MINUTE}, came=SETTLED + 6 * MINUTE)
    look(one, SETTLED + 10 * MINUTE)
    assert len(next(iter(told(lake).values()))) == 2


@pytest.mark.full
def test_rows_without_a_key_are_found_by_what_they_share(
    lake: Lake, put: Callable[..., None], look: Callable[[AnalyticRule, datetime], list[str]]
) -> None:
    text = "SigninLogs | summarize N = count() by UserPrincipalName, IPAddress | summarize take_any(UserPrincipalName) by N, IPAddress"
    one = rule(text, customDetails={"Count": "N"})
    put("SigninLogs", signin(10, "ann"), signin(11, "ann"), signin(20, "bob", "203.0.113.8"))
    look(one, SETTLED)
    late = [signin(30, "bob", "203.0.113.8"), signin(31, "new", "203.0.113.7")]
    put("SigninLogs", *late, came=SETTLED + MINUTE)
    look(one, SETTLED + 5 * MINUTE)
    versions = [[(*users(row), *details(row, "Count")) for row in rows] for rows in told(lake).values()]
    assert sorted(versions) == [[("ann", "2")], [("bob", "1"), ("bob", "2")], [("new", "1")]]


@pytest.mark.full
def test_alerts_from_before_rows_had_names_are_brought_up_to_date() -> None:
    def alert(name: str, minute: int) -> Alert:
        moment = START + minute * MINUTE
        about = (Entity("Account", (("Name", name), ("UPNSuffix", "contoso.com"))),)
        return Alert(
            f"new-{name}", "rule", "Rule", "", Severity.LOW, moment, moment, moment, entities=about, group="g"
        )

    def kept(id_: str, one: Alert) -> StoredAlert:
        document = {"Entities": json.dumps([each.document(1) for each in one.entities])}
        return StoredAlert(
            id_, "default", "rule", "New", "Low", one.start, one.end, START, START, None, document
        )

    ann, bob, new = alert("ann", 1), alert("bob", 2), alert("new", 3)
    earlier = [kept("old-1", bob), kept("old-2", ann)]
    found = pair_with_earlier([new, ann, replace(bob, end=START + HOUR)], earlier)
    assert [(one.id, known.id if known else None) for one, known in found] == [
        ("new-new", None),
        ("old-2", "old-2"),
        ("old-1", "old-1"),
    ]
    held = [replace(one, held_by="a suppression") for one in earlier]
    assert [known for _, known in pair_with_earlier([ann], held)] == [None]


def test_history_that_comes_after_the_first_run_is_no_late_row(
    put: Callable[..., None], look: Callable[[AnalyticRule, datetime], list[str]]
) -> None:
    one = rule("SigninLogs")
    look(one, SETTLED)
    put("SigninLogs", *(signin(-60 * 24 * day) for day in range(1, 5)), signin(5), came=SETTLED + MINUTE)
    assert look(one, SETTLED + 5 * MINUTE) == [(START + HOUR).isoformat()]


@pytest.mark.parametrize("late", [False, True])
def test_no_two_alerts_lie_within_the_pause_of_a_rule(
    state: State, put: Callable[..., None], look: Callable[[AnalyticRule, datetime], list[str]], *, late: bool
) -> None:
    one = rule("SigninLogs", suppressionEnabled=True, suppressionDuration="3h")
    look(one, SETTLED)
    between, others = signin(150, "late"), [signin(70), signin(260)]
    put("SigninLogs", *others, *([] if late else [between]), came=START + 5 * HOUR)
    look(one, SETTLED + 4 * HOUR)
    if late:
        put("SigninLogs", between, came=START + 5 * HOUR + 6 * MINUTE)
        look(one, SETTLED + 4 * HOUR + 5 * MINUTE)
    found = {one.raised - START: one.held_by for one in state.alerts.list_newest("default")}
    assert found == {2 * HOUR: "", 3 * HOUR: "suppressionDuration", 5 * HOUR: ""}


def test_an_nrt_alert_says_when_it_happened(
    lake: Lake, put: Callable[..., None], look: Callable[[AnalyticRule, datetime], list[str]]
) -> None:
    one = rule("SigninLogs", kind="NRT", queryFrequency=None, queryPeriod=None)
    look(one, START + 2 * HOUR)
    put("SigninLogs", signin(10), came=START + 2 * HOUR + timedelta(seconds=30))
    look(one, START + 2 * HOUR + 4 * MINUTE)
    (alert,) = state_alerts(lake)
    assert (alert["StartTime"], alert["EndTime"]) == (alert["Happened"], alert["Happened"])


def state_alerts(lake: Lake) -> list[dict[str, Any]]:
    lake.flush()
    moment = (START + 10 * MINUTE).isoformat()
    text = f"SecurityAlert | project StartTime, EndTime, Happened = datetime({moment})"
    found: list[dict[str, Any]] = lake.query(text)[-1].table.to_pylist()
    return found
