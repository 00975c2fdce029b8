"""Risk detections by type: anonymisers, stolen tokens, late indicators, agents, and what follows another detection."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.behavior.conftest import NOON, routine, signin

from nephoscope.behavior.behavior_run import BehaviorAnalysis
from nephoscope.identity.anomaly_risk import AnomalyRisk, select_following_detections
from nephoscope.identity.behavior_risk import AnomalyEvidence, assess
from nephoscope.identity.indicator_risk import drop_known_detections
from nephoscope.identity.risk_mapping import load_mapping
from nephoscope.identity.risk_run import RiskRun
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel, RiskState

PEOPLE = [f"u{at:02}" for at in range(10)]
NOW = NOON + timedelta(minutes=5)
TOR = {"IPAddress": "185.220.101.1", "AutonomousSystemNumber": "60729"}
CLIENT = {"DeviceDetail": {"browser": "Firefox 131", "operatingSystem": "Linux", "displayName": ""}}


@pytest.fixture
def detected(lake, state, put):
    """Puts what happened after three quiet weeks, and returns the detections on a kind of identity as (identity, type, level)."""

    def run(tables, kind=IdentityKind.USER, quiet=()):
        tables = {**tables, "SigninLogs": [*routine(PEOPLE, 21), *tables.get("SigninLogs", ()), *quiet]}
        for table, rows in tables.items():
            put(table, rows, NOW - timedelta(minutes=1))
        BehaviorAnalysis(lake, state, "default").run(NOW)
        lake.flush()
        RiskRun(lake, state, "default").run(NOW)
        found = state.identity_risks.list_detections("default", kind)
        return {(one.identity, one.event_type, one.level.value) for one in found}

    return run


def test_a_sign_in_through_an_anonymiser(detected):
    own_vpn = [signin("u05", NOON - timedelta(days=day), **TOR, country="DE") for day in range(21, -1, -1)]
    found = detected({"SigninLogs": [signin("u03", NOON, **TOR, country="DE")]}, quiet=own_vpn)
    assert {one for one in found if one[1] == "anonymizedIPAddress"} == {
        ("id-u03", "anonymizedIPAddress", "medium")
    }, "who always comes by it is known for it"


def token(user, moment, **changes):
    row = signin(user, moment, **changes)
    return {
        **row,
        "DeviceDetail": json.dumps(row["DeviceDetail"]),
        "LocationDetails": json.dumps(row["LocationDetails"]),
    }


@pytest.mark.parametrize(
    ("note", "changes", "wanted"),
    [
        ("a new network and a new client", {"IPAddress": "203.0.113.9", "country": "PT", **CLIENT}, True),
        ("a telephone elsewhere", {"IPAddress": "203.0.113.9", "country": "PT"}, False),
        ("a new client at home", CLIENT, False),
    ],
)
def test_a_token_elsewhere(detected, note, changes, wanted):
    found = detected({"AADNonInteractiveUserSignInLogs": [token("u03", NOON, **changes)]})
    assert ("anomalousToken" in {one[1] for one in found}) == wanted, note


def test_an_indicator_that_comes_late(detected):
    before = {"IPAddress": "203.0.113.77", "country": "DE"}
    listed = {
        "TimeGenerated": NOW.isoformat(), "Id": "indicator--1", "ObservableKey": "ipv4-addr:value", "ObservableValue": "203.0.113.77",
        "IsActive": True, "Confidence": 80, "ValidFrom": NOW.isoformat(), "Tags": "botnet", "SourceSystem": "feed",
    }  # fmt: skip
    found = detected(
        {
            "SigninLogs": [
                signin("u03", NOON - timedelta(days=2), **before), signin("u04", NOON - timedelta(days=9), **before),
                signin("u05", NOON - timedelta(days=2), **before, ResultType="50126"),
            ],
            "ThreatIntelIndicators": [listed],
        }
    )  # fmt: skip
    assert {one for one in found if one[1] == "maliciousIPAddress"} == {
        ("id-u03", "maliciousIPAddress", "high")
    }, "a failure is none, nine days before are too long"


@pytest.mark.full
def test_an_agent_at_a_resource_that_is_new_to_it(detected):
    def sign_in(moment, resource, result="0", agent='{"agentType": "agenticAppInstance"}', name="agent"):
        return {
            "TimeGenerated": moment, "Id": f"{name}-{moment}", "ServicePrincipalId": f"sp-{name}", "ServicePrincipalName": name,
            "AppId": f"app-{name}", "IPAddress": "20.42.0.1", "AutonomousSystemNumber": "8075", "Location": "US",
            "ResourceDisplayName": resource, "ResourceIdentity": resource, "ResultType": result, "Agent": agent,
        }  # fmt: skip

    days = [NOON - timedelta(days=day) for day in range(21, 0, -1)]
    rows = [sign_in(one, "Microsoft Graph", name=name) for one in days for name in ("agent", "other")]
    rows += [sign_in(NOON, "Azure Key Vault"), sign_in(NOON + timedelta(minutes=1), "Azure SQL", "500011")]
    rows += [sign_in(NOON, "Azure Key Vault", agent="", name="other")]
    found = detected({"AADServicePrincipalSignInLogs": rows}, IdentityKind.AGENT)
    assert {(who, what) for who, what, _ in found} == {
        ("sp-agent", "unfamiliarResourceAccess"), ("sp-agent", "failedAccessAttempt"),
    }  # fmt: skip


def detection(type_, hours=0.0, identity="id-1", level=RiskLevel.LOW, **changes):
    return RiskDetection(
        id=f"{type_}-{identity}-{hours}", kind=IdentityKind.USER, identity=identity, event_type=type_, level=level,
        happened=NOON + timedelta(hours=hours), detected=NOW, updated=NOW, **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("note", "others", "wanted"),
    [
        ("nothing before", [], False),
        ("a spray an hour before", [detection("passwordSpray", -1)], True),
        ("one an hour later", [detection("passwordSpray", 1)], False),
        ("one two days before", [detection("passwordSpray", -48)], False),
        ("one on somebody else", [detection("passwordSpray", -1, "id-2")], False),
        ("one that was dismissed", [detection("passwordSpray", -1, state=RiskState.DISMISSED)], False),
        ("one of its own type", [detection("anomalousUserActivity", -1)], False),
    ],
)
def test_what_follows_another_detection(note, others, wanted):
    several = [AnomalyRisk(detection("anomalousUserActivity", reasons=["first change"]), 24)]
    found = select_following_detections(several, others)
    assert bool(found) == wanted, note
    assert all(one.reasons[-1].startswith("passwordSpray was detected on the identity at") for one in found)


@pytest.mark.full
def test_of_two_levels_of_one_detection_the_higher_is_kept():
    low = detection("anomalousUserActivity")
    both = [AnomalyRisk(replace(low, level=RiskLevel.MEDIUM), 24), AnomalyRisk(low, 0)]
    assert [one.level for one in select_following_detections(both, [detection("passwordSpray", -1)])] == [
        RiskLevel.MEDIUM
    ]
    assert [one.level for one in select_following_detections(both, [])] == [RiskLevel.LOW]


@pytest.mark.full
def test_what_an_alert_said_is_not_said_again():
    one = detection("maliciousIPAddress", address="203.0.113.7")
    same = replace(one, id="alert", happened=NOON + timedelta(hours=3))
    assert drop_known_detections([one], [same]) == []
    for other in (
        replace(same, address="203.0.113.8"),
        replace(same, identity="id-2"),
        replace(same, event_type="newCountry"),
    ):
        assert drop_known_detections([one], [other]) == [one]


@pytest.mark.parametrize(
    "mapping", [one for one in load_mapping().behavior if one.origins or one.groups or one.after]
)
def test_a_condition_that_is_not_met_is_no_risk(mapping):
    flags = frozenset(
        {"FirstTimeUserConnectedFromCountry", "FirstTimeUserConnectedViaISP", "FirstTimeUserPerformedAction"}
        | {"CountryUncommonlyConnectedFromInTenant", "ISPUncommonlyUsedInTenant"}
    )
    parts = (("Country", 0.5), ("ISP", 0.28), ("Browser", 0.14), ("Device", 0.2), ("Operation", 0.3))
    whole = AnomalyEvidence(parts, 1.15, flags, (), str(mapping.origins[0]) if mapping.origins else "")
    assert assess(whole, mapping) is not RiskLevel.NONE
    if mapping.origins:
        assert assess(AnomalyEvidence(parts, 1.15, flags, (), ""), mapping) is RiskLevel.NONE
    for group, left in (("place", parts[2:]), ("client", (*parts[:2], parts[4]))):
        if group in mapping.groups:
            assert assess(AnomalyEvidence(left, 1.15, flags, (), whole.origin), mapping) is RiskLevel.NONE
