"""The API says of the entities of an incident what the estate knows, to each caller what they reach."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.alerts.investigation.test_entity_context import A, B
from tests.web.conftest import LATELY, NOON, alert

from nephoscope.state.incidents.incidents import Incident

VERSION = "api-version=2023-02-01"
BASE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
    "/providers/Microsoft.SecurityInsights"
)
ENTITIES = [
    {"$id": "1", "Type": "azure-resource", "ResourceId": B.vault},
    {"$id": "2", "Type": "account", "Name": "ada", "UPNSuffix": "2.example"},
    {"$id": "3", "Type": "file", "Name": "a.exe"},
]


@pytest.fixture(scope="module")
def incident(instance):
    """The id of an incident about the second of two tenants."""
    for one in (A, B):
        one.keep(instance.data)
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", "Story", "", "High", NOON, NOON, NOON, NOON)
        )
        made = alert("0f000000-0000-0000-0000-000000000001", kept.number, "Read")
        instance.state.alerts.put(
            session, replace(made, document=made.document | {"Entities": json.dumps(ENTITIES)})
        )
    return kept.id


def listed(server, owner, incident):
    answer = server.post(f"{BASE}/incidents/{incident}/entities?{VERSION}", headers=owner)
    assert answer.status_code == 200, answer.text
    return {one["properties"]["friendlyName"].lower(): one for one in answer.json()["entities"]}


def test_the_entities_of_an_incident_have_the_estates_context(server, owner, incident):
    found = listed(server, owner, incident)
    vault = found[B.vault]["properties"]["additionalData"]["estate"]
    assert (vault["resource"], vault["tenant"]) == (B.vault, B.tenant)
    assert vault["facts"]["owner"] == {"value": "kim of 2", "known": True}
    assert (vault["assessments"], vault["facts"]["assessments"]["known"]) == (None, False)
    assert found["ada@2.example"]["properties"]["additionalData"]["estate"]["facts"]["account"][
        "value"
    ].startswith("blocked")
    assert "additionalData" not in found["a.exe"]["properties"]


def test_an_entity_and_its_insight_tell_the_same(server, owner, incident):
    name = listed(server, owner, incident)["ada@2.example"]["name"]
    one = server.get(f"{BASE}/entities/{name}?{VERSION}", headers=owner).json()
    assert one["properties"]["additionalData"]["estate"]["tenant"] == B.tenant
    ids = server.get(f"{BASE}/entities/{name}/queries?kind=Insight&{VERSION}", headers=owner).json()["value"]
    (estate,) = (
        each for each in ids if each["properties"]["displayName"] == "What the Azure estate shows about it"
    )
    day = {
        "startTime": LATELY.isoformat(),
        "endTime": LATELY.isoformat(),
        "insightQueryIds": [estate["name"]],
    }
    told = server.post(f"{BASE}/entities/{name}/getInsights?{VERSION}", headers=owner, json=day).json()[
        "value"
    ]
    rows = told[0]["tableQueryResults"]["rows"]
    assert ["roles", f"a role of the class owner on {B.subscription}", "True", ""] in rows


def test_a_caller_is_told_of_what_they_reach(server, token, incident):
    own = {"Authorization": f"Bearer {token(('Reader', '/workspaces/default'), ('Reader', A.subscription))}"}
    text = json.dumps(
        [one["properties"].get("additionalData") for one in listed(server, own, incident).values()]
    )
    assert [word for word in ("kim of 2", B.tenant, "blocked") if word in text] == []
    assert "your roles do not reach it" in text


def test_process_trees_say_what_is_unknown(server, owner, instance):
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", "A program", "", "High", NOON, NOON, NOON, NOON)
        )
        made = alert("0f000000-0000-0000-0000-0000000000aa", kept.number, "Program")
        entities = [
            {"Type": "host", "HostName": "h"},
            {"Type": "process", "CommandLine": "calc"},
            {"Type": "dns", "DomainName": "a.example"},
        ]
        instance.state.alerts.put(
            session, replace(made, document=made.document | {"Entities": json.dumps(entities)})
        )
    answer = server.post(f"{BASE}/incidents/{kept.id}/processTrees?{VERSION}", headers=owner)
    assert answer.status_code == 200, answer.text
    (tree,) = answer.json()["value"]
    assert (tree["alert"], tree["roots"]) == (made.id, [])
    assert tree["error"] == "no log has the start of the process that the alert names"
    (seen,) = answer.json()["prevalence"]
    assert (seen["value"], seen["firstSeen"], seen["machines"]) == ("a.example", None, 0)
