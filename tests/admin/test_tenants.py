"""Tenants by the own API: connected, changed, tried, granted for and forgotten; what is the host's own is an owner's."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from nephoscope.collect.azure.connection_test import (
    ConnectionTrial,
    GroupTrial,
    PermissionTrial,
    SubscriptionTrial,
)
from nephoscope.posture.scans import tenants

ID, CLIENT = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
ONE = "00000000-0000-4000-8000-000000000001"
SECRET = "very~secret~text"
ASKED = {"tenant": ID, "client": CLIENT, "subscriptions": [ONE]}
NEW = {"name": "contoso", "connection": ASKED, "secrets": {"secret": SECRET}}
IDENTITY = {"name": "own", "connection": {"signIn": "managed-identity"}}


@pytest.fixture
def contoso(ask):
    yield ask("POST", "/tenants", 201, json=NEW)
    ask("DELETE", "/tenants/contoso", 204)


def test_a_tenant_is_connected_changed_and_forgotten(ask, instance, contoso):
    assert contoso["hasSecrets"] is True
    assert ask("GET", "/tenants/contoso") == contoso
    assert ask("GET", "/tenants")["value"] == [contoso]
    ask("POST", "/tenants", 409, json=NEW)
    changed = ask("PATCH", "/tenants/contoso", json={"enabled": False, "hours": 24})
    assert (changed["enabled"], changed["hours"], changed["connection"]) == (False, 24, contoso["connection"])
    groups = {**ASKED, "subscriptions": [], "managementGroups": ["mg"]}
    assert ask("PATCH", "/tenants/contoso", json={"connection": groups})["connection"][
        "managementGroups"
    ] == ["mg"]
    kept = instance.state.tenants.get("contoso")
    assert tenants.load_tenant_secrets(instance.state, kept).secret == SECRET
    ask("PATCH", "/tenants/contoso", json={"secrets": {"secret": "another~text"}})
    assert (
        tenants.load_tenant_secrets(instance.state, instance.state.tenants.get("contoso")).secret
        == "another~text"
    )
    ask("PATCH", "/tenants/contoso", json={"connection": ASKED})
    ask("POST", "/tenants/contoso/collect", 202)
    told = json.dumps(ask("GET", "/audit?top=1000"))
    assert "tenant contoso" in told
    assert SECRET not in told
    assert SECRET not in json.dumps(ask("GET", "/tenants"))


@pytest.mark.parametrize(
    ("connection", "secrets", "said"),
    [
        pytest.param({**ASKED, "tenant": ""}, {"secret": SECRET}, "tenant ID", id="tenant"),
        pytest.param({**ASKED, "client": "x"}, {"secret": SECRET}, "client ID", id="client"),
        pytest.param({**ASKED, "subscriptions": ["x'y"]}, {"secret": SECRET}, "subscription", id="subscription"),
        pytest.param(ASKED, {}, "client secret is missing", id="secret"),
        pytest.param({**ASKED, "signIn": "certificate"}, {"certificate": "-----BEGIN"}, "cannot be read", id="certificate"),
        pytest.param({**ASKED, "cloud": "/etc/passwd"}, {"secret": SECRET}, "select a sign-in method", id="cloud"),
        pytest.param({**ASKED, "signIn": "magic"}, {"secret": SECRET}, "magic", id="sign-in"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(ask, connection, secrets, said):
    told = ask("POST", "/tenants", 400, json={"name": "wrong", "connection": connection, "secrets": secrets})
    assert said in told["error"]["message"]
    ask("GET", "/tenants/wrong", 404)
    ask("POST", "/tenants/wrong/test", 404)
    ask("POST", "/tenants/wrong/collect", 404)
    ask("DELETE", "/tenants/wrong", 404)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tenant", ONE), ("client", ONE), ("cloud", "china")],
    ids=["tenant", "client", "cloud"],
)
def test_a_stored_secret_is_for_the_connection_that_it_was_given_for(ask, instance, contoso, name, value):
    changed = {"connection": {**ASKED, name: value}}
    told = ask("PATCH", "/tenants/contoso", 400, json=changed)["error"]["message"]
    assert told.startswith(f"{name} changed: enter")
    assert ask("GET", "/tenants/contoso") == contoso
    ask("PATCH", "/tenants/contoso", json={**changed, "secrets": {"secret": "of-this"}})
    assert (
        tenants.load_tenant_secrets(instance.state, instance.state.tenants.get("contoso")).secret == "of-this"
    )


def test_trying_says_it_of_each_subscription(ask, instance, contoso, monkeypatch):
    assert contoso["tested"] is None
    group = GroupTrial(f"/subscriptions/{ONE}/resourcegroups/rg", "rg")
    lacking = SubscriptionTrial(
        ONE, "prod", answers=True, lacks=("Microsoft.Web/sites/read",), groups=(group,)
    )
    refused = PermissionTrial("User.Read.All", granted=False, reason="403")
    monkeypatch.setattr(
        tenants, "try_connection", lambda *_: ConnectionTrial(datetime.now(UTC), "", (lacking,), (refused,))
    )
    asked = ask("POST", "/tenants/contoso/test", 202)
    assert (asked["tested"], ask("GET", "/tenants/contoso")["testing"]) == (None, asked["testing"])
    assert tenants.make_tests(instance.state, instance.data) == ["contoso"]
    found = ask("GET", "/tenants/contoso")["tested"]
    assert found["works"] is False
    assert found["subscriptions"][0]["lacks"] == ["Microsoft.Web/sites/read"]
    assert found["subscriptions"][0]["groups"] == [{"id": group.id, "name": "rg", "lacks": []}]
    assert found["permissions"] == [{"name": "User.Read.All", "granted": False, "reason": "403"}]
    assert ask("GET", "/tenants/contoso")["testing"] is None


def test_what_cannot_be_tried_is_told(ask, instance, contoso, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tenants, "try_connection", full)
    ask("POST", "/tenants/contoso/test", 202)
    tenants.make_tests(instance.state, instance.data)
    found = ask("GET", "/tenants/contoso")
    assert found["testing"] is None
    assert "No space left" in found["tested"]["error"]


def test_the_scripts_are_those_of_the_scope(ask):
    found = ask("POST", "/tenantGrants", json={"connection": ASKED, "exact": True})
    assert f"'/subscriptions/{ONE}'" in found["az"]
    assert found["actions"]
    assert all(f'"{name}"' in found["az"] and f"'{name}'" in found["bicep"] for name in found["actions"])
    assert {one["name"] for one in found["rights"]} == {*found["actions"], *found["permissions"]}
    ask("POST", "/tenantGrants", 400, json={"connection": {**ASKED, "tenant": "$(reboot)"}})
