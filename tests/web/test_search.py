"""Search: everything that has a page is found by what people know of it, within their reach."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from tests.web.conftest import NOON, alert

from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.state.incidents.incidents import Incident

VAULT = "/subscriptions/0aa/resourcegroups/g/providers/microsoft.keyvault/vaults/kv-sought"


@pytest.fixture(scope="module")
def known(instance, owner):
    """An incident whose title names nobody, an alert of it that names much, a saved query; the number of the incident."""
    state = instance.state
    entities = [
        {"$id": "1", "Name": "grace", "UPNSuffix": "sought.example", "Type": "account"},
        {"$id": "2", "ResourceId": VAULT, "Type": "azure-resource"},
        {"$id": "3", "Address": "203.0.113.77", "Type": "ip"},
    ]
    with state.transaction() as session:
        number = state.incidents.put(
            session, Incident("default", "Something happened", "", "High", NOON, NOON, NOON, NOON)
        ).number
        made = alert("0f000000-0000-0000-0000-000000000001", number, "It was done")
        document = {**made.document, "Entities": json.dumps(entities)}
        state.alerts.put(session, replace(made, document=document))
    with state.transaction() as session:
        state.saved_queries.put(
            session,
            "default",
            "Who was <sought>",
            "SigninLogs | where 1 == 2",
            "somebody",
            "ada",
            shared=True,
        )
        state.saved_queries.put(
            session, "default", "Sought in private", "SigninLogs", "somebody", "ada", shared=False
        )
    return number


def rows(client, text, **more):
    answer = client.get("/search", params={"q": text, "format": "csv", **more})
    assert answer.status_code == 200
    return [(row["Kind"], row["Name"]) for row in csv.DictReader(io.StringIO(answer.text))]


@pytest.mark.parametrize(
    "text", ["grace@sought.example", "GRACE@sought", "kv-sought", VAULT, "203.0.113.77", "Something happ"]
)
def test_an_incident_is_found_by_what_its_alerts_name(owner, known, text):
    found = [name for kind, name in rows(owner, text) if kind == "incident"]
    assert found == ["Something happened"]
    if "@" in text or "." in text:
        assert ("alert", "It was done") in rows(owner, text)
    assert "Something happened" in owner.get("/incidents", params={"q": text}).text


@pytest.mark.parametrize("text", ["grace@elsewhere.example", "ada@sought.example", "kv-sough7", "grace@x"])
def test_what_no_alert_names_finds_no_incident(owner, known, text):
    assert "Something happened" not in [name for _, name in rows(owner, text)]


def test_accounts_are_found_with_what_leads_from_them(instance, owner, known):
    snapshot = instance.snapshots.load_newest()
    path = next(one for one in snapshot.attack_paths.list_wanted(EVERYTHING) if one.entry.type == "user")
    found = rows(owner, path.entry.name)
    assert ("account", path.entry.name) in found
    assert ("attack path", path.title) in found
    page = owner.get("/search", params={"q": path.entry.name}).text
    assert f"/resource/providers/microsoft.graph/users/{path.entry.identifiers.entra_object_id}" in page
    assert f"/attack-paths/{path.name}" in page
    group = snapshot.listing.page(("microsoft.graph/groups",), EVERYTHING).bodies[0]["properties"][
        "displayName"
    ]
    assert ("group", group) in rows(owner, group.upper())


def test_rules_and_saved_queries_are_found(owner, known):
    rule = next(iter(load_shipped_rules().rules))
    assert ("rule", rule.name) in rows(owner, rule.name)
    assert ("rule", rule.name) in rows(owner, rule.id)
    assert [one for one in rows(owner, "sought>") if one[0] == "query"] == [("query", "Who was <sought>")]
    assert "Sought in private" not in [name for _, name in rows(owner, "in private")]
    assert "Who was &lt;sought&gt;" in owner.get("/search", params={"q": "1 == 2"}).text


def test_what_the_visitor_may_not_read_is_not_found(instance, visitor, known, sandbox):
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    kinds = {kind for text in ("sought", "e") for kind, _ in rows(reader, text)}
    assert not kinds & {"incident", "alert", "rule"}
    snapshot = instance.snapshots.load_newest()
    mine = {
        one.title for one in snapshot.attack_paths.list_wanted(EVERYTHING) if sandbox in str(one.entities)
    }
    assert {name for kind, name in rows(reader, "e") if kind == "attack path"} <= mine


def test_nothing_is_sought_without_a_text(owner):
    assert rows(owner, "  ") == []
    assert "Enter part of" in owner.get("/search").text


def test_an_address_finds_the_resource_that_has_it(instance, owner):
    snapshot = instance.snapshots.load_newest()
    told = snapshot.listing.page(("microsoft.network/publicipaddresses",), EVERYTHING).bodies
    one = next(each for each in told if each["properties"].get("ipAddress"))
    address = one["properties"]["ipAddress"]
    assert ("mention", f"{one['name']}: properties.ipAddress") in rows(owner, address)
    page = owner.get("/search", params={"q": address}).text
    assert f"/resource{one['id'].lower()}" in page
    assert "Matches in resource properties" not in owner.get("/search", params={"q": "sql"}).text
