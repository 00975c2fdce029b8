"""Operations on risky identities: the list with its reasons, decisions, and refusals."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel
from nephoscope.operations.declaration.operation import OperationCall
from nephoscope.operations.declaration.schemas import InWorkspace
from nephoscope.operations.identity import identity_risks, risky_sign_ins
from nephoscope.operations.identity.identity_risks import RiskQuery
from nephoscope.service.identity_risk import WRITE
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def call(state, lake):
    several = [
        RiskDetection(
            id=f"{kind}-{level}", kind=kind, identity=f"{level}-1", event_type="newCountry", level=level, happened=NOW, detected=NOW,
            updated=NOW, reasons=["first sign-in from PT in 21 days"], display_name=f"{level.title()} one",
        )
        for kind in (IdentityKind.USER, IdentityKind.SERVICE_PRINCIPAL)
        for level in (RiskLevel.LOW, RiskLevel.HIGH)
    ]  # fmt: skip
    with state.transaction(product="a test") as session:
        RiskLedger(state, "default", NOW).add_detections(session, several)
    return OperationCall(ServiceContext(LocalUser.current(), state, lake.data), lambda: None, lake)


def rows(call, **query):
    found = identity_risks.list_risky_identities(call, RiskQuery(**query))
    return [(one["id"], one["level"], one["state"]) for one in identity_risks._list_rows(found)]


def test_the_highest_level_comes_first_and_filters_hold(call):
    assert [id_ for id_, *_ in rows(call)] == [
        "servicePrincipal:high-1", "user:high-1", "servicePrincipal:low-1", "user:low-1",
    ]  # fmt: skip
    assert {level for _, level, _ in rows(call, level="medium")} == {"high"}
    (first, *_) = identity_risks.list_risky_identities(call, RiskQuery()).value
    assert first.reason == "New country: first sign-in from PT in 21 days"


def test_decisions(call):
    identity_risks.dismiss_risk(call, "user:high-1", InWorkspace())
    identity_risks.confirm_safe(call, "low-1", InWorkspace())
    identity_risks.confirm_compromised(call, "servicePrincipal:low-1", InWorkspace())
    assert {id_: state for id_, _, state in rows(call)} == {
        "servicePrincipal:low-1": "confirmedCompromised", "servicePrincipal:high-1": "atRisk", "user:high-1": "dismissed",
        "user:low-1": "confirmedSafe",
    }  # fmt: skip
    assert [id_ for id_, *_ in rows(call, active=True)] == [
        "servicePrincipal:low-1",
        "servicePrincipal:high-1",
    ]
    history = identity_risks.list_risk_history(call, "user:high-1", InWorkspace())
    assert [(one["state"], one["types"]) for one in history] == [
        ("atRisk", "newCountry"),
        ("dismissed", "newCountry"),
    ]
    assert history[1]["by"] != "nephoscope"
    (one,) = identity_risks.list_detections_on_identity(call, "user:high-1", InWorkspace()).value
    assert (one.state, one.name) == ("dismissed", "High one")
    told = [(one.operation, one.target) for one in call.service.state.audit.entries(most=3)]
    assert told == [
        (WRITE, "riskyServicePrincipals/confirmCompromised"), (WRITE, "riskyUsers/confirmSafe"), (WRITE, "riskyUsers/dismiss"),
    ]  # fmt: skip


def test_a_decision_is_one_in_its_workspace(call):
    call.service.state.workspaces.add("other")
    other = InWorkspace(workspace="OTHER")
    ledger = RiskLedger(call.service.state, "other", NOW)
    with call.service.state.transaction(product="a test") as session:
        ledger.add_detections(
            session, call.service.state.identity_risks.list_detections("default", IdentityKind.USER)
        )
    identity_risks.dismiss_risk(call, "user:high-1", other)
    assert {state for _, _, state in rows(call)} == {"atRisk"}
    assert {one[2] for one in rows(call, workspace="other")} == {"atRisk", "dismissed"}
    assert [one["state"] for one in identity_risks.list_risk_history(call, "user:high-1", other)] == [
        "atRisk",
        "dismissed",
    ]
    (one,) = identity_risks.list_detections_on_identity(call, "user:high-1", other).value
    assert one.state == "dismissed"
    identity_risks.confirm_safe(call, "user:low-1", other)
    identity_risks.confirm_compromised(call, "user:high-1", other)
    assert {state for _, _, state in rows(call)} == {"atRisk"}


@pytest.mark.parametrize("id_", ["user:nobody", "planet:1", "servicePrincipal:nobody"])
def test_what_is_not_known_is_refused(call, id_):
    with pytest.raises(Exception, match=r"Nothing is known|planet"):
        identity_risks.dismiss_risk(call, id_, InWorkspace())


def test_service_principals_cannot_be_confirmed_safe(call):
    with pytest.raises(Exception, match="confirmSafe"):
        identity_risks.confirm_safe(call, "servicePrincipal:low-1", InWorkspace())


def test_risky_sign_ins_say_why(call):
    found = risky_sign_ins.list_risky_sign_ins(call, InWorkspace()).value
    assert len(found) == 4
    assert {(one.type, one.reason) for one in found} == {("newCountry", "first sign-in from PT in 21 days")}
