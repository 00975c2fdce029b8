"""Lists: pages on the server whatever there is, what is sought is found in all of it, and every table is a file."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from tests.web.conftest import NOON

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.state.incidents.incidents import Incident

MANY = 1203


@pytest.fixture(scope="module")
def many(instance):
    """More incidents than any page or bound of before."""
    with instance.state.transaction() as session:
        for number in range(MANY):
            at = NOON - timedelta(minutes=number + 1)
            title = "A needle" if number == MANY - 1 else f"Incident {number}"
            instance.state.incidents.put(session, Incident("default", title, "", "Low", at, at, at, at))
    return MANY


def test_incidents_have_pages_and_the_file_has_all(owner, many):
    total = len(list(csv.DictReader(io.StringIO(owner.get("/incidents?format=csv").text))))
    assert total > many
    seen, address = set(), "/incidents"
    while address:
        page = owner.get(address).text
        seen |= set(re.findall(r'name="incident" value="(\d+) [^"]+"', page))
        found = re.search(r'href="(/incidents\?start=\d+)"[^>]*>Next', page)
        address = found[1] if found else ""
    assert len(seen) == total


def test_the_oldest_is_found(instance, owner, many):
    assert "A needle" in owner.get("/incidents?q=needle").text
    assert "A needle" in owner.get("/search?q=NEEDLE").text
    assert instance.state.incidents.total("default", IncidentFilter(text="100%_")) == 0, "no pattern of SQL"


def test_rules_have_pages(owner):
    page = owner.get("/rules").text
    assert re.search(r"1–100 of \d+", page)
    assert "1–100" not in owner.get("/rules?start=100").text


@pytest.mark.parametrize(
    ("address", "columns"),
    [
        ("/settings/people?format=csv", {"Name", "Roles"}),
        ("/settings/audit?format=csv", {"#", "Operation", "Outcome"}),
        ("/sources?format=csv", {"From", "Table", "Quarantine"}),
        ("/search?q=kv&format=csv", {"Kind", "Name", "Id"}),
        ("/compliance?format=csv", {"Standard", "Failed"}),
        ("/rules?format=csv", {"Rule", "Status"}),
        ("/inventory?format=csv", {"Resource", "Type"}),
        ("/alerts?format=csv&span=90d", {"Alert", "Severity"}),
    ],
    ids=["people", "audit", "sources", "search", "compliance", "rules", "inventory", "alerts"],
)
def test_every_table_is_a_file(owner, address, columns):
    answer = owner.get(address)
    assert answer.headers["content-type"].startswith("text/csv")
    assert columns <= set(next(csv.reader(io.StringIO(answer.text))))


def test_the_table_of_a_resource_is_a_file(instance, owner):
    finding = instance.snapshots.load_newest().findings.page(EVERYTHING, most=1)[0]
    found = list(csv.DictReader(io.StringIO(owner.get(f"/resource{finding.resource}?format=csv").text)))
    assert finding.title in {row["Recommendation"] for row in found}


def test_a_list_says_where_a_script_puts_it(owner):
    for address in ("/incidents", "/alerts?span=90d", "/inventory", "/recommendations", "/rules", "/content"):
        page = owner.get(address).text
        assert page.count('id="list"') == 1, address
        assert 'hx-target="#list"' in page
