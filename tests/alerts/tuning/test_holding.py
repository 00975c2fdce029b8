"""What suppressions, learning and repeats hold back, and what they never do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.alerts.tuning.conftest import HOUR, MINUTE, ONE_HOUR, SINGLE, rule, signin

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.suppression.condition import parse_conditions
from nephoscope.alerts.tuning.rule_settings import SettingError
from nephoscope.lake.lake import Lake
from nephoscope.state import State, StateError
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import IncidentStatus

SCANNER = parse_conditions([{"field": "entities.ip.address", "in": ["198.51.100.0/24"]}])
Put = Callable[..., None]


def told(alerts: list[StoredAlert]) -> list[tuple[str, str, list[str]]]:
    """(status, what held it back, addresses) of alerts."""
    return sorted(
        (
            one.status,
            json.loads(one.document["ExtendedProperties"]).get("Suppressed By", ""),
            sorted(each["Address"] for each in json.loads(one.document["Entities"]) if each["Type"] == "ip"),
        )
        for one in alerts
    )


@pytest.mark.full
@pytest.mark.parametrize("grouping", [{}, SINGLE])
def test_what_is_suppressed_is_dismissed_and_the_rest_is_raised(
    put: Put, run: Any, edit: Any, lake: Lake, state: State, grouping: dict[str, Any]
) -> None:
    put("SigninLogs", signin(10), signin(20, "scan@contoso.com", "198.51.100.7"))
    edit().suppress("scanner", "r1", SCANNER, reason="BenignPositive")
    found = run(rule(**grouping))
    assert told(found) == [("Dismissed", "scanner", ["198.51.100.7"]), ("New", "", ["203.0.113.9"])]
    assert [one.incident is None for one in found if one.held_by] == [True]
    assert len(state.incidents.list_newest("default")) == 1
    lake.flush()
    rows = lake.query("SecurityAlert | project Status | order by Status asc")[-1].table.to_pylist()
    assert [row["Status"] for row in rows] == ["Dismissed", "New"]
    assert state.alerts.count_suppressed_alerts("default") == {state.suppressions.all("default")[0].id: 1}
    assert len(run(rule(**grouping))) == 2


def test_a_row_that_names_others_too_is_raised(put: Put, run: Any, edit: Any) -> None:
    put("SigninLogs", signin(10), signin(20, ip="198.51.100.7"))
    query = "SigninLogs | summarize IPAddress=make_set(IPAddress) by UserPrincipalName"
    edit().suppress("scanner", "r1", SCANNER)
    assert told(run(rule(query=query))) == [("New", "", ["198.51.100.7", "203.0.113.9"])]


@pytest.mark.full
def test_late_rows_do_not_hide_among_what_is_suppressed(put: Put, run: Any, edit: Any) -> None:
    put("SigninLogs", signin(20, "scan@contoso.com", "198.51.100.7"))
    edit().suppress("scanner", "r1", SCANNER)
    assert [one[0] for one in told(run(rule(**SINGLE)))] == ["Dismissed"]
    put("SigninLogs", signin(10))
    assert told(run(rule(**SINGLE))) == [
        ("Dismissed", "scanner", ["198.51.100.7"]),
        ("New", "", ["203.0.113.9"]),
    ]


TRIGGERS = [
    ("gt", 1, [signin(10), signin(20, ip="198.51.100.7")], ["Dismissed"]),
    (
        "gt",
        1,
        [signin(10), signin(11, "jo@contoso.com"), signin(20, ip="198.51.100.7")],
        ["Dismissed", "New"],
    ),
    ("lt", 3, [signin(10), signin(20, ip="198.51.100.7")], ["New"]),
    ("lt", 3, [signin(20, ip="198.51.100.7")], ["Dismissed"]),
    ("lt", 1, [], ["New"]),
    ("eq", 1, [signin(20, ip="198.51.100.7")], ["Dismissed"]),
    ("eq", 1, [signin(10), signin(20, ip="198.51.100.7")], []),
]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("operator", "threshold", "rows", "wanted"), TRIGGERS)
def test_the_trigger_counts_what_is_left(
    put: Put, run: Any, edit: Any, operator: str, threshold: int, rows: list[Any], wanted: list[str]
) -> None:
    put("SigninLogs", *(rows or [signin(200)]))
    edit().suppress("scanner", "r1", SCANNER)
    found = run(rule(**SINGLE, triggerOperator=operator, triggerThreshold=threshold))
    assert [one[0] for one in told(found)] == wanted


def test_a_whole_rule_can_be_suppressed_and_another_is_not(put: Put, run: Any, edit: Any) -> None:
    put("SigninLogs", signin(10))
    edit().suppress("all of it", "r1", [])
    assert told(run(rule())) == [("Dismissed", "all of it", ["203.0.113.9"])]
    assert [one[0] for one in told(run(rule(id="r2")))] == ["Dismissed", "New"]


def test_what_is_expired_or_disabled_holds_nothing(put: Put, run: Any, edit: Any) -> None:
    put(
        "SigninLogs",
        signin(10, ip="198.51.100.7"),
        signin(70, ip="198.51.100.8"),
        signin(130, ip="198.51.100.9"),
    )
    edit().suppress("scanner", "r1", SCANNER, expires=HOUR + ONE_HOUR + 30 * MINUTE)
    assert [one[0] for one in told(run(rule(), 1))] == ["Dismissed"]
    assert [one[0] for one in told(run(rule(), 2))] == ["Dismissed", "New"]
    edit().change("scanner", expires=None, enabled=False)
    assert [one[0] for one in told(run(rule(), 3))] == ["Dismissed", "New", "New"]


@pytest.mark.full
def test_a_watchlist_is_read_as_it_is_when_the_rule_runs(put: Put, run: Any, edit: Any, lake: Lake) -> None:
    put("SigninLogs", signin(10, ip="198.51.100.7"), signin(70, ip="198.51.100.7"))
    found = parse_conditions([{"field": "entities.ip.address", "inWatchlist": "Scanners"}])
    edit().suppress("scanners", "r1", found)
    assert [one[0] for one in told(run(rule(), 1))] == ["New"]
    lake.watchlists.save("default", "Scanners", "Address", [{"Address": "198.51.100.0/24"}])
    assert [one[0] for one in told(run(rule(), 2))] == ["Dismissed", "New"]


def test_a_rule_learns_what_is_usual(put: Put, run: Any, edit: Any, state: State) -> None:
    put(
        "SigninLogs",
        signin(10),
        signin(70),
        signin(80, "new@contoso.com"),
        signin(130),
        signin(140, ip="192.0.2.9"),
    )
    edit().set_settings(rule(), {"learningUntil": (HOUR + ONE_HOUR).isoformat()})
    assert told(run(rule(), 1)) == [("Dismissed", "learning period", ["203.0.113.9"])]
    found = told(run(rule(), 2))
    assert [one[:2] for one in found[1:]] == [("Dismissed", "learning period"), ("New", "")]
    assert ("New", "", ["192.0.2.9"]) in told(run(rule(), 3))
    edit().forget("r1")
    assert state.learned.load_for_rule("default", "r1") == frozenset()
    assert state.rule_settings.all("default") == []


YOUNG = {"learningPeriod": "2h", "requiredDataConnectors": [{"dataTypes": ["SigninLogs"]}]}


def test_logs_that_are_too_young_raise_nothing(put: Put, run: Any, state: State) -> None:
    put("SigninLogs", signin(10), signin(70), signin(130))
    one = rule(**YOUNG)
    held = ("Dismissed", "too few days of logs", ["203.0.113.9"])
    assert told(run(one, 1)) == [held]
    assert told(run(one, 2)) == [held, held]
    assert [each[0] for each in told(run(one, 3))] == ["Dismissed", "Dismissed", "New"]
    assert len(state.incidents.list_newest("default")) == 1


def test_what_is_high_is_raised_from_the_first_day(put: Put, run: Any, edit: Any) -> None:
    put("SigninLogs", signin(10), signin(70))
    assert [each[0] for each in told(run(rule(**YOUNG, severity="High"), 1))] == ["New"]
    # nor does a rule wait that a person lets go
    edit(1).set_settings(rule(**YOUNG), {"learningPeriod": "0d"})
    assert [each[0] for each in told(run(rule(**YOUNG), 2))] == ["New", "New"]


@pytest.mark.full
def test_another_log_of_a_rule_may_be_older(put: Put, run: Any) -> None:
    put("AADNonInteractiveUserSignInLogs", signin(-300))
    put("SigninLogs", signin(10))
    logs = [{"dataTypes": ["SigninLogs", "AADNonInteractiveUserSignInLogs"]}]
    one = rule(**{**YOUNG, "requiredDataConnectors": logs})
    assert [each[0] for each in told(run(one, 1))] == ["New"]


def test_a_rule_need_not_make_incidents(put: Put, run: Any, edit: Any, state: State) -> None:
    put("SigninLogs", signin(10))
    edit().set_settings(rule(), {"createIncident": False})
    (alert,) = run(rule(), 1)
    assert (alert.status, alert.incident) == ("New", None)
    assert state.incidents.list_newest("default") == []


@pytest.mark.full
def test_the_same_entities_again_are_held_back_for_a_while(
    put: Put, run: Any, edit: Any, state: State
) -> None:
    put("SigninLogs", signin(10), signin(70), signin(80, "new@contoso.com"), signin(250))
    edit().set_settings(rule(), {"repeatInterval": "3h"})
    run(rule(), 1)
    found = told(run(rule(), 2))
    assert [one[:2] for one in found] == [("Dismissed", "repeat interval"), ("New", ""), ("New", "")]
    # the interval counts from what was raised
    assert [one[0] for one in told(run(rule(), 5))] == ["Dismissed", "New", "New", "New"]


@pytest.mark.full
def test_what_was_a_true_positive_is_raised_again(put: Put, run: Any, edit: Any, state: State) -> None:
    put("SigninLogs", signin(10), signin(70))
    edit().set_settings(rule(), {"repeatInterval": "3h"})
    run(rule(), 1)
    closed = IncidentStatus.CLOSED
    IncidentService(state, "default").change(
        1, HOUR + ONE_HOUR, "ana", status=closed, classification="TruePositive"
    )
    assert [one[0] for one in told(run(rule(), 2))] == ["New", "New"]


def test_a_pause_keeps_what_it_holds_back(put: Put, run: Any) -> None:
    put("SigninLogs", signin(10), signin(70), signin(190))
    one = rule(suppressionEnabled=True, suppressionDuration="2h")
    run(one, 1)
    assert told(run(one, 2))[0][:2] == ("Dismissed", "pause after an alert")
    assert [each[0] for each in told(run(one, 4))] == ["Dismissed", "New", "New"]


def test_settings_stand_over_the_file_until_they_expire(put: Put, run: Any, edit: Any) -> None:
    put("SigninLogs", signin(10), signin(70))
    edit().set_settings(
        rule(), {"severity": "High", "triggerThreshold": 1}, expires=HOUR + ONE_HOUR + 30 * MINUTE
    )
    assert run(rule(), 1) == []
    (alert,) = run(rule(), 2)
    assert alert.severity == "Medium"
    edit(2).set_settings(rule(), {"severity": "low"})
    put("SigninLogs", signin(130))
    found = run(rule(), 3)
    assert found[-1].severity == "Low"
    tuning = json.loads(found[-1].document["ExtendedProperties"])["Tuning"]
    assert tuning == "severity low (was Medium)"


WRONG = [
    ({"colour": "red"}, "unknown setting 'colour': use one of enabled, severity,"),
    ({"triggerThreshold": -1}, "triggerThreshold must be a whole number"),
    (
        {"severity": "Grave"},
        r"severity must be one of Informational, Low, Medium, High, Critical \(got 'Grave'\)",
    ),
    ({"queryFrequency": "2h"}, "the period must not be shorter than the frequency"),
    ({"repeatInterval": "soon"}, "repeatInterval: 'soon' is not a duration"),
    ({"learningUntil": "soon"}, "learningUntil 'soon' is not a time such as 2026-11-24T10:00:00Z"),
    ({"enabled": "no"}, "enabled must be true or false"),
]


@pytest.mark.parametrize(("values", "wanted"), WRONG)
def test_settings_that_a_rule_cannot_have(
    edit: Any, state: State, values: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(SettingError, match=wanted):
        edit().set_settings(rule(), values)
    assert state.rule_settings.all("default") == []


@pytest.mark.full
def test_every_change_is_noted_and_advice_can_be_taken_back(edit: Any, state: State) -> None:
    edit().set_settings(rule(), {"triggerThreshold": 2})
    advised = edit(1, "a1")
    advised.set_settings(
        rule(), {"triggerThreshold": 9, "severity": "Low"}, expires=HOUR + timedelta(days=90)
    )
    advised.suppress("scanner", "r1", SCANNER)
    advised.learn(rule(), ["k1", "k2"])
    assert edit(2).undo("a1") == 5
    assert [(one.setting, one.value) for one in state.rule_settings.all("default")] == [
        ("triggerThreshold", 2)
    ]
    assert state.suppressions.all("default") == []
    assert state.learned.load_for_rule("default", "r1") == frozenset()
    changes = state.tuning_changes.all("default")
    assert {one.author for one in changes} == {"ana"}
    assert len(changes) == 11
    with pytest.raises(StateError, match="advice a2 was not applied"):
        edit(2).undo("a2")


def test_undoing_leaves_what_somebody_changed_since(edit: Any, state: State) -> None:
    edit(1, "a1").set_settings(rule(), {"triggerThreshold": 9})
    edit(2).set_settings(rule(), {"triggerThreshold": 5})
    assert edit(3).undo("a1") == 0
    assert [one.value for one in state.rule_settings.all("default")] == [5]


def test_suppressions_that_make_no_sense(edit: Any) -> None:
    with pytest.raises(StateError, match="it would suppress every alert"):
        edit().suppress("all", "*", [])
    with pytest.raises(StateError, match="would have no effect"):
        edit().suppress("old", "r1", SCANNER, expires=HOUR)
    edit().suppress("one", "r1", SCANNER)
    with pytest.raises(StateError, match="suppression 'one' already exists"):
        edit().suppress("one", "r1", SCANNER)
