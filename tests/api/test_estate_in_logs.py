"""Queries over the lake read the tables of Resource Graph: each caller the rows that Resource Graph itself shows, and no others."""

from __future__ import annotations

import uuid

import pytest

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.reports.resource_graph_tables import TABLES

GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
LOGS = "/v1/workspaces/default/query"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
RULES = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/alertRules"
RULE = {
    "displayName": "r", "severity": "High", "enabled": True, "queryFrequency": "PT1H", "queryPeriod": "PT1H",
    "suppressionEnabled": False, "suppressionDuration": "PT1H", "triggerOperator": "GreaterThan", "triggerThreshold": 0, "tactics": [],
}  # fmt: skip
READERS = {
    "owner": (("Owner", "/"),),
    "one subscription": (("Reader", "/subscriptions/{erp}"),),
    "one resource group": (
        ("Reader", "/subscriptions/{erp}/resourceGroups/{group}"),
        ("Reader", "/workspaces/default"),
    ),
    "the workspace alone": (("Reader", "/workspaces/default"),),
    "security alone": (
        ("Security Reader", "/subscriptions/{erp}"),
        ("Reader", "/workspaces/default"),
    ),
}


@pytest.fixture(scope="module")
def names(subscriptions, machine):
    return {"erp": subscriptions["sub-bwf-erp-prod"], "group": machine[1]}


@pytest.fixture(scope="module")
def headers(token, names):
    def made(*roles):
        given = [(role, scope.format(**names).lower()) for role, scope in roles]
        return {"Authorization": f"Bearer {token(*given)}"}

    return {reader: made(*roles) for reader, roles in READERS.items()}


@pytest.fixture(scope="module")
def held(instance):
    """The tables in which the published estate has rows."""
    return sorted(instance.snapshots.load_newest().files.keys() & TABLES.keys())


def logged(server, headers, query):
    told = server.post(LOGS, headers=headers, json={"query": query})
    assert told.status_code == 200, told.text
    return [tuple(row) for row in told.json()["tables"][0]["rows"]]


def listed(server, headers, query):
    """The rows that Resource Graph gives; None where the caller may read none of the estate."""
    told = server.post(GRAPH, headers=headers, json={"query": query, "options": {"resultFormat": "table"}})
    if told.status_code == 403:
        return None
    assert told.status_code == 200, told.text
    return [tuple(row) for row in told.json()["data"]["rows"]]


@pytest.mark.parametrize("reader", READERS)
def test_each_caller_is_shown_what_resource_graph_shows(server, headers, held, reader):
    told = "summarize rows = count(), ids = sum(hash(id, 1000003)) by from"
    several = ", ".join(f"({TABLES[one]} | project id, from = '{one}')" for one in held)
    query = f"union {several} | {told} | order by from asc"
    seen = logged(server, headers[reader], query)
    assert seen == (listed(server, headers[reader], query) or [])
    assert bool(seen) == (reader != "the workspace alone")


def test_readers_are_shown_different_rows(server, headers):
    counts = {one: logged(server, headers[one], "Resources | count")[0][0] for one in READERS}
    assert counts["owner"] > counts["one subscription"] > counts["one resource group"] > 0
    assert counts["the workspace alone"] == 0
    assert logged(server, headers["security alone"], "SecurityResources | count")[0][0] > 0


def test_kusto_is_asked_for_the_estate_too(server, headers):
    body = {"db": "default", "csl": 'arg("").resources | project id'}
    for reader in ("owner", "one subscription"):
        told = server.post("/v1/rest/query", headers=headers[reader], json=body).json()["Tables"][0]["Rows"]
        assert sorted(map(tuple, told)) == sorted(logged(server, headers[reader], "Resources | project id"))


def test_a_query_of_a_subscription_reads_its_estate_alone(server, owner, names):
    told = server.post(
        f"/v1/subscriptions/{names['erp']}/query",
        headers=owner,
        json={"query": "Resources | distinct subscriptionId"},
    )
    assert told.json()["tables"][0]["rows"] == [[names["erp"]]]


def test_logs_are_joined_with_role_assignments(server, owner, headers, instance):
    (row,) = logged(
        server,
        owner,
        "AuthorizationResources | project toupper(tostring(parse_json(properties).principalId)) | take 1",
    )
    table, place = instance.lake.tables["SigninLogs"], instance.state.workspaces.get()
    records = [
        {"TimeGenerated": instance.now, "UserId": row[0].lower(), "UserPrincipalName": "ada@contoso.com"}
    ]
    made = to_arrow_rows(table, records, workspace=place, now=instance.now).table
    instance.lake.writer().append("default", {"SigninLogs": made}, producer="test", sequence=1)
    instance.lake.flush()
    query = (
        "SigninLogs | join kind=inner (AuthorizationResources"
        " | extend UserId = tostring(parse_json(properties).principalId)) on UserId | distinct UserPrincipalName"
    )
    assert logged(server, owner, query) == [("ada@contoso.com",)]
    assert logged(server, headers["the workspace alone"], query) == []


def test_who_writes_a_rule_must_read_what_it_reads(server, owner, token):
    contributor = {"Authorization": f"Bearer {token(('Contributor', '/workspaces/default'))}"}

    def put(headers, query):
        body = {"kind": "Scheduled", "properties": RULE | {"query": query}}
        return server.put(f"{RULES}/{uuid.uuid4()}?api-version=2023-11-01", headers=headers, json=body)

    assert put(contributor, "SigninLogs").status_code == 201
    for query in (
        "Resources",
        "SigninLogs | join kind=inner (arg('').resources) on $left.ResourceId == $right.id",
    ):
        told = put(contributor, query)
        assert told.status_code == 403, told.text
        assert "Resources" in told.text
        assert put(owner, query).status_code == 201, query


@pytest.mark.parametrize(
    ("body", "parameters", "status"),
    [
        ("SigninLogs", "", 200),
        ("Resources", "", 403),
        ("arg('').['resources']", "", 403),
        ("table('Sign' 'inLogs')", "", 403),
        ("table(name)", "name: string = 'SigninLogs'", 403),
        ("table('SigninLogs')", "", 200),
    ],
)
def test_who_writes_a_function_must_read_what_it_may_read(server, owner, token, body, parameters, status):
    contributor = {"Authorization": f"Bearer {token(('Contributor', '/workspaces/default'))}"}
    alias = f"f{uuid.uuid4().hex}"
    given = {
        "category": "c",
        "displayName": alias,
        "query": body,
        "functionAlias": alias,
        "functionParameters": parameters,
    }
    path = f"{WORKSPACE}/savedSearches/{alias}?api-version=2020-08-01"
    assert server.put(path, headers=contributor, json={"properties": given}).status_code == status
    assert server.put(path, headers=owner, json={"properties": given}).status_code == 200
