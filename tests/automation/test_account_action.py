"""Measures on accounts: planned, approved, carried out in a Graph that records requests, and undone; or printed as steps."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope.state.automation.automation_runs import RunStatus

MEASURES = ["revokeSessions", "requirePasswordChange", "block"]
ADA = ("Account", {"Name": "ada", "UPNSuffix": "contoso.com", "AadUserId": "id-ada"})
BOB = ("Account", {"Name": "bob", "UPNSuffix": "contoso.com"})
OFF = ("Account", {"AadUserId": "id-off"})
GONE = ("Account", {"AadUserId": "id-gone"})


def secure(**settings: Any) -> dict[str, Any]:
    return {"actions": [{"action": "account", "measures": MEASURES, **settings}]}


def test_measures_are_planned_approved_carried_out_and_undone(engine, raise_alert, graph) -> None:
    who = engine(secure(), operator=graph.operator)
    raise_alert("a1", entities=(ADA, BOB, OFF, GONE))
    run = next(iter(who.tick()))
    assert run.status is RunStatus.APPROVE
    assert [one["id"] for one in run.plan["accounts"]] == ["id-ada", "id-off"]
    assert [list(one) for one in run.plan["spared"]] == [
        ["bob@contoso.com", "operator.yaml excludes it"], ["id-gone", "Microsoft Graph has no such user"],
    ]  # fmt: skip
    assert graph.changes == []
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    assert (done.status, done.detail, done.until) == (
        RunStatus.DONE, "approved by kim; Microsoft Graph made 6 changes", None,
    )  # fmt: skip
    assert graph.changes[:3] == [
        ("PATCH", "id-ada", {"accountEnabled": False}),
        ("PATCH", "id-ada", {"passwordProfile": {"forceChangePasswordNextSignInWithMfa": True}}),
        ("POST", "id-ada/revokeSignInSessions", {}),
    ]
    graph.changes.clear()
    who.undo(run.id, "jo", done.changed)
    assert next(iter(who.tick(done.changed))).status is RunStatus.UNDONE
    lifted = {"passwordProfile": {"forceChangePasswordNextSignInWithMfa": False}}
    assert graph.changes == [
        ("PATCH", "id-ada", lifted), ("PATCH", "id-ada", {"accountEnabled": True}), ("PATCH", "id-off", lifted),
    ]  # fmt: skip
    assert graph.tokens == {"Bearer secret-token"}
    assert "secret-token" not in repr(done)


def test_a_refusal_is_tried_again_only_where_that_may_help(engine, raise_alert, graph) -> None:
    who = engine(secure(measures=["block"]), operator=graph.operator)
    raise_alert("a1", entities=(ADA,))
    run = next(iter(who.tick()))
    graph.answers = [503, 403]
    who.approve(run.id, "kim", run.changed)
    first = next(iter(who.tick(run.changed)))
    assert (first.status, "returned 503" in first.detail) == (RunStatus.PENDING, True)
    second = next(iter(who.tick(first.due)))
    assert (second.status, "returned 403" in second.detail) == (RunStatus.DEAD, True)
    assert graph.changes == []


def test_measures_with_an_end_are_undone_by_themselves(engine, raise_alert, graph) -> None:
    who = engine(secure(measures=["block"], hours=2), operator=graph.operator)
    raise_alert("a1", entities=(ADA,))
    run = next(iter(who.tick()))
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    assert next(iter(who.tick(done.until))).status is RunStatus.UNDONE
    assert graph.changes[-1] == ("PATCH", "id-ada", {"accountEnabled": True})


def test_without_permission_the_steps_are_printed(engine, raise_alert) -> None:
    who = engine(secure())
    raise_alert("a1", entities=(ADA,))
    run = next(iter(who.tick()))
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    assert done.detail.startswith(
        "approved by kim; run: az rest --method patch --url https://graph.microsoft.com/v1.0/users/id-ada"
    )
    assert "users/id-ada/revokeSignInSessions" in done.detail


def test_an_account_that_is_excluded_after_planning_is_left_alone(engine, raise_alert, graph) -> None:
    who = engine(secure(), operator=graph.operator)
    raise_alert("a1", entities=(ADA,))
    run = next(iter(who.tick()))
    excluding = {"accounts": {**graph.operator["accounts"], "never": ["ada@contoso.com"]}}
    who = engine(secure(), operator=excluding)
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    assert (done.status, "excludes accounts of the plan: ada@contoso.com" in done.detail) == (
        RunStatus.DEAD,
        True,
    )
    assert graph.changes == []


@pytest.mark.parametrize("entities", [(), (("Account", {"Name": "local"}),), (("Host", {"HostName": "h"}),)])
def test_an_event_without_accounts_plans_nothing(engine, raise_alert, entities) -> None:
    who = engine(secure())
    raise_alert("a1", entities=entities)
    run = next(iter(who.tick()))
    assert (run.status, run.detail) == (RunStatus.DONE, "no account to secure: the event has no account")


def test_only_revoked_sessions_cannot_be_undone(engine, raise_alert, graph) -> None:
    who = engine(secure(measures=["revokeSessions"]), operator=graph.operator)
    raise_alert("a1", entities=(ADA,))
    run = next(iter(who.tick()))
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    who.undo(run.id, "jo", done.changed)
    undone = next(iter(who.tick(done.changed)))
    assert (undone.status, "cannot be restored" in undone.detail) == (RunStatus.UNDONE, True)
