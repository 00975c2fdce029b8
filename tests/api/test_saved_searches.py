"""Saved searches of a workspace: put, read back, listed, deleted; the same queries that the logs page shares."""

from __future__ import annotations

import pytest

V = "api-version=2020-08-01"
ROOT = (
    "/subscriptions/{}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/{}/savedSearches"
)
GIVEN = {
    "category": "SOC", "displayName": "Failed sign-ins", "query": "SigninLogs | where ResultType != '0'", "version": 2,
    "tags": [{"name": "Group", "value": "Computer"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(subscriptions, instance):
    instance.state.workspaces.add("other")
    return ROOT.format(subscriptions["sub-bwf-erp-prod"], "default")


def shown(token, *roles) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(*roles)}"}


def test_one_is_put_read_back_listed_and_deleted(server, owner, root, instance):
    path = f"{root}/My-Search"
    put = server.put(f"{path}?{V}", headers=owner, json={"properties": GIVEN})
    assert (put.status_code, put.json()["properties"]) == (200, GIVEN)
    body = put.json()
    assert (body["id"], body["name"]) == (path, "My-Search")
    assert server.get(f"{path.lower()}?{V}", headers=owner).json()["properties"] == GIVEN
    (listed,) = server.get(f"{root}?{V}", headers=owner).json()["value"]
    assert listed == body
    (saved,) = instance.state.saved_queries.list_visible("default", "anybody")
    assert (saved.name, saved.query, saved.shared) == (GIVEN["displayName"], GIVEN["query"], True)
    changed = {**GIVEN, "displayName": "All sign-ins", "query": "SigninLogs"}
    again = server.put(f"{path}?{V}", headers=owner, json={"etag": body["etag"], "properties": changed})
    assert (again.status_code, again.json()["properties"]) == (200, changed)
    stale = server.put(f"{path}?{V}", headers=owner, json={"etag": body["etag"], "properties": GIVEN})
    assert stale.status_code == 409
    assert len(instance.state.saved_queries.list_shared("default")) == 1
    assert server.delete(f"{path}?{V}", headers=owner).status_code == 200
    assert server.delete(f"{path}?{V}", headers=owner).status_code == 204
    assert server.get(f"{path}?{V}", headers=owner).status_code == 404
    assert server.get(f"{root}?{V}", headers=owner).json() == {"value": []}
    assert instance.state.arm_documents.all(["microsoft.operationalinsights/workspaces/savedsearches"]) == []


def test_two_may_have_one_name_and_workspaces_share_nothing(server, owner, root):
    other = root.replace("/default/", "/other/")
    for path in (f"{root}/one", f"{root}/two", f"{other}/one"):
        assert server.put(f"{path}?{V}", headers=owner, json={"properties": GIVEN}).status_code == 200
    assert len(server.get(f"{root}?{V}", headers=owner).json()["value"]) == 2
    assert server.delete(f"{root}/one?{V}", headers=owner).status_code == 200
    assert server.get(f"{other}/one?{V}", headers=owner).status_code == 200
    for path in (f"{root}/two", f"{other}/one"):
        assert server.delete(f"{path}?{V}", headers=owner).status_code == 200


def test_those_of_the_page_are_there_and_private_ones_are_not(server, owner, root, instance):
    with instance.state.transaction() as session:
        queries = instance.state.saved_queries
        mine = queries.put(session, "default", "Shared", "Heartbeat", "somebody", "ada", shared=True)
        queries.put(session, "default", "Private", "Heartbeat", "somebody", "ada", shared=False)
    (found,) = server.get(f"{root}?{V}", headers=owner).json()["value"]
    assert (found["name"], found["properties"]["displayName"]) == (mine.id, "Shared")
    changed = {**GIVEN, "displayName": "Shared", "query": "Heartbeat | count"}
    assert server.put(f"{root}/{mine.id}?{V}", headers=owner, json={"properties": changed}).status_code == 200
    (kept,) = instance.state.saved_queries.list_shared("default")
    assert (kept.id, kept.query, kept.owner) == (mine.id, "Heartbeat | count", "somebody")
    assert server.delete(f"{root}/{mine.id}?{V}", headers=owner).status_code == 200


@pytest.mark.parametrize(
    ("more", "target"),
    [
        ({"category": None}, "category"), ({"category": 5}, "category"), ({"category": "x" * 257}, "category"),
        ({"displayName": ""}, "displayName"), ({"query": " "}, "query"), ({"query": ["x"]}, "query"),
        ({"version": 3}, "version"), ({"version": True}, "version"), ({"tags": {}}, "tags"), ({"tags": ["x"]}, "tags"),
        ({"tags": [{"name": "x"}]}, "tags"), ({"functionAlias": "1f"}, "functionAlias"),
        ({"functionAlias": 5}, "functionAlias"), ({"functionParameters": "a:int"}, "functionParameters"),
        ({"functionAlias": "f", "functionParameters": "a:what"}, "functionParameters"),
        ({"functionAlias": "f", "query": "SigninLogs | where ("}, "query"), ({"functionAlias": "f", "query": "f | take 1"}, "query"),
        ({"displayName": "x" * 121}, ""), ({"query": "x" * 60_001}, ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(server, owner, root, more, target):
    told = server.put(f"{root}/wrong?{V}", headers=owner, json={"properties": {**GIVEN, **more}})
    assert told.status_code == 400, told.text
    assert told.json()["error"]["target"] == f"properties.{target}".rstrip(".")
    assert server.get(f"{root}/wrong?{V}", headers=owner).status_code == 404


def test_who_may(server, root, token):
    reader = shown(token, ("Security Reader", "/workspaces/default"))
    assert server.get(f"{root}?{V}", headers=reader).status_code == 200
    assert server.put(f"{root}/x?{V}", headers=reader, json={"properties": GIVEN}).status_code == 403
    admin = shown(token, ("Security Admin", "/workspaces/default"))
    assert server.put(f"{root}/x?{V}", headers=admin, json={"properties": GIVEN}).status_code == 200
    assert server.delete(f"{root}/x?{V}", headers=reader).status_code == 403
    elsewhere = shown(token, ("Owner", "/workspaces/other"))
    for answer in (
        server.get(f"{root}?{V}", headers=elsewhere),
        server.get(f"{root}/x?{V}", headers=elsewhere),
        server.delete(f"{root}/x?{V}", headers=elsewhere),
    ):
        assert answer.status_code == 403
    assert server.delete(f"{root}/x?{V}", headers=admin).status_code == 200
