"""Incidents, their comments, tasks and relations, and items of watchlists, as clients write them."""

from __future__ import annotations

import uuid

import pytest

from nephoscope.alerts.incidents.incident_service import IncidentService

VERSION = "api-version=2023-11-01"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"


def asked(server, who, /, method, path, **properties):
    given = {"json": {"properties": properties}} if method == "PUT" else {}
    return server.request(method, f"{INSIGHTS}/{path}?{VERSION}", headers=who, **given)


def test_an_incident_is_made_classified_and_deleted(server, owner, instance):
    path = f"incidents/{uuid.uuid4()}"
    made = asked(server, owner, "PUT", path, title="By hand", severity="High", status="New")
    assert made.status_code == 201
    before = instance.open_incidents()
    assert asked(server, owner, "GET", path).json() == made.json()
    said = {
        "classification": "FalsePositive",
        "classificationReason": "IncorrectAlertLogic",
        "classificationComment": "No harm",
    }
    closed = asked(
        server, owner, "PUT", path, title="By hand", severity="High", status="Closed", **said
    ).json()["properties"]
    assert {name: closed[name] for name in said} == said
    assert instance.open_incidents() == before - 1
    assert asked(server, owner, "DELETE", path).status_code == 200
    assert asked(server, owner, "DELETE", path).status_code == 204
    assert asked(server, owner, "GET", path).status_code == 404
    assert (
        asked(server, owner, "PUT", "incidents/none", title="x", severity="High", status="New").status_code
        == 400
    )


def test_an_incident_is_called_and_described_anew(server, owner):
    path = f"incidents/{uuid.uuid4()}"
    asked(server, owner, "PUT", path, title="t", description="old", severity="Low", status="New")
    for title, more, description in (("Case 7", {}, "old"), ("Case 7", {"description": "new"}, "new")):
        told = asked(server, owner, "PUT", path, title=title, severity="Low", status="New", **more).json()[
            "properties"
        ]
        assert (told["title"], told["description"]) == (title, description)


def test_comments_and_tasks_have_the_ids_of_clients(server, owner):
    incident = f"incidents/{uuid.uuid4()}"
    asked(server, owner, "PUT", incident, title="t", severity="Low", status="New")
    for kind, first, second in (
        ("comments", {"message": "one"}, {"message": "two"}),
        (
            "tasks",
            {"title": "look", "description": "well", "status": "New"},
            {"title": "look", "status": "Completed"},
        ),
    ):
        path = f"{incident}/{kind}/{uuid.uuid4()}"
        assert asked(server, owner, "PUT", path, **first).status_code == 201
        changed = asked(server, owner, "PUT", path, **second)
        assert changed.status_code == 200
        assert second.items() <= changed.json()["properties"].items()
        assert asked(server, owner, "GET", path).json() == changed.json()
        (one,) = asked(server, owner, "GET", f"{incident}/{kind}").json()["value"]
        assert one == changed.json()
        assert asked(server, owner, "DELETE", path).status_code == 200
        assert asked(server, owner, "GET", path).status_code == 404


def test_a_relation_puts_a_bookmark_into_its_incident(server, owner):
    incident, bookmark = f"incidents/{uuid.uuid4()}", f"bookmarks/{uuid.uuid4()}"
    asked(server, owner, "PUT", incident, title="t", severity="Low", status="New")
    asked(server, owner, "PUT", bookmark, displayName="b", query="print 1")
    relation = f"{incident}/relations/{uuid.uuid4()}"
    assert (
        asked(server, owner, "PUT", relation, relatedResourceId=f"{INSIGHTS}/{bookmark}").status_code == 201
    )
    (one,) = server.post(f"{INSIGHTS}/{incident}/bookmarks?{VERSION}", headers=owner).json()["value"]
    assert one["name"] == bookmark.partition("/")[2]
    assert asked(server, owner, "GET", incident).json()["properties"]["additionalData"]["bookmarksCount"] == 1
    assert asked(server, owner, "DELETE", relation).status_code == 200
    assert server.post(f"{INSIGHTS}/{incident}/bookmarks?{VERSION}", headers=owner).json()["value"] == []
    assert asked(server, owner, "PUT", relation, relatedResourceId="nothing").status_code == 400
    other = f"incidents/{uuid.uuid4()}/relations/x"
    assert asked(server, owner, "PUT", other, relatedResourceId=f"{INSIGHTS}/{bookmark}").status_code == 404


def test_one_item_of_a_search_key_is_deleted_and_no_other(server, owner):
    about = {
        "displayName": "Hosts",
        "provider": "x",
        "source": "y",
        "itemsSearchKey": "host",
        "rawContent": "host,ip\n",
    }
    asked(server, owner, "PUT", "watchlists/hosts", **about)
    paths = [f"watchlists/hosts/watchlistItems/{uuid.uuid4()}" for _ in range(3)]
    for at, path in enumerate(paths):
        assert (
            asked(server, owner, "PUT", path, itemsKeyValue={"host": "a", "ip": str(at)}).status_code == 201
        )
    assert asked(server, owner, "DELETE", paths[1]).status_code == 200
    left = asked(server, owner, "GET", "watchlists/hosts/watchlistItems").json()["value"]
    assert sorted(one["properties"]["itemsKeyValue"]["ip"] for one in left) == ["0", "2"]
    assert asked(server, owner, "PUT", paths[0], itemsKeyValue={"host": "a", "ip": "9"}).status_code == 200
    assert asked(server, owner, "GET", paths[0]).json()["properties"]["itemsKeyValue"]["ip"] == "9"
    assert asked(server, owner, "GET", paths[1]).status_code == 404


def test_a_rule_of_a_kind_that_is_not_run_is_kept(server, owner):
    path = f"{INSIGHTS}/alertRules/microsoft?{VERSION}"
    body = {
        "kind": "MicrosoftSecurityIncidentCreation",
        "properties": {"displayName": "d", "enabled": True, "productFilter": "Microsoft Cloud App Security"},
    }
    assert server.put(path, headers=owner, json=body).status_code == 201
    found = server.get(path, headers=owner).json()
    assert found["properties"]["productFilter"] == "Microsoft Cloud App Security"
    listed = server.get(f"{INSIGHTS}/alertRules?{VERSION}", headers=owner).json()["value"]
    assert found in listed
    assert server.delete(path, headers=owner).status_code == 200
    assert server.get(path, headers=owner).status_code == 404


RULE = {
    "displayName": "d",
    "enabled": True,
    "severity": "High",
    "query": "SigninLogs | take 1",
    "queryFrequency": "PT1H",
    "queryPeriod": "PT1H",
    "triggerOperator": "GreaterThan",
    "triggerThreshold": 0,
    "suppressionDuration": "PT1H",
    "suppressionEnabled": False,
}


@pytest.mark.parametrize(
    ("kind", "spelled"), [("scheduled", "Scheduled"), ("nrt", "NRT"), ("FUSION", "Fusion"), ("none", "")]
)
def test_the_kind_of_a_rule_is_taken_in_any_case(server, owner, kind, spelled):
    path = f"{INSIGHTS}/alertRules/{uuid.uuid4()}?{VERSION}"
    properties = {"enabled": True, "alertRuleTemplateName": "t"} if spelled == "Fusion" else RULE
    told = server.put(path, headers=owner, json={"kind": kind, "properties": properties})
    assert (told.status_code, told.json().get("kind", "")) == (201 if spelled else 400, spelled), told.text
    assert server.delete(path, headers=owner).status_code == (200 if spelled else 204)


@pytest.mark.parametrize(("count", "status"), [(10, 201), (11, 400)])
def test_a_rule_has_at_most_ten_mappings(server, owner, count, status):
    path = f"{INSIGHTS}/alertRules/{uuid.uuid4()}?{VERSION}"
    mapping = {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "IPAddress"}]}
    properties = {**RULE, "entityMappings": [mapping] * count}
    told = server.put(path, headers=owner, json={"kind": "Scheduled", "properties": properties})
    assert told.status_code == status, told.text


@pytest.mark.parametrize("text", ["{}", "", '{"a": 1}', "[]", "plain", "null", '{"result": "x"}'])
def test_the_result_of_a_bookmark_is_read_back_as_it_was_sent(server, owner, text):
    path = f"bookmarks/{uuid.uuid4()}"
    asked(server, owner, "PUT", path, displayName="Seen", query="print 1", queryResult=text)
    assert asked(server, owner, "GET", path).json()["properties"]["queryResult"] == text


def test_an_incident_is_never_critical(server, owner):
    told = asked(
        server, owner, "PUT", f"incidents/{uuid.uuid4()}", title="x", severity="Critical", status="New"
    )
    assert told.status_code == 400


@pytest.mark.parametrize(
    ("owner_told", "wanted"),
    [
        ({"objectId": "7b0c"}, {"assignedTo": "7b0c", "objectId": "7b0c"}),
        (
            {"assignedTo": "Kim", "objectId": "7b0c", "email": "kim@b.c", "userPrincipalName": "k@b.c", "ownerType": "Group"},
            {"assignedTo": "Kim", "objectId": "7b0c", "email": "kim@b.c", "userPrincipalName": "k@b.c", "ownerType": "Group"},
        ),
        ({"email": "kim@b.c"}, {"assignedTo": "kim@b.c", "email": "kim@b.c", "userPrincipalName": None}),
    ],
)  # fmt: skip
def test_the_owner_of_an_incident_is_read_back_as_it_was_written(server, owner, instance, owner_told, wanted):
    path = f"incidents/{uuid.uuid4()}"
    given = {"title": "Owned", "severity": "High", "status": "Active"}
    asked(server, owner, "PUT", path, **given, owner=owner_told)
    found = asked(server, owner, "GET", path).json()["properties"]
    empty = dict.fromkeys(("assignedTo", "userPrincipalName", "objectId", "email"))
    assert found["owner"] == {**empty, "ownerType": "User", **wanted}
    IncidentService(instance.state, "default").change(
        found["incidentNumber"], instance.now, "kim", owner="Lee"
    )
    after = asked(server, owner, "GET", path).json()["properties"]["owner"]
    assert (after["assignedTo"], after["objectId"]) == ("Lee", None)
    assert asked(server, owner, "DELETE", path).status_code == 200


@pytest.mark.full
def test_a_watchlist_whose_items_are_refused_is_not_made(server, owner):
    about = {"displayName": "Fresh", "provider": "x", "source": "y", "itemsSearchKey": "h"}
    refused = asked(server, owner, "PUT", "watchlists/fresh", **about, rawContent="h,v\na,1\n,4\n")
    assert refused.status_code == 400
    assert "an item has no value in its search key h" in refused.json()["error"]["message"]
    assert asked(server, owner, "GET", "watchlists/fresh").status_code == 404
    tabs = {**about, "contentType": "text/tsv"}
    assert (
        asked(server, owner, "PUT", "watchlists/fresh", **tabs, rawContent="h\tv\na\t1\n").status_code == 201
    )
    (item,) = asked(server, owner, "GET", "watchlists/fresh/watchlistItems").json()["value"]
    assert item["properties"]["itemsKeyValue"] == {"h": "a", "v": "1"}
    assert asked(server, owner, "DELETE", "watchlists/fresh").status_code == 200
