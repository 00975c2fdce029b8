"""Kinds that people put by the API: kept as documents, given back, listed, deleted, and by nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nephoscope.api.wire.document_kinds import merge_documents
from nephoscope.api.wire.document_secrets import strip_secrets
from nephoscope.api.wire.operation import OperationRegistry
from nephoscope.automation.operator_policy import FILE
from nephoscope.model.read_scope import EVERYTHING
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE

VERSION = "api-version=2023-01-01"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"
SOURCES = [{"eventSource": "Alerts"}]


def posting(uri: str) -> dict[str, str]:
    app = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/w"
    return {"actionType": "LogicApp", "logicAppResourceId": app, "uri": uri}


#: A resource group of the sample's sandbox.
GROUP = "rg-sbx-lab"
#: path below a subscription, below a group of it, or in a workspace (with a leading slash) -> a body
BODIES = {
    "GROUP/Microsoft.Security/automations/a": {"properties": {"sources": SOURCES, "actions": [posting("https://x/?sig=1")]}},
    "GROUP/Microsoft.Security/locations/westeurope/jitNetworkAccessPolicies/default": {
        "kind": "Basic", "properties": {"virtualMachines": [{
            "id": "/subscriptions/SUB/resourceGroups/rg-sbx-lab/providers/Microsoft.Compute/virtualMachines/vm-sbx-jump",
            "ports": [{"number": 22, "protocol": "TCP", "maxRequestAccessDuration": "PT3H"}],
        }]},
    },
    "Microsoft.Security/locations/westeurope/applicationWhitelistings/g": {
        "properties": {"pathRecommendations": [{"path": "C:\\a.exe"}]},
    },
    "Microsoft.Security/governanceRules/r": {"properties": {"rulePriority": 1, "ownerSource": {"type": "Manually"}}},
    "Microsoft.Security/connectors/c": {"properties": {"authenticationDetails": {"authenticationType": "awsCreds"}}},
    "GROUP/Microsoft.Security/securityConnectors/c": {"properties": {"environmentName": "AWS"}},
    "Microsoft.Security/workspaceSettings/default": {"properties": {"workspaceId": "/w"}},
    "Microsoft.Security/ingestionSettings/default": {},
    "GROUP/Microsoft.Security/iotSecuritySolutions/s": {"location": "x", "tags": {"key1": "v"}, "properties": {
        "displayName": "s", "workspace": "/w", "iotHubs": [],
    }},
    "GROUP/Microsoft.Security/standards/s": {"properties": {}},
    "Microsoft.Security/assessments/11111111-1111-1111-1111-111111111111": {
        "properties": {"status": {"code": "Unhealthy"}, "resourceDetails": {"source": "Azure"}},
    },
    "Microsoft.PolicyInsights/remediations/r": {"properties": {"policyAssignmentId": "/a"}},
    "GROUP/Microsoft.ResourceGraph/queries/q": {"properties": {"query": "where type =~ 'x'"}},
    "/dataConnectors/d": {"kind": "Office365", "properties": {"tenantId": "11111111-1111-1111-1111-111111111111"}},
    "/automationRules/r": {
        "properties": {
            "order": 1,
            "displayName": "d",
            "triggeringLogic": {"isEnabled": True, "triggersOn": "Incidents", "triggersWhen": "Created"},
            "actions": [],
        }
    },
    "/alertRules/x/actions/a": {"properties": {"logicAppResourceId": "/subscriptions/s/workflows/w", "triggerUri": "https://x"}},
    "/settings/EyesOn": {"kind": "EyesOn", "properties": {}},
    "/onboardingStates/default": {"properties": {}},
    "/metadata/m": {"properties": {"parentId": "p", "kind": "AnalyticsRule"}},
}  # fmt: skip


def address(name: str, subscription: str) -> str:
    if name.startswith("/"):
        return f"{INSIGHTS}{name}"
    below = name.removeprefix("GROUP/")
    group = f"/resourceGroups/{GROUP}" if below != name else ""
    return f"/subscriptions/{subscription}{group}/providers/{below}"


def document(name: str, path: str) -> dict[str, Any]:
    """The body, of machines of the subscription of a path."""
    text = json.dumps(BODIES[name])
    return json.loads(text.replace("/subscriptions/SUB/", "/".join(path.split("/")[:3]) + "/"))


@pytest.mark.parametrize("name", BODIES)
def test_what_is_put_is_given_back_listed_and_deleted(server, owner, subscriptions, name):
    path = address(name, subscriptions["sub-bwf-sandbox"])
    answer = server.put(f"{path}?{VERSION}", headers=owner, json=document(name, path))
    assert answer.status_code in (200, 201), answer.text
    put = answer.json()
    assert put["id"] == path
    assert server.get(f"{path.upper()}?{VERSION}", headers=owner).json() == {
        **put,
        "id": put["id"],
    } or name.startswith("/")
    assert server.get(f"{path}?{VERSION}", headers=owner).json() == put
    listed = server.get(f"{path.rpartition('/')[0]}?{VERSION}", headers=owner).json()["value"]
    assert put in listed
    assert server.put(f"{path}?{VERSION}", headers=owner, json=document(name, path)).status_code == 200
    assert server.delete(f"{path}?{VERSION}", headers=owner).status_code in (200, 204)
    assert server.delete(f"{path}?{VERSION}", headers=owner).status_code == 204
    assert server.get(f"{path}?{VERSION}", headers=owner).status_code == 404


@pytest.mark.parametrize("name", [one for one in BODIES if not one.startswith("/")])
def test_another_subscription_is_another_matter(server, owner, token, subscriptions, name):
    mine, other = subscriptions["sub-bwf-sandbox"], subscriptions["sub-bwf-erp-prod"]
    path = address(name, mine)
    assert server.put(f"{path}?{VERSION}", headers=owner, json=document(name, path)).status_code in (200, 201)
    headers = {"Authorization": f"Bearer {token(('Reader', f'/subscriptions/{other}'))}"}
    assert server.get(f"{path}?{VERSION}", headers=headers).status_code == 403
    assert server.get(f"{path.rpartition('/')[0]}?{VERSION}", headers=headers).status_code == 403
    assert server.put(f"{path}?{VERSION}", headers=headers, json=document(name, path)).status_code == 403
    server.delete(f"{path}?{VERSION}", headers=owner)


def test_a_workspace_is_one_whatever_its_path_says(server, owner):
    path = (
        "/subscriptions/{}/resourceGroups/{}"
        + INSIGHTS.partition("/g")[2].replace("default", "DEFAULT")
        + "/{}"
    )
    body = BODIES["/dataConnectors/d"]
    server.put(f"{path.format('a', 'b', 'dataConnectors/d')}?{VERSION}", headers=owner, json=body)
    found = server.get(f"{path.format('c', 'd', 'dataConnectors/D')}?{VERSION}", headers=owner).json()
    assert found["properties"] == body["properties"]
    (one,) = server.get(f"{path.format('e', 'f', 'dataConnectors')}?{VERSION}", headers=owner).json()["value"]
    assert one["id"].startswith("/subscriptions/e/resourceGroups/f/")
    server.delete(f"{path.format('c', 'd', 'dataConnectors/d')}?{VERSION}", headers=owner)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"headers": {"Authorization": "Basic YTpi", "Accept": "text"}}, {"headers": {"Authorization": None, "Accept": "text"}}),
        ({"headers": {"X-Any": "Bearer abcdefgh123"}}, {"headers": {"X-Any": None}}),
        ({"queryParameters": {"sig": "S", "since": "1d"}}, {"queryParameters": {"sig": None, "since": "1d"}}),
        ({"password": {"key": "password", "value": "P"}}, {"password": {"key": "password", "value": None}}),
        ({"userName": {"key": "u", "value": "U"}}, {"userName": {"key": "u", "value": "U"}}),
        ({"AuthorizationCode": "C", "ClientId": "I"}, {"AuthorizationCode": None, "ClientId": "I"}),
        ({"tags": {"key": "v", "password": "a word"}}, {"tags": {"key": "v", "password": "a word"}}),
    ],
)  # fmt: skip
def test_what_signs_a_request_is_not_kept(sent, kept):
    assert strip_secrets(sent) == kept


def test_secrets_are_not_kept(server, owner, instance, subscriptions):
    assert strip_secrets({"a": [{"password": "x", "user": "u"}], "tags": {"key1": "v"}}) == {
        "a": [{"password": None, "user": "u"}],
        "tags": {"key1": "v"},
    }
    path = address("GROUP/Microsoft.Security/automations/secret", subscriptions["sub-bwf-sandbox"])
    answer = server.put(
        f"{path}?{VERSION}", headers=owner, json=BODIES["GROUP/Microsoft.Security/automations/a"]
    )
    assert "sig=1" not in answer.text
    (name,) = [one for one in instance.state.credentials.names() if one.startswith("automation-")]
    assert instance.state.credentials.get(name).reveal() == "https://x/?sig=1"
    server.delete(f"{path}?{VERSION}", headers=owner)
    assert not [one for one in instance.state.credentials.names() if one.startswith("automation-")]


def test_if_match(server, owner):
    path = f"{INSIGHTS}/dataConnectors/matched?{VERSION}"
    etag = server.put(path, headers=owner, json=BODIES["/dataConnectors/d"]).json()["etag"]
    assert (
        server.put(
            path, headers={**owner, "If-Match": '"other"'}, json=BODIES["/dataConnectors/d"]
        ).status_code
        == 412
    )
    assert (
        server.put(path, headers={**owner, "If-Match": etag}, json=BODIES["/dataConnectors/d"]).status_code
        == 200
    )
    assert server.delete(path, headers={**owner, "If-Match": '"other"'}).status_code == 412
    assert server.delete(path, headers=owner).status_code == 200


def test_merging_takes_away_what_is_null():
    assert merge_documents({"a": {"b": 1, "c": 2}, "d": 1}, {"a": {"b": None, "e": 3}, "d": [1]}) == {
        "a": {"c": 2, "e": 3},
        "d": [1],
    }


def test_every_kept_kind_says_what_follows():
    kept = [one for one in OperationRegistry.load_all_operations() if one.effect]
    assert len(kept) > 150
    assert all(one.effect.endswith(".") for one in kept)


def test_an_automation_is_told_of_what_its_author_reads(server, instance, token, subscriptions):
    subscription = subscriptions["sub-bwf-sandbox"]
    listing = instance.snapshots.load_newest().listing
    group = str(
        listing.page([RESOURCE_GROUP_TYPE], EVERYTHING, f"/subscriptions/{subscription}").bodies[0]["id"]
    )
    headers = {"Authorization": f"Bearer {token(('Contributor', group.lower()))}"}
    path = f"{group}/providers/Microsoft.Security/automations/export?{VERSION}"

    def put(status, **properties):
        answer = server.put(path, headers=headers, json={"properties": {"sources": SOURCES, **properties}})
        assert answer.status_code in status, answer.text
        return answer.json()

    actions = [posting("https://x/?sig=1")]
    made = put((200, 201), actions=actions)
    assert [one["scopePath"] for one in made["properties"]["scopes"]] == [group.lower()]
    put((403,), actions=actions, scopes=[{"scopePath": f"/subscriptions/{subscription}"}])
    put((200, 201), actions=actions, scopes=[{"scopePath": group}])
    workspace = f"{group}/providers/Microsoft.OperationalInsights/workspaces/default"
    put((403,), actions=[{"actionType": "Workspace", "workspaceResourceId": workspace}])


def test_an_automation_that_is_patched_stays_within_what_its_author_reads(
    server, owner, instance, token, subscriptions
):
    subscription = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"
    group = str(
        instance.snapshots.load_newest()
        .listing.page([RESOURCE_GROUP_TYPE], EVERYTHING, subscription)
        .bodies[0]["id"]
    )
    headers = {"Authorization": f"Bearer {token(('Contributor', group.lower()))}"}
    path = f"{group}/providers/Microsoft.Security/automations/patched?{VERSION}"

    def patch(who, **properties):
        return server.patch(path, headers=who, json={"properties": properties})

    assert patch(headers, isEnabled=False).status_code == 404, "there is none yet"
    server.put(path, headers=headers, json=BODIES["GROUP/Microsoft.Security/automations/a"])
    secrets = {
        name: instance.state.credentials.get(name).reveal() for name in instance.state.credentials.names()
    }
    told = patch(headers, isEnabled=False).json()["properties"]
    assert told["isEnabled"] is False
    assert [one["scopePath"] for one in told["scopes"]] == [group.lower()], "cut as when it was put"
    assert {name: instance.state.credentials.get(name).reveal() for name in secrets} == secrets, (
        "what is not sent stays"
    )
    assert patch(headers, scopes=[{"scopePath": subscription}]).status_code == 403
    workspace = f"{group}/providers/Microsoft.OperationalInsights/workspaces/default"
    writing = [{"actionType": "Workspace", "workspaceResourceId": workspace}]
    assert patch(headers, actions=writing).status_code == 403
    other = {**posting(""), "logicAppResourceId": f"{group}/providers/Microsoft.Logic/workflows/other"}
    del other["uri"]
    error = patch(headers, actions=[other]).json()["error"]
    assert error["target"] == "properties.actions[0].uri", "the address that is kept is another app's"
    reader = {"Authorization": f"Bearer {token(('Reader', group.lower()))}"}
    assert patch(reader, isEnabled=True).status_code == 403
    assert server.get(path, headers=owner).json()["properties"] == told, "what was refused changed nothing"
    assert patch(owner, scopes=[{"scopePath": subscription}]).json()["properties"]["scopes"] == [
        {"scopePath": subscription}
    ]
    server.delete(path, headers=owner)


INSIDE = [
    "http://hooks.example/", "https://127.0.0.1/x?sig=1", "https://169.254.169.254/metadata", "https://[::1]/", "https://10.0.0.4/",
    "https://ada:secret@hooks.example/", "https://", "none",
]  # fmt: skip


@pytest.mark.parametrize("uri", INSIDE)
def test_an_address_that_no_run_would_ask_is_not_kept(server, owner, instance, subscriptions, uri):
    scope = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"
    body = {"properties": {"sources": SOURCES, "actions": [posting("https://x/"), posting(uri)]}}
    group = str(
        instance.snapshots.load_newest()
        .listing.page([RESOURCE_GROUP_TYPE], EVERYTHING, scope)
        .bodies[0]["id"]
    )
    path = f"{group}/providers/Microsoft.Security/automations/inside"
    told = server.put(f"{path}?{VERSION}", headers=owner, json=body)
    error = told.json()["error"]
    assert (told.status_code, error["code"], error["target"]) == (
        400,
        "InvalidAddress",
        "properties.actions[1].uri",
    )
    assert "secret" not in told.text
    assert instance.state.arm_documents.get(path.lower()) is None
    valid = server.post(f"{path}/validate?{VERSION}", headers=owner, json=body).json()
    assert (valid["isValid"], "is blocked by the egress policy" in valid["message"]) == (False, True)


def test_an_address_inside_that_the_operator_allows_is_kept(server, owner, instance, subscriptions):
    scope = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"
    group = str(
        instance.snapshots.load_newest()
        .listing.page([RESOURCE_GROUP_TYPE], EVERYTHING, scope)
        .bodies[0]["id"]
    )
    path = f"{group}/providers/Microsoft.Security/automations/inside?{VERSION}"
    body = {"properties": {"sources": SOURCES, "actions": [posting("https://10.0.0.4/?sig=1")]}}
    assert server.put(path, headers=owner, json=body).status_code == 400
    file = instance.data / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("webhook:\n  private: [10.0.0.0/24]\n")
    try:
        assert server.put(path, headers=owner, json=body).status_code == 201
        file.write_text("webhook: 1")
        assert server.put(path, headers=owner, json=body).status_code == 503
    finally:
        file.unlink()
    assert server.delete(path, headers=owner).status_code == 204


@pytest.mark.parametrize(
    ("plan", "tier", "sub", "kept"),
    [
        ("VirtualMachines", "Free", "P2", None),
        ("VirtualMachines", "Standard", "P9", None),
        ("virtualmachines", "Standard", "p1", "P1"),
        ("StorageAccounts", "Standard", "DefenderForStorageV2", "DefenderForStorageV2"),
    ],
)
def test_a_sub_plan_is_one_of_its_plan_in_standard(server, owner, subscriptions, plan, tier, sub, kept):
    scope = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"
    path = f"{scope}/providers/Microsoft.Security/pricings/{plan}?api-version=2024-01-01"
    told = server.put(path, headers=owner, json={"properties": {"pricingTier": tier, "subPlan": sub}})
    assert told.status_code == (200 if kept else 400), told.text
    assert kept is None or told.json()["properties"]["subPlan"] == kept
    server.delete(path, headers=owner)
