"""Risk policies: from a detection to a plan, an approval, changes in Graph, a password change and a remediated user."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.automation.conftest import NOW

from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.past_matches import list_past_matches
from nephoscope.automation.rule_catalog import load_rules
from nephoscope.identity.risk_decisions import DISMISS, IDENTITY_DECISIONS
from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.identity.risk_run import RiskRun
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel, RiskState
from nephoscope.operations.declaration.operation import OperationCall
from nephoscope.operations.identity import risk_policies
from nephoscope.operations.identity.risk_policies import RiskPolicyBody
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.automation.automation_runs import RunStatus

USER = IdentityKind.USER
ADA = RiskDetection(
    id="d1", kind=USER, identity="id-ada", event_type="anomalousToken", level=RiskLevel.HIGH, happened=NOW, detected=NOW, updated=NOW,
    name="ada@contoso.com", display_name="Ada", address="203.0.113.9", reasons=["a token elsewhere"],
)  # fmt: skip


@pytest.fixture
def detect(state):
    """Keep detections."""

    def detecting(*detections, at=NOW):
        with state.transaction(product="a test") as session:
            RiskLedger(state, "default", at).add_detections(session, detections)

    return detecting


@pytest.fixture
def call(state, lake):
    return OperationCall(ServiceContext(LocalUser.current(), state, lake.data), lambda: None, lake)


def engine_of(lake, state):
    loaded = load_rules(lake.data, state)
    assert loaded.faults == []
    return AutomationEngine(lake, state, "default", loaded.rules)


def allow(lake, operator):
    import yaml

    path = lake.data / "responses" / "operator.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(operator))


def listed(call):
    (row,) = risk_policies._list_rows(risk_policies.list_policies(call))
    return row


def test_a_risky_user_is_secured_and_remediated(lake, state, put, call, detect, graph):
    allow(lake, graph.operator)
    risk_policies.create_policy(call, RiskPolicyBody(name="Secure risky users", level="medium"))
    assert listed(call)["enforcement"] == "Changes Microsoft Graph after an approval"
    detect(ADA, replace(ADA, id="d2", identity="id-low", level=RiskLevel.LOW, name="low@contoso.com"))
    who = engine_of(lake, state)
    (run,) = who.tick()
    assert (run.status, [one["id"] for one in run.plan["accounts"]]) == (RunStatus.APPROVE, ["id-ada"])
    assert graph.changes == [], "nothing without a person"
    assert (listed(call)["waiting"], listed(call)["done"]) == (1, 0)
    who.approve(run.id, "kim", run.changed)
    assert next(iter(who.tick(run.changed))).status is RunStatus.DONE
    assert graph.changes == [
        ("PATCH", "id-ada", {"passwordProfile": {"forceChangePasswordNextSignInWithMfa": True}}),
        ("POST", "id-ada/revokeSignInSessions", {}),
    ]
    assert (listed(call)["waiting"], listed(call)["done"]) == (0, 1)
    changed = {
        "TimeGenerated": (NOW + timedelta(minutes=5)).isoformat(), "OperationName": "Change user password", "Result": "success",
        "Id": "p1", "Category": "UserManagement", "TargetResources": [{"id": "id-ada"}],
    }  # fmt: skip
    put("AuditLogs", [changed], NOW + timedelta(minutes=6))
    RiskRun(lake, state, "default").run(NOW + timedelta(minutes=10))
    risky = state.identity_risks.find_identities("default", USER, ["id-ada"])["id-ada"]
    assert (risky.state, risky.detail) == (RiskState.REMEDIATED, "userPerformedSecuredPasswordChange")
    assert list(who.tick()) == [], "a remediation plans nothing"


def test_without_permission_the_steps_are_printed(lake, state, call, detect):
    risk_policies.create_policy(call, RiskPolicyBody(name="Secure", measures=("block",)))
    assert listed(call)["enforcement"] == "Prints the steps after an approval"
    detect(ADA)
    who = engine_of(lake, state)
    (run,) = who.tick()
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    assert "az rest --method patch --url https://graph.microsoft.com/v1.0/users/id-ada" in done.detail
    who.undo(run.id, "jo", done.changed)
    assert next(iter(who.tick(done.changed))).status is RunStatus.UNDONE
    assert (listed(call)["done"], listed(call)["undone"]) == (0, 1)


def test_who_is_as_risky_already_is_not_planned_again(lake, state, call, detect):
    risk_policies.create_policy(call, RiskPolicyBody(name="Secure"))
    who = engine_of(lake, state)
    detect(ADA)
    assert len(list(who.tick())) == 1
    detect(replace(ADA, id="d2", event_type="newCountry"), at=NOW + timedelta(minutes=1))
    assert list(who.tick()) == []
    known = state.identity_risks.find_identities("default", USER, ["id-ada"])["id-ada"]
    with state.transaction(product="a test") as session:
        ledger = RiskLedger(state, "default", NOW + timedelta(minutes=2))
        ledger.decide(session, [known], (), IDENTITY_DECISIONS[USER][DISMISS], DISMISS, "kim")
    assert list(who.tick()) == []
    detect(replace(ADA, id="d3"), at=NOW + timedelta(minutes=3))
    assert len(list(who.tick())) == 1, "at risk again after the dismissal"


def test_a_risky_sign_in_triggers_its_policy_alone(lake, state, call, detect):
    risk_policies.create_policy(
        call, RiskPolicyBody(name="Sign-ins", subject="signInRisk", level="low", measures=("revokeSessions",))
    )
    who = engine_of(lake, state)
    detect(
        replace(ADA, id="d1", level=RiskLevel.LOW), replace(ADA, id="d2", activity="user"),
        replace(ADA, id="d3", kind=IdentityKind.SERVICE_PRINCIPAL, identity="sp-1", activity="servicePrincipal"),
    )  # fmt: skip
    (run,) = who.tick()
    assert (run.kind, run.subject) == ("riskDetection.created", "d1")
    rule = who.rules[0]
    found = list_past_matches(state, rule, ["default"], NOW - timedelta(days=1), NOW)
    assert [(one.kind, one.id) for one in found] == [("detection", "d1")]


def test_past_matches_of_a_user_risk_policy(lake, state, call, detect):
    risk_policies.create_policy(call, RiskPolicyBody(name="Secure", disabled=True))
    detect(ADA, replace(ADA, id="d2", identity="id-low", level=RiskLevel.LOW))
    assert listed(call)["enforcement"] == "Off"
    who = engine_of(lake, state)
    assert list(who.tick()) == []
    found = list_past_matches(state, who.rules[0], ["default"], NOW - timedelta(days=1), NOW)
    assert [(one.kind, one.id, one.severity) for one in found] == [("identity", "user:id-ada", "High")]


def test_names_of_policies_are_unique(call):
    risk_policies.create_policy(call, RiskPolicyBody(name="Secure"))
    with pytest.raises(Exception, match="already used"):
        risk_policies.create_policy(call, RiskPolicyBody(name="Secure"))


def test_an_incident_action_has_no_incident_to_change(lake, state, detect, engine):
    who = engine({"when": ["riskyIdentity.changed"], "actions": [{"action": "incident", "comment": "x"}]})
    detect(ADA)
    (run,) = who.tick()
    assert (run.status, "has no incident" in run.detail) == (RunStatus.DEAD, True)
