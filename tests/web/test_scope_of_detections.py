"""Alerts, incidents, logs and their numbers are of the scope that is chosen, on every page and in every file."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from tests.web.conftest import LATELY, NOON, alert

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state.incidents.incidents import Incident

HERE_ALERT, THERE_ALERT, NOWHERE = (f"0c000000-0000-0000-0000-00000000000{at}" for at in range(3))
QUERY = "AzureActivity | count"


def about(id_: str, incident: int | None, name: str, resources: list[str]):
    """An alert that names resources."""
    made = alert(id_, incident, name)
    entities = [{"Type": "azure-resource", "ResourceId": one} for one in resources]
    row = {**made.document, "Entities": json.dumps([*json.loads(made.document["Entities"]), *entities])}
    return replace(made, document=row)


@pytest.fixture(scope="module")
def elsewhere(instance, sandbox):
    """Another subscription, with the id of a resource group of it that carries a tag of its own."""
    return next(
        one for one in sorted(instance.snapshots.load_newest().build_info.subscriptions) if one != sandbox
    )


@pytest.fixture(scope="module", autouse=True)
def detections(instance, sandbox, elsewhere):
    """An incident with an alert in each of two subscriptions, one alert that names no resource, and rows of each subscription."""
    group = "{}/resourceGroups/rg-x/providers/Microsoft.KeyVault/vaults/kv-x"
    with instance.state.transaction() as session:
        for id_, where in ((HERE_ALERT, sandbox), (THERE_ALERT, elsewhere)):
            story = f"Story of {where}"
            kept = instance.state.incidents.put(
                session, Incident("default", story, "", "High", NOON, LATELY, NOON, NOON)
            )
            resource = group.format(f"/SUBSCRIPTIONS/{where.upper()}")
            instance.state.alerts.put(session, about(id_, kept.number, f"Alert of {where}", [resource]))
        instance.state.alerts.put(session, about(NOWHERE, None, "Alert of nowhere", []))
    ids = [f"/subscriptions/{one}/resourcegroups/rg-x" for one in (sandbox, sandbox, elsewhere)] + [""]
    rows = [{"TimeGenerated": LATELY, "_ResourceId": one} for one in ids]
    place, table = instance.state.workspaces.get("default"), instance.lake.tables["AzureActivity"]
    made = to_arrow_rows(table, rows, workspace=place, now=LATELY).table
    instance.lake.writer().append("default", {"AzureActivity": made}, producer="scope", sequence=0)
    instance.lake.flush()


def names(client, page: str, column: str, **asked):
    told = client.get(page, params={"format": "csv", "span": "90d", **asked})
    return {row[column] for row in csv.DictReader(io.StringIO(told.text))}


def badge(client, page: str, **asked) -> int:
    text = client.get("/sources", params=asked).text
    (link,) = re.findall(rf'<li><a class="nav__link" href="{page}[?"].*?</li>', text, re.DOTALL)
    return int(re.search(r'class="nav__count">([\d,]+)', link)[1].replace(",", ""))


def test_alerts_are_those_that_name_a_resource_of_the_scope(owner, sandbox, elsewhere):
    every = names(owner, "/alerts", "Alert")
    assert {f"Alert of {one}" for one in (sandbox, elsewhere, "nowhere")} <= every
    assert names(owner, "/alerts", "Alert", scope=sandbox) == {f"Alert of {sandbox}"}
    text = owner.get("/alerts", params={"scope": elsewhere}).text
    assert f"Alert of {elsewhere}" in text
    assert "1–1 of 1" in text
    assert "Alerts that name a resource of" in text
    assert "Alerts that name a resource of" not in owner.get("/alerts").text


def test_incidents_are_those_with_such_an_alert(owner, sandbox, elsewhere):
    assert len(names(owner, "/incidents", "#")) == 3
    assert names(owner, "/incidents", "Incident", scope=sandbox) == {f"Story of {sandbox}"}
    overview = owner.get("/", params={"scope": elsewhere}).text
    assert f"Story of {elsewhere}" in overview
    assert f"Story of {sandbox}" not in overview


def test_the_numbers_of_the_navigation_are_of_the_scope(owner, sandbox):
    assert badge(owner, "/alerts") == 4
    assert badge(owner, "/incidents") == 3
    assert badge(owner, "/alerts", scope=sandbox) == 1
    assert badge(owner, "/incidents", scope=sandbox) == 1


def test_a_management_group_and_a_tag_are_scopes_of_alerts(instance, owner, sandbox, elsewhere):
    above = instance.snapshots.load_newest().build_info.ancestors
    group = next(one for one in above[sandbox] if one not in above[elsewhere])
    found = names(owner, "/alerts", "Alert", scope=f"mg:{group.rsplit('/', 1)[-1]}")
    assert found == {f"Alert of {sandbox}"}


def test_the_search_keeps_the_scope(owner, sandbox, elsewhere):
    found = names(owner, "/search", "Name", scope=sandbox, q="of")
    assert {f"Alert of {sandbox}", f"Story of {sandbox}"} <= found
    assert not {f"Alert of {elsewhere}", f"Story of {elsewhere}"} & found
    assert "Resources in sub-bwf-sandbox" in owner.get("/search", params={"scope": sandbox, "q": "of"}).text
    text = owner.get("/inventory", params={"scope": sandbox, "span": "30d", "zone": "local"}).text
    (form,) = re.findall(r'<form class="topbar__search".*?</form>', text, re.DOTALL)
    kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert kept == {"scope": sandbox, "span": "30d", "zone": "local"}


def counted(client, **asked):
    told = client.get("/logs", params={"query": QUERY, "format": "csv", **asked}).text
    return int(told.splitlines()[1])


def test_queries_read_the_rows_of_the_scope(owner, visitor, sandbox, elsewhere):
    assert counted(owner) == 4
    assert counted(owner, scope=sandbox) == 2
    assert counted(owner, scope=elsewhere) == 1
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"), ("Reader", f"/subscriptions/{elsewhere}"))
    assert counted(reader) == 3
    assert counted(reader, scope=elsewhere) == 1
    assert (
        "Queries return only rows of the subscriptions of"
        in owner.get("/logs", params={"scope": sandbox}).text
    )


def test_who_may_read_all_rows_keeps_the_watchlists_under_a_scope(instance, owner, visitor, sandbox):
    asked = {"query": "_GetWatchlistAlias | count", "format": "csv", "scope": sandbox}
    instance.lake.watchlists.save("default", "known", "Name", [{"Name": "a"}])
    assert owner.get("/logs", params=asked).text.splitlines()[1] == "1"
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    assert reader.get("/logs", params=asked).text.splitlines()[1] == "0"


@pytest.mark.parametrize("page", ["/rules", "/content", "/content/coverage", "/settings", "/sources"])
def test_a_page_that_no_scope_narrows_says_so(owner, sandbox, page):
    told = "The selected scope (sub-bwf-sandbox) does not affect this page"
    assert told in owner.get(page, params={"scope": sandbox}).text
    assert "Not affected by the selected scope" not in owner.get(page).text
