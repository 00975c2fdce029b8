"""Resource Graph shows alerts and own assessments as they are now, and to each those of the own reach."""

from __future__ import annotations

import json

import pytest
from tests.api.raising import raise_alerts, vault

V, SECURITY = "api-version=2022-01-01", "providers/Microsoft.Security"
SEVERAL, ONE, NOWHERE = (f"33333333-2222-4222-8222-00000000000{n}" for n in (1, 2, 3))
OF_ALERTS = "securityresources | where type =~ 'microsoft.security/locations/alerts'"
KEY = "5f2ac8b4-6a1d-4e0b-9d5f-0a1b2c3d4e5f"


@pytest.fixture(scope="module")
def places(subscriptions):
    return subscriptions["sub-bwf-erp-prod"], subscriptions["sub-bwf-data-prod"]


@pytest.fixture(scope="module", autouse=True)
def raised(instance, places):
    """Alerts: of vaults of two subscriptions, of one vault, and of an account alone."""
    one, other = places
    theirs, mine = vault(other, "rg-other", "kv-other"), vault(one, "rg-erp-app", "kv-erp")
    about = {SEVERAL: (theirs, mine), ONE: (mine,), NOWHERE: ()}
    raise_alerts(instance, "11111111-1111-4111-8111-111111111113", about)


@pytest.fixture
def graph(server, token):
    """Asks a query as one who has roles, the same one for the same roles; the whole answer."""
    tokens: dict[tuple, str] = {}

    def asked(query, *roles, **body):
        held = roles or (("Owner", "/"),)
        tokens[held] = tokens.get(held) or token(*held)
        shown = {"Authorization": f"Bearer {tokens[held]}"}
        sent = {"query": query, **body}
        path = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
        got = server.post(path, headers=shown, json=sent)
        assert got.status_code == 200, got.text
        return got.json()

    return asked


def test_a_row_says_what_the_alerts_api_says(server, owner, graph, places, instance):
    one, _ = places
    path = f"/subscriptions/{one}/{SECURITY}/locations/global/alerts/{ONE}"
    told = server.get(f"{path}?{V}", headers=owner).json()
    (row,) = graph(f"{OF_ALERTS} | where name == '{ONE}'")["data"]
    assert (row["id"], row["name"], row["type"]) == (told["id"], ONE, "microsoft.security/locations/alerts")
    assert (row["tenantId"], row["subscriptionId"]) == (instance.tenant, one)
    assert (row["location"], row["resourceGroup"]) == ("global", "rg-erp-app")
    properties = row["properties"]
    assert {name: properties[name] for name in told["properties"]} == told["properties"]
    assert properties["AlertDisplayName"] == "Refused"
    assert properties["ResourceIdentifiers"][0] == {
        "Type": "AzureResource",
        "AzureResourceId": vault(one, "rg-erp-app", "kv-erp").lower(),
    }


#: Microsoft's samples, and queries that are written after them -> the rows.
SAMPLES = [
    (
        f"{OF_ALERTS} | where properties.Status in ('Active') | where properties.Severity in ('Low', 'Medium', 'High')"
        " | project alert_type = tostring(properties.AlertType), SystemAlertId = tostring(properties.SystemAlertId),"
        " ResourceIdentifiers = todynamic(properties.ResourceIdentifiers) | distinct SystemAlertId | order by SystemAlertId asc",
        [{"SystemAlertId": SEVERAL}, {"SystemAlertId": ONE}],
    ),
    (
        f"{OF_ALERTS} | extend status = tostring(properties.status), severity = tostring(properties.severity)"
        " | summarize n = dcount(name) by status, severity",
        [{"status": "Active", "severity": "High", "n": 2}],
    ),
    (
        f"{OF_ALERTS} | where todatetime(properties.StartTimeUtc) > ago(1d) | summarize n = dcount(name)",
        [{"n": 2}],
    ),
    (
        f"{OF_ALERTS} | mv-expand one = properties.ResourceIdentifiers"
        " | extend id_ = tolower(tostring(one.AzureResourceId)) | distinct name, vault = tostring(split(id_, '/')[-1])"
        " | order by name asc, vault asc",
        [
            {"name": SEVERAL, "vault": "kv-erp"},
            {"name": SEVERAL, "vault": "kv-other"},
            {"name": ONE, "vault": "kv-erp"},
        ],
    ),
    (
        "securityresources | where type in~ ('microsoft.security/locations/alerts', 'microsoft.security/pricings')"
        " | where name has '33333333' | summarize n = count() by type",
        [{"type": "microsoft.security/locations/alerts", "n": 3}],
    ),
    ("search 'kv-other' | where type endswith '/alerts' | distinct name", [{"name": SEVERAL}]),
]  # fmt: skip


def test_an_answer_kept_for_one_caller_is_not_given_to_another_who_reaches_less(graph, places):
    """Both ask for the same subscription; what the first may be told of the other one, the second may not."""
    one, other = places
    narrow, wide = ("Reader", f"/subscriptions/{one}"), ("Reader", f"/subscriptions/{other}")

    def vaults(*roles, then=""):
        query = f"{OF_ALERTS} | where name == '{SEVERAL}' | project told = tostring(properties) {then}"
        (row,) = graph(query, *roles, subscriptions=[one])["data"]
        return {name for name in ("kv-erp", "kv-other") if name in row["told"]}

    for then in ("", "| take 1"):
        assert vaults(narrow, wide, then=then) == {"kv-erp", "kv-other"}
        assert vaults(narrow, then=then) == {"kv-erp"}
        assert vaults(narrow, wide, then=then) == {"kv-erp", "kv-other"}


@pytest.mark.parametrize(("query", "rows"), SAMPLES, ids=range(len(SAMPLES)))
def test_sample_queries(graph, query, rows):
    assert graph(query)["data"] == rows


@pytest.mark.parametrize(
    ("role", "scope", "names"),
    [
        ("Reader", "/subscriptions/{0}", [(SEVERAL, 0), (ONE, 0)]),
        ("Security Reader", "/subscriptions/{1}", [(SEVERAL, 1)]),
        ("Reader", "/subscriptions/{0}/resourcegroups/rg-erp-app", [(SEVERAL, 0), (ONE, 0)]),
        ("Reader", "/subscriptions/{1}/resourcegroups/rg-empty", []),
        ("Reader", "/", [(SEVERAL, 0), (SEVERAL, 1), (ONE, 0)]),
    ],
)
def test_each_sees_those_of_the_own_reach(graph, places, role, scope, names):
    rows = graph(OF_ALERTS, (role, scope.format(*places)))["data"]
    assert sorted((row["name"], row["subscriptionId"]) for row in rows) == sorted(
        (name, places[at]) for name, at in names
    )
    text = json.dumps([row for row in rows if row["name"] == SEVERAL]).lower()
    if "subscriptions/{0}" in scope:
        assert [word for word in ("kv-other", "rg-other", places[1]) if word in text] == []


def test_the_subscriptions_that_are_asked_for(graph, places):
    rows = graph(OF_ALERTS, subscriptions=[places[1]])["data"]
    assert [(row["name"], row["subscriptionId"]) for row in rows] == [(SEVERAL, places[1])]


def test_a_change_shows_at_the_next_query(server, owner, graph, places):
    query = f"{OF_ALERTS} | where name == '{ONE}' | project status = tostring(properties.Status)"
    act = f"/subscriptions/{places[0]}/{SECURITY}/locations/global/alerts/{ONE}"
    for word, status in (("dismiss", "Dismissed"), ("activate", "Active")):
        assert server.post(f"{act}/{word}?{V}", headers=owner).status_code == 204
        assert graph(query)["data"] == [{"status": status}]
        facet = {"expression": "status", "options": {"sortBy": "count"}}
        (found,) = graph(query, facets=[facet])["facets"]
        assert found["data"] == [{"status": status, "count": 1}]


def test_pages_hold_every_row_once(graph):
    query = f"{OF_ALERTS} | project id"
    whole = graph(query)
    assert (whole["totalRecords"], whole["count"]) == (3, 3)
    found, token = [], ""
    while True:
        page = graph(query, options={"$top": 2} | ({"$skipToken": token} if token else {}))
        assert page["totalRecords"] == 3
        found += page["data"]
        if not (token := page.get("$skipToken", "")):
            break
    assert found == whole["data"]


def test_own_assessments(server, owner, graph, places):
    one, _ = places
    id_ = f"{vault(one, 'rg-erp-app', 'kv-erp')}/{SECURITY}/assessments/{KEY}"
    query = f"SecurityResources | where type == 'microsoft.security/assessments' and name == '{KEY}'"
    for code in ("Unhealthy", "Healthy"):
        sent = {"properties": {"resourceDetails": {"source": "Azure"}, "status": {"code": code}}}
        put = server.put(f"{id_}?api-version=2021-06-01", headers=owner, json=sent)
        assert put.status_code in (200, 201), put.text
        (row,) = graph(query)["data"]
        told = put.json()["properties"]
        details = {name.capitalize(): value for name, value in told["resourceDetails"].items()}
        assert row["properties"] == {**told, "resourceDetails": details}
        assert (row["id"], row["resourceGroup"], row["subscriptionId"]) == (id_, "rg-erp-app", one)
    assert graph(query, ("Reader", f"/subscriptions/{places[1]}"))["data"] == []
    group = ("Reader", f"/subscriptions/{one}/resourcegroups/rg-erp-app")
    assert len(graph(query, group)["data"]) == 1
    assert server.delete(f"{id_}?api-version=2021-06-01", headers=owner).status_code == 200
    assert graph(query)["data"] == []


@pytest.mark.full
def test_an_own_assessment_stands_in_the_place_of_a_published_one(server, owner, graph):
    query = "securityresources | where type == 'microsoft.security/assessments' | order by id asc"
    before = graph(f"{query} | where tostring(properties.resourceDetails) has '/subscriptions/'")["data"]
    id_ = next(row["id"] for row in before if "/resourceGroups/" in row["id"])
    sent = {"properties": {"resourceDetails": {"source": "Azure"}, "status": {"code": "NotApplicable"}}}
    assert server.put(f"{id_}?api-version=2021-06-01", headers=owner, json=sent).status_code in (200, 201)
    count = graph(f"{query} | count")["data"]
    (row,) = graph(f"{query} | where id =~ '{id_}'")["data"]
    assert row["properties"]["status"] == {"code": "NotApplicable"}
    assert server.delete(f"{id_}?api-version=2021-06-01", headers=owner).status_code == 200
    assert graph(f"{query} | count")["data"] == count
    assert graph(f"{query} | where id =~ '{id_}'")["data"] == [one for one in before if one["id"] == id_]


@pytest.mark.full
def test_assessments_go_with_the_metadata_that_describes_them(server, owner, graph, places):
    one, other = places
    version = "api-version=2021-06-01"

    def put(path, **properties):
        got = server.put(f"{path}?{version}", headers=owner, json={"properties": properties})
        assert got.status_code in (200, 201), got.text

    def assessment(subscription, name):
        return f"/subscriptions/{subscription}/{SECURITY}/assessments/{name}"

    of = {each: f"/subscriptions/{each}/{SECURITY}/assessmentMetadata/{KEY}" for each in places}
    last = f"{KEY[:-1]}e"
    kept = [assessment(other, KEY), assessment(one, last)]
    for path in of.values():
        put(path, displayName="Ours", severity="High", assessmentType="CustomerManaged")
    for path in (assessment(one, KEY), *kept):
        put(path, resourceDetails={"source": "Azure"}, status={"code": "Unhealthy"})
    assert server.delete(f"{of[one]}?{version}", headers=owner).status_code == 200
    assert server.delete(f"{of[one]}?{version}", headers=owner).status_code == 204
    assert server.get(f"{assessment(one, KEY)}?{version}", headers=owner).status_code == 404
    found = graph(f"securityresources | where name in ('{KEY}', '{last}') and type endswith '/assessments'")
    assert {row["id"] for row in found["data"]} == set(kept)
    for path in (*kept, of[other]):
        assert server.delete(f"{path}?{version}", headers=owner).status_code == 200
