"""The risk run: anomalies and alerts become risk detections with their sign-in and reasons, password changes end a risk."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.behavior.conftest import NOON, routine, signin

from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.behavior.behavior_run import BehaviorAnalysis
from nephoscope.identity.alert_risk import find_identities
from nephoscope.identity.behavior_risk import AnomalyEvidence, assess
from nephoscope.identity.risk_mapping import load_mapping
from nephoscope.identity.risk_run import RiskRun
from nephoscope.model.identity_risk import IdentityKind, RiskLevel, RiskState
from nephoscope.state.incidents.alerts import StoredAlert

USER, PRINCIPAL = IdentityKind.USER, IdentityKind.SERVICE_PRINCIPAL
PEOPLE = [f"u{at:02}" for at in range(12)]
LEVELS = (RiskLevel.NONE, RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)
OTHER_CLIENT = {
    "DeviceDetail": {"browser": "Chrome 1", "operatingSystem": "Linux", "displayName": ""}, "AppDisplayName": "Azure CLI",
}  # fmt: skip
AWAY = {"country": "PT", "IPAddress": "203.0.113.9"}


@pytest.fixture
def judged(lake, state, put):
    """Puts what happened after three quiet weeks, and returns the detections (type, level, reasons) that the run makes of it."""

    def run(*happened, now=NOON + timedelta(minutes=5)):
        put("SigninLogs", [*routine(PEOPLE, 21), *happened], now - timedelta(minutes=1))
        BehaviorAnalysis(lake, state, "default").run(now)
        lake.flush()
        report = RiskRun(lake, state, "default").run(now)
        found = state.identity_risks.list_detections("default", USER)
        assert sum(report.detections.values()) == len(found)
        return found

    return run


def test_an_unfamiliar_sign_in_has_its_level_its_reasons_and_its_sign_in(judged, state):
    attack = signin("u03", NOON, **AWAY, **OTHER_CLIENT)
    found = {one.event_type: one for one in judged(attack)}
    assert set(found) == {"unfamiliarFeatures", "newCountry"}
    one = found["unfamiliarFeatures"]
    assert one.level in (RiskLevel.MEDIUM, RiskLevel.HIGH)
    assert (one.identity, one.request, one.address) == ("id-u03", attack["Id"], "203.0.113.9")
    assert any("from PT" in reason for reason in one.reasons)
    assert any("Chrome" in reason for reason in one.reasons)
    risk = state.identity_risks.find_identities("default", USER, ["id-u03"])["id-u03"]
    assert (risk.state, risk.name) == (RiskState.AT_RISK, "u03@contoso.com")


@pytest.mark.parametrize(
    ("note", "changes", "wanted"),
    [
        ("a new device at the usual place", {"DeviceDetail": OTHER_CLIENT["DeviceDetail"]}, set()),
        (
            "a new device and an application that nobody uses, at the usual place",
            OTHER_CLIENT,
            {("unfamiliarFeatures", RiskLevel.LOW)},
        ),
        ("another address of the same network", {"IPAddress": "198.51.100.77"}, set()),
        ("a journey with the usual device", AWAY, {("newCountry", RiskLevel.LOW)}),
    ],
)
def test_what_is_benign_is_nothing_or_low(judged, note, changes, wanted):
    found = judged(signin("u03", NOON, **changes))
    assert {(one.event_type, one.level) for one in found} == wanted


@pytest.mark.full
def test_a_moved_office_is_no_risk(judged):
    moved = [signin(who, NOON + timedelta(minutes=at), **AWAY) for at, who in enumerate(PEOPLE)]
    found = judged(*moved, now=NOON + timedelta(hours=1))
    assert len({one.identity for one in found}) <= 2
    assert {one.level for one in found} <= {RiskLevel.LOW}


@pytest.mark.parametrize(
    ("flags", "groups"),
    [
        ((), {"place"}),
        (("FirstTimeUserConnectedFromDevice",), {"place", "client"}),
        (("FirstTimeUserUsedApp",), {"place"}),
    ],
)
def test_a_client_that_is_new_for_the_account_counts_however_many_others_use_it(flags, groups):
    parts = (("Country", 0.3), ("Device", 0.03), ("App", 0.04))
    assert AnomalyEvidence(parts, 1.0, frozenset(flags), ()).groups == groups


def test_without_a_reason_the_level_falls():
    mapping = next(one for one in load_mapping().behavior if one.risk_event_type == "unfamiliarFeatures")
    parts = (("Country", 0.5), ("ISP", 0.28), ("Browser", 0.14), ("Device", 0.2), ("App", 0.18))
    whole = assess(AnomalyEvidence(parts, 1.15, frozenset(), ()), mapping)
    assert whole is RiskLevel.HIGH
    for at in range(len(parts)):
        fewer = AnomalyEvidence(parts[:at] + parts[at + 1 :], 1.15, frozenset(), ())
        assert fewer.confidence < AnomalyEvidence(parts, 1.15, frozenset(), ()).confidence
        assert LEVELS.index(assess(fewer, mapping)) <= LEVELS.index(whole)
    without_place = assess(AnomalyEvidence(parts[2:], 1.15, frozenset(), ()), mapping)
    assert LEVELS.index(without_place) < LEVELS.index(whole)
    assert assess(AnomalyEvidence(parts[:2], 1.15, frozenset(), ()), mapping) is RiskLevel.NONE, (
        "of the place alone"
    )


def test_the_mapping_names_shipped_rules_and_their_techniques():
    shipped = {one.id: one for one in load_shipped_rules().rules}
    for one in load_mapping().rules:
        assert shipped[one.rule].name == one.name
    known = {one.risk_event_type for one in (*load_mapping().rules, *load_mapping().behavior)}
    assert {
        "unfamiliarFeatures", "impossibleTravel", "newCountry", "anonymizedIPAddress", "maliciousIPAddress", "passwordSpray",
        "anomalousToken", "suspiciousSignins", "anomalousUserActivity", "mfaFraud", "userReportedSuspiciousActivity",
    } <= known  # fmt: skip


def alert(type_, *entities, at=NOON, severity="", **changes):
    mapping = next(
        one for one in load_mapping().rules if one.risk_event_type == type_ and severity in ("", one.severity)
    )
    document = {
        "Entities": json.dumps([{"$id": str(at), **one} for at, one in enumerate(entities, 1)]), "Description": "Because of that.",
        "Techniques": '["T1110"]',
    }  # fmt: skip
    given = {
        "id": f"alert-{type_}", "workspace": "default", "rule": mapping.rule, "status": "New",
        "severity": severity or mapping.severity or "High", "started": at, "ended": at, "raised": at, "changed": at,
        "incident": None, "document": document,
    }  # fmt: skip
    return StoredAlert(**{**given, **changes})


def keep(state, *alerts):
    with state.transaction(product="a test") as session:
        for one in alerts:
            state.alerts.put(session, one)


def account(name):
    return {"Type": "account", "Name": name, "UPNSuffix": "contoso.com"}


def test_alerts_are_detections_on_the_sign_in_that_they_are_about(lake, state, put):
    own, other = signin("u01", NOON, IPAddress="192.0.2.8"), signin("u01", NOON + timedelta(minutes=2))
    put("SigninLogs", [own, other], NOON)
    keep(
        state,
        alert("passwordSpray", account("u01"), {"Type": "ip", "Address": "192.0.2.8"}),
        alert("mfaFraud", account("u02"), severity="Medium"),
        alert("anomalousToken", account("u03"), held_by="a suppression"),
    )
    now = NOON + timedelta(minutes=10)
    report = RiskRun(lake, state, "default").run(now)
    assert report.detections == {"passwordSpray": 1, "mfaFraud": 1}
    found = {one.event_type: one for one in state.identity_risks.list_detections("default", USER)}
    spray, fatigue = found["passwordSpray"], found["mfaFraud"]
    assert (spray.identity, spray.request, spray.level) == ("id-u01", own["Id"], RiskLevel.HIGH)
    assert (spray.reasons, spray.techniques) == (["Because of that."], ["T1110"])
    assert (fatigue.identity, fatigue.request, fatigue.level) == ("u02@contoso.com", "", RiskLevel.LOW)
    assert RiskRun(lake, state, "default").run(now + timedelta(minutes=1)).detections == {}


@pytest.mark.full
def test_an_alert_of_an_old_window_is_a_detection_when_it_is_stored(lake, state, put):
    then, changed = NOON - timedelta(days=40), NOON - timedelta(days=39)
    password = {
        "TimeGenerated": changed, "OperationName": "Change user password", "Result": "success",
        "TargetResources": [{"id": "id-u02", "type": "User"}],
    }  # fmt: skip
    put("SigninLogs", [signin("u01", then), signin("u02", then)], then)
    put("AuditLogs", [password], changed)
    keep(
        state,
        alert("passwordSpray", account("u01"), at=then, changed=NOON),
        alert("passwordSpray", account("u02"), at=then, changed=NOON, id="ended since"),
        alert("passwordSpray", account("u03"), at=then, changed=NOON, stored=then, id="known for long"),
    )
    report = RiskRun(lake, state, "default").run(NOON)
    assert (report.detections, report.remediated) == ({"passwordSpray": 2}, 1)
    found = {one.identity: one for one in state.identity_risks.list_detections("default", USER)}
    assert {name: (one.happened, one.state) for name, one in found.items()} == {
        "id-u01": (then, RiskState.AT_RISK), "id-u02": (then, RiskState.REMEDIATED)
    }  # fmt: skip


@pytest.mark.full
def test_an_alert_on_an_application_that_it_does_not_name_is_one_of_its_users_alone():
    named = account("u03"), {"Type": "cloud-application", "Name": "Reader of mail", "AppId": "app-1"}
    found = [
        [(one.mapping.identity, one.name) for one in find_identities([alert("suspiciousApplication", *some)], load_mapping())]
        for some in (named, named[:1])
    ]  # fmt: skip
    user = (USER, "u03@contoso.com")
    assert found == [[(PRINCIPAL, "Reader of mail"), user], [user]]


def test_no_detection_is_of_an_activity_after_its_rule_ran(lake, state, put):
    seen, later = signin("u01", NOON - timedelta(minutes=3)), signin("u01", NOON + timedelta(minutes=20))
    put("SigninLogs", [seen, later], NOON + timedelta(minutes=21))
    keep(
        state,
        alert("passwordSpray", account("u01"), ended=NOON - timedelta(minutes=1)),
        alert("mfaFraud", account("u02"), severity="Medium", ended=NOON + timedelta(minutes=1)),
    )
    RiskRun(lake, state, "default").run(NOON + timedelta(minutes=30))
    found = {one.event_type: one for one in state.identity_risks.list_detections("default", USER)}
    assert found["passwordSpray"].request == seen["Id"]
    assert all(one.happened <= one.detected for one in found.values())


@pytest.mark.full
def test_service_principals_and_agents_have_risks_of_their_own(lake, state, put):
    rows = [
        {
            "TimeGenerated": NOON, "Id": f"p-{name}",
            "ServicePrincipalId": f"id-{name}", "ServicePrincipalName": name, "AppId": f"app-{name}",
            "IPAddress": "192.0.2.9", "ResultType": "0", "LocationDetails": "{}", "Agent": agent,
        }
        for name, agent in (("robot", '{"agentType":"agenticAppInstance"}'), ("backup", '{"agentType":"notAgentic"}'))
    ]  # fmt: skip
    put("AADServicePrincipalSignInLogs", rows, NOON)
    several = [
        alert("suspiciousSignins", {"Type": "cloud-application", "Name": name}, id=name)
        for name in ("robot", "backup")
    ]
    keep(state, *several)
    RiskRun(lake, state, "default").run(NOON + timedelta(minutes=10))
    (principal,) = state.identity_risks.list_identities("default", PRINCIPAL)
    (agent,) = state.identity_risks.list_identities("default", IdentityKind.AGENT)
    assert (principal.id, principal.app_id, agent.id) == ("id-backup", "app-backup", "id-robot")


@pytest.mark.parametrize(
    ("operation", "detail"),
    [
        ("Change user password", "userPerformedSecuredPasswordChange"),
        ("Reset password (self-service)", "userPerformedSecuredPasswordReset"),
        ("Reset user password", "adminGeneratedTemporaryPassword"),
    ],
)
def test_a_password_change_after_the_detection_ends_the_risk(lake, state, put, operation, detail):
    put("SigninLogs", [signin("u01", NOON)], NOON)
    keep(state, alert("passwordSpray", account("u01")))
    RiskRun(lake, state, "default").run(NOON + timedelta(minutes=10))

    def changed(at):
        row = {
            "TimeGenerated": at, "OperationName": operation, "Result": "success",
            "TargetResources": [{"id": "ID-u01", "type": "User"}],
        }  # fmt: skip
        put("AuditLogs", [row], at)
        report = RiskRun(lake, state, "default").run(at + timedelta(minutes=10))
        risk = state.identity_risks.find_identities("default", USER, ["id-u01"])["id-u01"]
        return report.remediated, risk.state, risk.detail

    assert changed(NOON - timedelta(minutes=30))[:2] == (0, RiskState.AT_RISK)
    assert changed(NOON + timedelta(hours=1)) == (1, RiskState.REMEDIATED, detail)
    assert {one.state for one in state.identity_risks.list_detections("default", USER)} == {
        RiskState.REMEDIATED
    }


def test_one_process_works_at_a_time(lake, state):
    with_lease = state.leases.acquire("identity-risk/default", "another", 60.0)
    assert RiskRun(lake, state, "default").run(NOON) is None
    with_lease.release()
    assert RiskRun(lake, state, "default").run(NOON) is not None
