"""What is done by the own API is done: read back, audited, and secret where it is a secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from nephoscope.access import provider_tests
from nephoscope.cli.main import cli
from nephoscope.model.resource_binding import derive_device_id
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals

SECRET = "a client secret of a provider"
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/web-01"


def test_somebody_is_let_in_given_a_role_and_a_token(ask, server, instance):
    made = ask("POST", "/principals", 201, json={"kind": "ServicePrincipal", "name": "pipeline"})
    assert ask("GET", f"/principals/{made['id']}") == made
    assert made in ask("GET", "/principals?top=1000")["value"]
    assert (
        "already"
        in ask("POST", "/principals", 409, json={"kind": "ServicePrincipal", "name": "pipeline"})["error"][
            "message"
        ]
    )
    role = {"principal": made["id"], "role": "reader", "scope": "/workspaces/Default"}
    given = ask("POST", "/roleAssignments", 201, json=role)
    assert (given["role"], given["scope"]) == ("Reader", "/workspaces/default")
    secret = ask(
        "POST", f"/principals/{made['id']}/secrets", 201, json={"kind": "token", "days": 3, "label": "ci"}
    )["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    assert [one["name"] for one in server.get("/admin/v1/workspaces", headers=headers).json()["value"]] == [
        "default"
    ]
    (kept,) = ask("GET", f"/principals/{made['id']}/secrets")["value"]
    assert (kept["kind"], kept["label"]) == ("token", "ci")
    assert secret not in json.dumps(ask("GET", "/audit?top=1000"))
    ask("DELETE", f"/principals/{made['id']}/secrets/{kept['id']}", 204)
    assert server.get("/admin/v1/workspaces", headers=headers).status_code == 401
    ask("DELETE", f"/roleAssignments/{given['id']}", 204)
    ask("DELETE", f"/roleAssignments/{given['id']}", 404)
    assert instance.state.principals.roles(made["id"]) == []
    assert ask("PATCH", f"/principals/{made['id']}", json={"disabled": True})["disabled"] is True
    ask("POST", f"/principals/{made['id']}/secrets", 400, json={"kind": "token"})
    ask("POST", f"/principals/{made['id']}/secrets", 400, json={"kind": "link"})


def test_a_program_is_bound_to_a_machine(ask, caller):
    body = {"kind": "ServicePrincipal", "name": "agent of web-01", "binding": {"resource": MACHINE}}
    made = ask("POST", "/principals", 201, json=body)
    bound = {"resource": MACHINE, "computer": "web-01", "device": derive_device_id(MACHINE), "also": []}
    assert made["binding"] == bound
    path = f"/principals/{made['id']}"
    assert ask("PATCH", path, json={"disabled": False})["binding"] == bound, "what is left out stays"
    changed = {"resource": MACHINE, "computer": "web-01.contoso.com", "also": ["10.1.1.1"]}
    found = ask("PATCH", path, json={"binding": changed})["binding"]
    assert (found["computer"], found["also"]) == ("web-01.contoso.com", ["10.1.1.1"])
    for wrong in (
        "web-01",
        "/subscriptions/s",
        "/subscriptions/s/resourceGroups/g",
        f"{MACHINE} x",
        MACHINE + "/é",
    ):
        assert ask("PATCH", path, 400, json={"binding": {"resource": wrong}})["error"]["target"] == "binding"
    assert ask("PATCH", path, json={"binding": None})["binding"] is None
    details = [
        one["detail"] for one in ask("GET", "/audit?top=1000")["value"] if one["target"] == "agent of web-01"
    ]
    assert [(one.get("binding") or {}).get("resource") for one in details] == [None, MACHINE, None, MACHINE]
    person = ask("POST", "/principals", 201, json={"kind": "User", "name": "a person who is no machine"})
    ask("PATCH", f"/principals/{person['id']}", 409, json={"binding": {"resource": MACHINE}})


def test_an_owner_of_everything_is_left(ask, instance):
    held = [
        one
        for one in ask("GET", "/roleAssignments?top=1000")["value"]
        if (one["role"], one["scope"]) == ("Owner", "/")
    ]
    first = held[0]
    other = ask("POST", "/principals", 201, json={"kind": "User", "name": "an owner who left"})
    role = {"principal": other["id"], "role": "Owner", "scope": "/"}
    given = ask("POST", "/roleAssignments", 201, json=role)
    for one in held[1:]:
        ask("DELETE", f"/roleAssignments/{one['id']}", 204)
    ask("PATCH", f"/principals/{other['id']}", json={"disabled": True})
    assert "Owner" in ask("DELETE", f"/roleAssignments/{first['id']}", 409)["error"]["message"]
    assert first["id"] in {one.id for one in instance.state.principals.roles()}
    ask("DELETE", f"/roleAssignments/{given['id']}", 204)


def test_an_owner_of_a_part_gives_roles_there_and_nowhere_else(server, caller, instance):
    part = caller(("Owner", "/workspaces/default"))
    with instance.state.transaction() as session:
        ada = instance.state.principals.add(session, PrincipalKind.PERSON, "ada of a part")

    def give(role: str, scope: str) -> int:
        body = {"principal": ada.id, "role": role, "scope": scope}
        return server.post("/admin/v1/roleAssignments", headers=part, json=body).status_code

    assert give("Owner", "/workspaces/default") == 201
    assert give("Reader", "/") == 403
    assert give("Reader", "/workspaces/other") == 403
    assert give("Reader", "/subscriptions/0b0d9b3e-6f4e-4b11-9a53-1f6ef4c0a1aa") == 403
    assert server.get("/admin/v1/principals", headers=part).status_code == 403


def test_nobody_disables_themselves_or_makes_the_managed_identity_write(ask, server, owner, instance):
    me = next(one for one in instance.state.principals.all() if one.id in {
        each.principal for each in instance.state.principals.roles() if (each.role, each.scope) == ("Owner", "/")
    })  # fmt: skip
    ask("PATCH", f"/principals/{me.id}", 409, json={"disabled": True})
    identity = ask("POST", "/principals", 201, json={"kind": "ManagedIdentity", "name": "local"})
    role = {"principal": identity["id"], "role": "Contributor", "scope": "/"}
    assert "read-only" in ask("POST", "/roleAssignments", 400, json=role)["error"]["message"]


def test_a_subject_is_one_persons(ask):
    people = [ask("POST", "/principals", 201, json={"kind": "User", "name": name}) for name in ("s1", "s2")]
    ask("PATCH", f"/principals/{people[0]['id']}", json={"subject": "https://idp.example 1"})
    ask("PATCH", f"/principals/{people[1]['id']}", 409, json={"subject": "https://idp.example 1"})


def test_a_provider(ask, instance):
    body = {
        "title": "The company", "issuer": "https://127.0.0.1:9/realm", "clientId": "nepho", "clientSecret": SECRET,
        "rules": [{"claim": "groups", "value": "soc", "role": "security reader", "scope": "/workspaces/Default"}],
    }  # fmt: skip
    made = ask("PUT", "/signInProviders/corp", json=body)
    assert made["hasSecret"] is True
    assert made["rules"] == [
        {"claim": "groups", "value": "soc", "role": "Security Reader", "scope": "/workspaces/default"}
    ]
    assert ask("GET", "/signInProviders") == {"value": [made]}
    assert SECRET not in json.dumps([made, ask("GET", "/audit?top=1000")])
    del body["clientSecret"]
    assert ask("PUT", "/signInProviders/corp", json={**body, "title": "Corp"})["hasSecret"] is True
    assert instance.state.credentials.get("sign-in.corp").reveal() == SECRET
    for other in ({"issuer": "https://127.0.0.1:9/other"}, {"clientId": "another"}):
        wrong = ask("PUT", "/signInProviders/corp", 400, json={**body, **other})["error"]
        assert "enter the secret again" in wrong["message"]
    assert ask("GET", "/signInProviders/corp")["issuer"] == body["issuer"]
    assert made["tested"] is None
    asked = ask("POST", "/signInProviders/corp/test", 202)
    assert (asked["tested"], ask("GET", "/signInProviders/corp")["testing"]) == (None, asked["testing"])
    assert provider_tests.run_tests(instance.state) == ["corp"]
    tried = ask("GET", "/signInProviders/corp")
    assert (tried["testing"], tried["tested"]["works"]) == (None, False)
    assert "cannot be reached" in tried["tested"]["message"]
    assert ask("PUT", "/signInProviders/corp", json=body)["tested"] is None, "it was found of another"
    wrong = ask("PUT", "/signInProviders/corp", 400, json={**body, "issuer": "http://idp.example"})["error"]
    assert wrong["target"] == "issuer"
    ask("PUT", "/signInProviders/corp", 400, json={**body, "rules": [{"claim": "name", "value": "Ada"}]})
    ask("DELETE", "/signInProviders/corp", 204)
    assert "sign-in.corp" not in instance.state.credentials.names()


def test_a_workspace(ask):
    made = ask("POST", "/workspaces", 201, json={"name": "soc", "days": 30, "members": ["SigninLogs"]})
    assert (made["days"], made["members"]) == (30, ["SigninLogs"])
    ask("POST", "/workspaces", 409, json={"name": "soc"})
    changed = ask("PATCH", "/workspaces/soc", json={"days": 60, "members": None})
    assert (changed["days"], changed["members"]) == (60, None)
    assert ask("GET", "/workspaces/soc") == changed
    assert ask("PATCH", "/workspaces/soc", 400, json={"days": 0})["error"]["target"] == "body"
    ask("GET", "/workspaces/none", 404)


def test_a_source(ask, instance, tmp_path, server, caller):
    kinds = {one["name"]: one for one in ask("GET", "/sourceKinds")["value"]}
    assert {"folder", "storage", "graph"} <= kinds.keys()
    assert {name: value for name, value in kinds["folder"]["settings"][0].items() if name != "help"} == {
        "name": "paths",
        "type": "list",
        "default": None,
        "owners": "",
    }
    told = {one["name"]: one["owners"] for one in kinds["storage"]["settings"]}
    assert (told["credential"], told["poll"]) == ("the identity of the server", "")
    body = {"name": "logs", "kind": "folder", "settings": {"paths": [str(tmp_path)]}}
    made = ask("POST", "/sources", 201, json=body)
    assert made["enabled"] is True
    assert ask("GET", "/sources/logs") == made
    assert made in ask("GET", "/sources")["value"]
    tried = ask("POST", "/sources/logs/test")
    assert tried["works"] is True, tried
    assert ask("PATCH", "/sources/logs", json={"enabled": False})["enabled"] is False
    assert ask("GET", "/sources/logs/health") == {"value": []}
    arrivals = Arrivals("logs", "default", instance.now, (Arrival("Syslog", 2),), left_out=7)
    with instance.state.database.write() as session:
        instance.state.source_health.count(session, [arrivals])
    assert ask("GET", "/sources/logs")["leftOut"] == 7
    told = {one["table"]: one["leftOut"] for one in ask("GET", "/sources/logs/health")["value"]}
    assert told == {"": 7, "Syslog": 0}
    ask("POST", "/sources", 409, json=body)
    ask("POST", "/sources", 400, json={**body, "name": "x", "kind": "none"})
    ask("POST", "/sources", 400, json={**body, "name": "x", "settings": {"nosuch": 1}})
    ask("POST", "/sources", 400, json={**body, "name": "x", "workspace": "none"})
    ask("POST", "/sources", 400, json={**body, "name": "x", "secrets": {"word": "x"}})
    contributor = caller(("Contributor", "/"))
    denied = server.post("/admin/v1/sources", headers=contributor, json={**body, "name": "x"})
    assert denied.status_code == 403, "the server's own files are an owner's"
    ask("DELETE", "/sources/logs", 204)
    ask("GET", "/sources/logs", 404)


def test_a_source_with_a_secret_and_tokens(ask, instance):
    kinds = {one["name"]: one for one in ask("GET", "/sourceKinds")["value"]}
    needed = {one["name"]: "x" for one in kinds["logs_ingestion"]["settings"] if one["default"] is None}
    ask("POST", "/sources", 201, json={"name": "apps", "kind": "logs_ingestion", "settings": needed})
    token = ask("POST", "/sources/apps/tokens", 201)["token"]
    kept = instance.state.credentials.get("source.apps").reveal()
    assert token not in kept
    assert len(json.loads(kept)["tokens"]) == 64
    assert token not in json.dumps(ask("GET", "/audit?top=1000"))


def test_the_audit_pages_and_is_verified(ask, instance):
    for number in range(10):
        instance.guard.audit_denial(f"somebody {number}", "Nephoscope/nothing/read", "/")
    first = ask("GET", "/audit?top=5")
    second = ask("GET", f"/audit?top=5&before={first['next']}")
    numbers = [one["number"] for one in first["value"] + second["value"]]
    assert numbers == list(range(numbers[0], numbers[0] - 10, -1))
    told = ask("GET", "/audit/verification")
    rest = {"entries": told["entries"], "last": told["last"]}
    assert told == {"whole": True, "broken": None, "anchored": True, **rest}
    with instance.state.transaction() as session:
        before = session.execute(text("SELECT author FROM audit WHERE number = 3")).scalar_one()
        session.execute(text("UPDATE audit SET author = 'eve' WHERE number = 3"))
    assert ask("GET", "/audit/verification")["broken"] == 3
    assert ask("GET", "/health")["verdict"] == "wrong"
    with instance.state.transaction() as session:
        session.execute(text("UPDATE audit SET author = :name WHERE number = 3"), {"name": before})
    assert ask("GET", "/audit/verification")["whole"] is True


def test_the_server_tells_of_itself_and_of_no_secret(ask, instance, tmp_path):
    told = ask("GET", "/settings")
    assert told["settings"]["ownState"] is True
    assert "word" not in json.dumps(told)
    assert "tls.key" not in json.dumps(told)
    checks = {one["check"] for one in ask("GET", "/health")["checks"]}
    assert {"disk", "audit", "estate", "lake"} <= checks
    assert ask("GET", "/backup")["at"] is None
    file = tmp_path / "backup.tar"
    done = CliRunner().invoke(cli, ["--data", str(instance.data), "backup", str(file)])
    assert done.exit_code == 0, done.output
    kept = ask("GET", "/backup")
    assert kept["file"] == str(file)
    assert kept["bytes"] == file.stat().st_size
    assert (datetime.now(UTC) - datetime.fromisoformat(kept["at"])).total_seconds() < 3600


def test_assessing_needs_something_that_was_scanned(ask, instance):
    assert ask("GET", "/assessment") == {
        "targets": [],
        "last": None,
        "asked": None,
        "pending": False,
        "failed": "",
    }
    ask("POST", "/assessment", 409)
    done = CliRunner().invoke(cli, ["--data", str(instance.data), "scan", "sample:", "--output", "json"])
    assert done.exit_code == 0, done.output
    asked = ask("POST", "/assessment", 202)
    assert asked["targets"] == ["sample:"]
    assert asked["pending"] is True
    assert ask("GET", "/audit?top=1")["value"][0]["operation"].endswith("triggerEvaluation/action")


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "target"),
    [
        ("GET", "/principals?top=0", {}, 400, "query"),
        ("GET", "/principals?nosuch=1", {}, 400, "query"),
        ("GET", "/principals?top=1&top=2", {}, 400, "query"),
        ("GET", "/roles?top=1", {}, 400, "query"),
        ("GET", "/principals/none", {}, 400, "id"),
        ("POST", "/principals", {"json": {"kind": "User", "name": "a\nb"}}, 400, "body"),
        ("POST", "/principals", {"json": {"kind": "User", "name": "b\n"}}, 400, "body"),
        ("POST", "/principals", {"json": {"kind": "User", "name": "x", "more": 1}}, 400, "body"),
        (
            "POST",
            "/principals",
            {"content": b"{", "headers": {"Content-Type": "application/json"}},
            400,
            "body",
        ),
        ("POST", "/principals", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, None),
        (
            "POST",
            "/principals",
            {"content": b"[" * 500_000, "headers": {"Content-Type": "application/json"}},
            400,
            "body",
        ),
        (
            "POST",
            "/principals",
            {"content": b" " * 1_100_000, "headers": {"Content-Type": "application/json"}},
            413,
            None,
        ),
        ("PUT", "/principals", {"json": {}}, 405, None),
        ("GET", "/none", {}, 404, None),
    ],
    ids=str,
)
def test_what_is_not_described(server, owner, method, path, given, status, target):
    headers = {**owner, **given.pop("headers", {})}
    answer = server.request(method, f"/admin/v1{path}", headers=headers, **given)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].get("target") == target


def test_sessions_are_seen_and_ended(ask, instance, server):
    ada = ask("POST", "/principals", 201, json={"kind": "User", "name": "ada with a session"})
    cookie = instance.guard.open_session(instance.state.principals.get(ada["id"]))
    assert instance.guard.authenticate_secret(cookie, [SecretKind.SESSION]) is not None
    (session,) = ask("GET", f"/principals/{ada['id']}/secrets")["value"]
    ask("DELETE", f"/principals/{ada['id']}/secrets/{session['id']}", 204)
    assert instance.guard.authenticate_secret(cookie, [SecretKind.SESSION]) is None
