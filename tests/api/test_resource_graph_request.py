"""Resource Graph: scopes that are none, tokens of another query or caller, tables that nothing fills."""

from __future__ import annotations

import pytest

from nephoscope.api.arm.resource_graph import complete_query

PATH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
NOWHERE = "0badcafe-0000-4000-8000-000000000000"
QUERY = "resources | project id | order by id asc"


@pytest.fixture
def ask(server):
    return lambda headers, query=QUERY, **more: server.post(
        PATH, headers=headers, json={"query": query, **more}
    )


def code(told):
    assert told.status_code == 400, told.text
    return [one["code"] for one in told.json()["error"]["details"]]


def test_a_scope_that_is_none(ask, owner):
    assert code(ask(owner, subscriptions=["nope"])) == ["InvalidSubscriptionId"]
    assert code(ask(owner, subscriptions=[NOWHERE])) == ["NoValidSubscriptionsInQueryRequest"]
    told = ask(owner, managementGroups=["landing-zones"])
    assert code(told) == ["ManagementGroupNotFound"]
    assert "landing-zones" in told.json()["error"]["message"]
    assert ask(owner, managementGroups=["mg-brackwater"]).json()["count"] > 100


def test_one_that_is_there_is_enough(ask, owner, subscriptions):
    found = ask(owner, subscriptions=[NOWHERE, subscriptions["sub-bwf-erp-prod"].upper()]).json()
    assert found["count"] > 100


def test_another_is_told_the_same_of_what_is_and_is_not_there(ask, token, subscriptions):
    one = token(("Reader", f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}"))
    reader = {"Authorization": f"Bearer {one}"}
    other = subscriptions["sub-bwf-data-prod"]
    unknown, forbidden = (ask(reader, subscriptions=[one]) for one in (NOWHERE, other))
    assert unknown.status_code == forbidden.status_code == 403
    assert unknown.text.replace(NOWHERE, "") == forbidden.text.replace(other, "")


@pytest.mark.parametrize("changed", ["query", "scope", "caller", "forged"])
def test_a_token_of_another_query_or_caller(ask, owner, token, subscriptions, changed):
    scope = [subscriptions["sub-bwf-erp-prod"]]
    given = ask(owner, subscriptions=scope, options={"$top": 5}).json()["$skipToken"]
    options = {"$top": 5, "$skipToken": given}
    assert ask(owner, subscriptions=scope, options=options).json()["count"] == 5
    other = {"Authorization": f"Bearer {token(('Owner', '/'))}"}
    told = {
        "query": lambda: ask(owner, f"{QUERY} | take 50", subscriptions=scope, options=options),
        "scope": lambda: ask(owner, options=options),
        "caller": lambda: ask(other, subscriptions=scope, options=options),
        "forged": lambda: ask(owner, subscriptions=scope, options={"$skipToken": "MTo1"}),
    }[changed]()
    assert (told.status_code, told.json()["error"]["code"]) == (400, "InvalidSkipToken"), told.text


@pytest.mark.parametrize("table", ["AdvisorResources", "healthresources", "QuotaResources"])
def test_a_table_that_nothing_fills(ask, owner, table):
    for query in (f"{table} | count", f"resources | project id | union ({table} | project id)"):
        told = ask(owner, query)
        assert (told.status_code, told.json()["error"]["code"]) == (501, "NotAssessed")
        assert table.lower() in told.json()["error"]["message"].lower()


def test_a_facet_of_one_is_an_error_of_the_facet(ask, owner):
    facets = [{"expression": "type"}, {"expression": "toscalar(advisorresources | count)"}]
    found = ask(owner, "resources", facets=facets).json()["facets"]
    assert [one["resultType"] for one in found] == ["FacetResult", "FacetError"]


@pytest.mark.parametrize(
    ("text", "reads_resources"),
    [
        ("where type has 'x'", True),
        ("// of each type\nSummarize count() by type", True),
        ("project-rename n = name", True),
        ("mv-apply t = tags on (take 1)", True),
        ("resources | count", False),
        ("union resources, resourcecontainers", False),
        ("print 1", False),
        ("", False),
    ],
)
def test_a_query_that_begins_with_an_operator(text, reads_resources):
    assert complete_query(text) == (f"resources | {text}" if reads_resources else text)
