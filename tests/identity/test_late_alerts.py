"""Alerts become risk detections once each, whenever their windows were: those of a backfill, those of before a pause."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.behavior.conftest import NOON, signin
from tests.identity.test_risk_run import account, alert, keep

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.backfill import LookBack
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.identity.risk_mapping import load_mapping
from nephoscope.identity.risk_run import RiskRun
from nephoscope.model.identity_risk import IdentityKind, RiskState
from nephoscope_policy.model.source_location import Place

USER = IdentityKind.USER
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPRAY = next(
    one.rule for one in load_mapping().rules if one.risk_event_type == "passwordSpray" and not one.severity
)
RULE = {
    "id": SPRAY, "name": "Spray", "kind": "Scheduled", "severity": "High", "queryFrequency": "1h", "queryPeriod": "1h",
    "tactics": ["CredentialAccess"], "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
    "query": "SigninLogs | where ResultType == '50126' | project TimeGenerated, UserPrincipalName",
    "entityMappings": [
        {"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "UserPrincipalName"}]}
    ],
}  # fmt: skip


@pytest.fixture
def run(lake, state):
    """Runs identity risk some time after noon, and gives how many detections of each type are new."""
    return lambda after: RiskRun(lake, state, "default").run(NOON + after).detections


@pytest.mark.parametrize("lasted", [HOUR, 9 * HOUR, 5 * DAY])
def test_alerts_of_backfilled_windows_are_detections_once_each(lake, state, put, run, lasted):
    failed = [signin(f"u{day}", NOON - day * DAY, ResultType="50126") for day in (1, 4, 8)]
    put("SigninLogs", failed, NOON)
    # another process makes risk detections while the backfill works, until just before it is done
    assert run(lasted) == {}
    rules = [AnalyticRule.parse(RULE, Place("spray.yaml"))]
    ran = list(LookBack(Schedule(lake, state, rules, "default")).run(NOON - 9 * DAY, NOON, NOON + HOUR))
    assert [one.outcome.error for one in ran if one.outcome.error] == []
    lake.flush()
    assert run(lasted + HOUR) == {"passwordSpray": 3}
    assert run(lasted + 2 * HOUR) == {}
    found = state.identity_risks.list_detections("default", USER)
    assert [(one.identity, one.happened, one.request) for one in found] == [
        (one["UserId"], one["TimeGenerated"], one["Id"]) for one in failed
    ]


def test_a_second_run_makes_nothing_twice_when_the_sign_in_is_logged_after_the_first(state, put, run):
    keep(state, alert("passwordSpray", account("u01")))
    assert run(HOUR) == {"passwordSpray": 1}
    put("SigninLogs", [signin("u01", NOON)], NOON + HOUR)
    assert run(2 * HOUR) == {}


@pytest.mark.full
def test_an_identity_that_an_alert_names_twice_is_one_detection(state, put, run):
    put("SigninLogs", [signin("u01", NOON)], NOON)
    keep(state, alert("passwordSpray", account("u01"), {"Type": "account", "AadUserId": "ID-u01"}))
    assert [run(HOUR), run(2 * HOUR)] == [{"passwordSpray": 1}, {}]


def test_an_alert_of_long_ago_is_no_detection(state, run):
    keep(state, alert("passwordSpray", account("u01"), at=NOON - 15 * DAY))
    assert run(HOUR) == {}
    keep(state, alert("passwordSpray", account("u01"), at=NOON - 13 * DAY))
    assert run(2 * HOUR) == {"passwordSpray": 1}


@pytest.mark.full
def test_after_a_pause_every_alert_since_the_last_run_is_looked_at(state, run):
    assert run(HOUR) == {}
    keep(state, alert("passwordSpray", account("u01"), at=NOON + 2 * HOUR))
    assert run(40 * DAY) == {"passwordSpray": 1}


@pytest.mark.full
def test_an_alert_that_is_no_longer_held_back_is_a_detection(state, run):
    keep(state, alert("passwordSpray", account("u01"), held_by="a suppression"))
    assert run(5 * HOUR) == {}
    keep(state, alert("passwordSpray", account("u01"), held_by=""))
    assert [run(6 * HOUR), run(7 * HOUR)] == [{"passwordSpray": 1}, {}]


@pytest.mark.parametrize(("changed", "wanted"), [(-4, RiskState.REMEDIATED), (-6, RiskState.AT_RISK)])
def test_a_late_detection_counts_the_password_change_that_came_before_it(state, put, run, changed, wanted):
    moment = NOON + changed * DAY
    row = {
        "TimeGenerated": moment, "OperationName": "Change user password", "Result": "success",
        "TargetResources": [{"id": "id-u01", "type": "User"}],
    }  # fmt: skip
    put("SigninLogs", [signin("u01", NOON - 5 * DAY)], NOON - 5 * DAY)
    put("AuditLogs", [row], moment)
    assert run(HOUR) == {}
    keep(state, alert("passwordSpray", account("u01"), at=NOON - 5 * DAY))
    assert run(3 * HOUR) == {"passwordSpray": 1}
    assert state.identity_risks.find_identities("default", USER, ["id-u01"])["id-u01"].state is wanted
