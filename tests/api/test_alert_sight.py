"""An alert over several subscriptions, asked for by those who reach all, some or none of them."""

from __future__ import annotations

import json

import pytest
from tests.api.raising import raise_alerts, vault

V = "api-version=2022-01-01"
ID = "33333333-2222-4222-8222-000000000001"


@pytest.fixture(scope="module")
def places(subscriptions):
    return subscriptions["sub-bwf-erp-prod"], subscriptions["sub-bwf-data-prod"]


@pytest.fixture(scope="module", autouse=True)
def raised(instance, places):
    """The alert: it names a vault of another subscription first."""
    one, other = places
    several = (vault(other, "rg-other", "kv-other"), vault(one, "rg-erp-app", "kv-erp"))
    raise_alerts(instance, "11111111-1111-4111-8111-111111111112", {ID: several})


def asked(server, headers, path):
    return server.get(f"{path}/providers/Microsoft.Security/alerts?{V}", headers=headers).json()["value"]


@pytest.mark.parametrize(
    ("roles", "whole"),
    [
        ((("Reader", "/subscriptions/{0}/resourceGroups/rg-erp-app"),), False),
        ((("Security Reader", "/subscriptions/{0}"),), False),
        ((("Reader", "/subscriptions/{0}"), ("Reader", "/subscriptions/{1}")), True),
        ((("Reader", "/subscriptions/{0}"), ("Reader", "/workspaces/default")), True),
        ((("Reader", "/"),), True),
    ],
)
def test_each_is_told_what_is_within_reach(server, token, places, roles, whole):
    one, other = places
    shown = {
        "Authorization": f"Bearer {token(*((role, scope.format(one, other).lower()) for role, scope in roles))}"
    }
    (listed,) = asked(server, shown, f"/subscriptions/{one}/resourceGroups/rg-erp-app")
    path = f"/subscriptions/{one}/resourceGroups/rg-erp-app/providers/Microsoft.Security/locations/global/alerts/{ID}"
    got = server.get(f"{path}?{V}", headers=shown)
    assert got.json() == listed, got.text
    text = json.dumps(listed).lower()
    secrets = (other, "kv-other", "rg-other", "azurediagnostics")
    assert [secret for secret in secrets if secret in text] == (list(secrets) if whole else [])
    kinds = [each["Type"] for each in listed["properties"]["entities"]]
    assert kinds == (["account", "azure-resource", "azure-resource"] if whole else ["azure-resource"])
    assert ("a part of this alert" in text) is not whole
    assert listed["id"].startswith(f"/subscriptions/{one}/")
    assert vault(one, "rg-erp-app", "kv-erp").lower() in text


def test_who_reaches_another_subscription_is_told_nothing(server, token, subscriptions):
    away = subscriptions["sub-bwf-sandbox"]
    shown = {"Authorization": f"Bearer {token(('Reader', f'/subscriptions/{away}'))}"}
    assert asked(server, shown, f"/subscriptions/{away}") == []


def test_who_reaches_a_part_does_not_say_how_the_alert_stands(server, token, places):
    one, other = places
    act = f"/subscriptions/{one}/providers/Microsoft.Security/locations/global/alerts/{ID}/resolve?{V}"
    some = token(("Security Admin", f"/subscriptions/{one}"))
    told = server.post(act, headers={"Authorization": f"Bearer {some}"})
    assert told.status_code == 403
    assert other not in told.text
    both = token(("Security Admin", f"/subscriptions/{one}"), ("Security Admin", f"/subscriptions/{other}"))
    assert server.post(act, headers={"Authorization": f"Bearer {both}"}).status_code == 204


@pytest.mark.parametrize(("scope", "rows"), [("/subscriptions/{0}", 0), ("/subscriptions/{1}", 0), ("/", 1)])
def test_its_row_is_read_by_who_reads_the_workspace(server, token, places, scope, rows):
    shown = {"Authorization": f"Bearer {token(('Reader', scope.format(*places)))}"}
    query = f"SecurityAlert | where SystemAlertId == '{ID}' | distinct SystemAlertId"
    told = server.post("/v1/workspaces/default/query", headers=shown, json={"query": query})
    assert len(told.json()["tables"][0]["rows"]) == rows, told.text
