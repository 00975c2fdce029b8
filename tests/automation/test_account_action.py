"""Measures on accounts: planned, approved, carried out in a Graph that records requests, and undone; or printed as steps."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from nephoscope.automation.actions import account
from nephoscope.state.automation.automation_runs import RunStatus

MEASURES = ["revokeSessions", "requirePasswordChange", "block"]
ADA = ("Account", {"Name": "ada", "UPNSuffix": "contoso.com", "AadUserId": "id-ada"})
BOB = ("Account", {"Name": "bob", "UPNSuffix": "contoso.com"})
OFF = ("Account", {"AadUserId": "id-off"})
GONE = ("Account", {"AadUserId": "id-gone"})


class _Token:
    token, expires_on = "secret-token", 1 << 40


class _Credential:
    def get_token(self, *_: str, **__: Any) -> _Token:
        return _Token()


class RecordedGraph:
    """A Graph with three users that records changes; `answers` are statuses of the next changes."""

    def __init__(self) -> None:
        self.users = {"id-ada": True, "bob@contoso.com": True, "id-off": False}
        self.changes: list[tuple[str, str, dict[str, Any]]] = []
        self.answers: list[int] = []
        self.tokens: set[str] = set()

    def answer(self, method: str, path: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        self.tokens.add(token)
        name = path.partition("?")[0].removeprefix("/v1.0/users/").partition("/")[0]
        if name not in self.users:
            return 404, {"error": {"code": "Request_ResourceNotFound"}}
        if method == "GET":
            known = {"id-ada": "ada@contoso.com"}.get(name, name)
            return 200, {"id": name, "accountEnabled": self.users[name], "userPrincipalName": known}
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self.changes.append((method, path.removeprefix("/v1.0/users/"), body))
        return status, {"error": {"message": "not now"}}


@pytest.fixture
def graph(tmp_path, monkeypatch):
    recorded = RecordedGraph()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, answer = recorded.answer(self.command, self.path, body, self.headers["Authorization"])
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    cloud = tmp_path / "cloud.json"
    names = ("resourceManager", "authority", "graph", "audience")
    cloud.write_text(json.dumps({"name": "test", **dict.fromkeys(names, origin)}))
    monkeypatch.setattr(account, "credential_source", lambda *_: _Credential)
    recorded.operator = {
        "accounts": {"sign_in": "default", "cloud": str(cloud), "never": ["Bob@contoso.com"]}
    }
    yield recorded
    server.shutdown()
    server.server_close()


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
