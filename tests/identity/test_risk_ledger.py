"""Risks: new detections raise the level of an identity, decisions cascade, low risk ends, and every change has its rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.api.wire.risk_objects import to_history_item
from nephoscope.identity.risk_decisions import IDENTITY_DECISIONS, REMEDIATIONS, SIGN_IN_DECISIONS
from nephoscope.identity.risk_ledger import LOW_EXPIRES, RiskLedger
from nephoscope.model.identity_risk import (
    IdentityKind,
    RiskDetection,
    RiskLevel,
    RiskState,
    combine_levels,
)
from nephoscope.state import State

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
USER, PRINCIPAL = IdentityKind.USER, IdentityKind.SERVICE_PRINCIPAL
LEVELS = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)


@pytest.fixture
def state(tmp_path):
    with State.open_folder(tmp_path) as found:
        yield found


def detection(id_, type_="newCountry", level=RiskLevel.LOW, *, who="U-1", kind=USER, at=NOW):
    return RiskDetection(
        id=id_, kind=kind, identity=who, event_type=type_, level=level, happened=at, detected=at, updated=at, request=f"r-{id_}",
        name="kim@contoso.com",
    )  # fmt: skip


def change(state, act, now=NOW):
    with state.transaction(product="a test") as session:
        return act(RiskLedger(state, "default", now), session)


def detect(state, *several, now=NOW):
    return change(state, lambda ledger, session: ledger.add_detections(session, several), now)


def risk(state, who="u-1", kind=USER):
    found = state.identity_risks.find_identities("default", kind, [who])[who]
    return found.level, found.state, found.detail


def decide(state, decision, now=NOW + timedelta(hours=1), kind=USER, who="U-1"):
    identities = list(state.identity_risks.find_identities("default", kind, [who]).values())
    change(state, lambda ledger, session: ledger.decide(session, identities, (), decision, "act", "ann"), now)


@pytest.mark.parametrize(
    ("several", "wanted"),
    [
        ([], RiskLevel.NONE),
        ([("a", RiskLevel.LOW)], RiskLevel.LOW),
        ([("a", RiskLevel.LOW)] * 9, RiskLevel.LOW),
        ([("a", RiskLevel.MEDIUM)], RiskLevel.MEDIUM),
        (
            [("a", RiskLevel.LOW), ("b", RiskLevel.LOW), ("c", RiskLevel.LOW), ("d", RiskLevel.LOW)],
            RiskLevel.MEDIUM,
        ),
        ([("a", RiskLevel.MEDIUM), ("b", RiskLevel.MEDIUM)], RiskLevel.MEDIUM),
        ([("a", RiskLevel.HIGH)], RiskLevel.HIGH),
    ],
)
def test_levels_combine(several, wanted):
    assert combine_levels(several) is wanted


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(LEVELS))), st.data())
def test_less_evidence_is_never_more_risk(several, data):
    order = (RiskLevel.NONE, *LEVELS)
    fewer = [one for one in several if data.draw(st.booleans())]
    assert order.index(combine_levels(fewer)) <= order.index(combine_levels(several))


def test_detections_raise_the_risk_of_their_identities_once(state):
    assert len(detect(state, detection("a"), detection("b", who="u-2"))) == 2
    assert risk(state) == (RiskLevel.LOW, RiskState.AT_RISK, "none")
    assert detect(state, detection("A"), now=NOW + timedelta(minutes=1)) == []
    detect(state, detection("c", "passwordSpray", RiskLevel.HIGH))
    assert risk(state)[0] is RiskLevel.HIGH
    history = state.identity_risks.history("default", USER, "u-1")
    assert [(one.identity.level, one.event_types) for one in history] == [
        (RiskLevel.LOW, ["newCountry"]), (RiskLevel.HIGH, ["passwordSpray"]),
    ]  # fmt: skip
    assert {one.initiated_by for one in history} == {"nephoscope"}


@pytest.mark.parametrize("kind", IDENTITY_DECISIONS)
def test_a_decision_is_one_of_the_identity_and_of_its_detections(state, kind):
    for name, decision in IDENTITY_DECISIONS[kind].items():
        who = f"u-{name}".lower()
        detect(state, detection(f"{name}1", who=who, kind=kind), detection(f"{name}2", who=who, kind=kind))
        decide(state, decision, kind=kind, who=who)
        assert risk(state, who, kind) == (decision.level, decision.state, decision.detail)
        several = state.identity_risks.detections_of("default", kind, [who])
        assert {(one.state, one.detail) for one in several} == {(decision.state, decision.detail)}
        assert decision.event_type in ("", *(one.event_type for one in several))
        last = state.identity_risks.history("default", kind, who)[-1]
        assert (last.initiated_by, last.identity.state) == ("ann", decision.state)


def test_a_new_detection_after_a_dismissal_counts_alone(state):
    detect(state, detection("a", "passwordSpray", RiskLevel.HIGH))
    decide(state, IDENTITY_DECISIONS[USER]["dismiss"])
    detect(state, detection("b"), now=NOW + timedelta(hours=2))
    assert risk(state) == (RiskLevel.LOW, RiskState.AT_RISK, "none")
    assert state.identity_risks.detections_of_sign_ins("default", ["R-A"])[0].state is RiskState.DISMISSED


def test_who_is_confirmed_compromised_stays_so_until_remediated(state):
    detect(state, detection("a"))
    decide(state, IDENTITY_DECISIONS[USER]["confirmCompromised"])
    detect(state, detection("b"), now=NOW + timedelta(hours=2))
    assert risk(state)[:2] == (RiskLevel.HIGH, RiskState.CONFIRMED_COMPROMISED)
    decide(state, REMEDIATIONS["userPerformedSecuredPasswordChange"], NOW + timedelta(hours=3))
    assert risk(state) == (RiskLevel.NONE, RiskState.REMEDIATED, "userPerformedSecuredPasswordChange")


def test_a_decision_on_a_sign_in_leaves_the_risk_of_the_others(state):
    detect(state, detection("a", "passwordSpray", RiskLevel.HIGH), detection("b"))
    risks = state.identity_risks

    def on(name, request):
        mine = risks.detections_of_sign_ins("default", [request])
        others = risks.detections_of("default", USER, ["u-1"])
        decision = SIGN_IN_DECISIONS[name]
        change(
            state,
            lambda ledger, session: ledger.decide_sign_ins(session, mine, others, decision, name, "ann"),
        )

    on("confirmSafe", "r-a")
    assert risk(state) == (RiskLevel.LOW, RiskState.AT_RISK, "adminConfirmedSigninSafe")
    on("dismiss", "r-b")
    assert risk(state) == (RiskLevel.NONE, RiskState.DISMISSED, "adminDismissedRiskForSignIn")
    on("confirmCompromised", "r-b")
    assert risk(state)[:2] == (RiskLevel.HIGH, RiskState.AT_RISK)


def test_what_was_changed_last_is_last_in_the_history_and_in_the_lake_whichever_clock_was_first(state):
    detect(state, detection("a"))
    decisions = IDENTITY_DECISIONS[USER]
    several = (("confirmSafe", NOW + timedelta(hours=1)), ("confirmCompromised", NOW), ("dismiss", NOW))
    for name, now in several:
        decide(state, decisions[name], now)
    on_sign_in = state.identity_risks.detections_of_sign_ins("default", ["r-a"])
    before = list(on_sign_in)
    for name in ("confirmCompromised", "confirmSafe"):
        change(
            state,
            lambda ledger, session, name=name: ledger.decide_sign_ins(
                session, before, (), SIGN_IN_DECISIONS[name], name, "ann"
            ),
        )
    items = state.identity_risks.history("default", USER, "u-1")
    times = [one.identity.updated for one in items]
    assert times == sorted(set(times))
    named = [to_history_item(one, beta=False)["id"] for one in items]
    assert len(set(named)) == len(items) == 6
    assert items[-1].identity == state.identity_risks.find_identities("default", USER, ["u-1"])["u-1"]
    (one,) = state.identity_risks.detections_of_sign_ins("default", ["r-a"])
    assert one.state is RiskState.CONFIRMED_SAFE
    assert one.updated > NOW + timedelta(hours=1)


def test_low_risk_ends_by_itself_and_more_does_not(state):
    detect(state, detection("a"), detection("b", "anomalousToken", RiskLevel.MEDIUM, who="u-2"))
    later = NOW + LOW_EXPIRES
    assert change(state, lambda ledger, session: ledger.expire(session), later) == 0
    assert change(state, lambda ledger, session: ledger.expire(session), later + timedelta(seconds=1)) == 1
    assert risk(state)[:2] == (RiskLevel.NONE, RiskState.NONE)
    assert risk(state, "u-2")[:2] == (RiskLevel.MEDIUM, RiskState.AT_RISK)


def test_workspaces_are_apart_and_every_change_has_its_row(state):
    detect(state, detection("a"), detection("p", who="p-1", kind=PRINCIPAL))
    with state.transaction(product="a test") as session:
        RiskLedger(state, "other", NOW).add_detections(session, [detection("a", level=RiskLevel.HIGH)])
    assert risk(state)[0] is RiskLevel.LOW
    assert state.outbox.waiting() == 6


def test_what_fails_leaves_nothing(state):
    def fail(ledger, session):
        ledger.add_detections(session, [detection("a")])
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        change(state, fail)
    assert state.identity_risks.list_identities("default", USER) == []
    assert state.outbox.waiting() == 0
