"""An incident's page: what to do as steps, one actor told once, every table as a file."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.web.conftest import ALERT, NOON, STEPS, alert
from tests.web.sending import sent

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.state.incidents.incidents import Incident

ID = "ae174391-f0c8-5ab7-a566-f6352ec22812"
NAMES = (
    {"Type": "account", "Name": ID},
    {"Type": "cloudApplication", "AppId": ID, "Name": "pipeline-data"},
    {"Type": "account", "AadUserId": ID},
)


@pytest.fixture(scope="module")
def number(instance):
    """An incident in which each of three alerts calls the same account otherwise."""
    with instance.state.transaction() as session:
        story = Incident("default", "A story", "", "High", NOON, NOON, NOON, NOON)
        kept = instance.state.incidents.put(session, story)
        for at, name in enumerate(NAMES):
            one = alert(f"0b000000-0000-0000-0000-00000000000{at}", kept.number, f"Alert {at}")
            one.document["Entities"] = json.dumps([{"$id": "1", **name}])
            instance.state.alerts.put(session, one)
    return kept.number


def rows(client, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).text)))


def test_what_to_do_is_told_in_steps(owner):
    for address in ("/incidents/1", f"/alerts/{ALERT}"):
        text = owner.get(address).text
        assert "<li>Rotate the secrets of kv-data.</li>" in text, "a resource is called by its name"
        assert "<li>See what &lt;it&gt; did from there.</li>" in text
        assert "[&#34;" not in text


def test_an_account_of_three_names_takes_part_once(owner, number):
    text = owner.get(f"/incidents/{number}").text
    (shown,) = re.findall(
        r'<li class="entity-list__item">(?:(?!</li>).)*account, application.*?</li>', text, re.DOTALL
    )
    assert "pipeline-data</a>" in shown
    assert ID in shown
    assert "3 alerts" in shown
    assert text.count('class="chart-links__edge"') == 3, "it is one in the graph, too"
    (told,) = rows(owner, f"/incidents/{number}?format=csv&table=entities")
    assert (told["Kind"], told["Entity"], told["Id"], told["Alerts"]) == (
        "Account, CloudApplication",
        "pipeline-data",
        ID,
        "3",
    )


def test_its_tables_are_files(owner, number):
    page = owner.get(f"/incidents/{number}").text
    for name in ("timeline", "entities", "alerts"):
        assert f"table={name}" in page
    alerts = rows(owner, f"/incidents/{number}?format=csv&table=alerts")
    assert [one["Alert"] for one in alerts] == ["Alert 0", "Alert 1", "Alert 2"]
    assert {one["Remediation"] for one in alerts} == {"; ".join(STEPS)}
    moments = rows(owner, f"/incidents/{number}?format=csv&table=timeline")
    assert [one["Kind"] for one in moments].count("alert") == 3
    assert owner.get(f"/incidents/{number}?format=csv&table=none").status_code == 404


def test_the_list_as_a_file_has_the_columns_of_the_page(owner, number):
    page = owner.get("/incidents?span=90d").text
    head = re.search(r"<thead>(.*?)</thead>", page)[1]
    shown = re.findall(r"<th[^>]*><a[^>]*>([^<]+)</a></th>", head)
    found = rows(owner, "/incidents?span=90d&format=csv")
    assert len(shown) > 3
    assert [one for one in found[0] if one in shown] == shown, (
        "the file has the columns of the list in their order"
    )
    assert {one["First activity"] for one in found} == {NOON.isoformat()}


def test_a_service_principal_is_told_once_where_the_directory_knows_its_application(instance, owner, visitor):
    listing = instance.snapshots.load_newest().listing
    found = listing.page(["microsoft.graph/serviceprincipals"], EVERYTHING).bodies
    one = next(each for each in found if each["properties"].get("appId") not in (None, each["name"]))
    names = (
        {"Type": "account", "AadUserId": one["name"]},
        {"Type": "cloudApplication", "AppId": one["properties"]["appId"]},
    )
    with instance.state.transaction() as session:
        story = Incident("default", "By two ids", "", "High", NOON, NOON, NOON, NOON)
        kept = instance.state.incidents.put(session, story)
        for at, name in enumerate(names):
            made = alert(f"0c000000-0000-0000-0000-00000000000{at}", kept.number, f"Alert {at}")
            made.document["Entities"] = json.dumps([{"$id": "1", **name}])
            instance.state.alerts.put(session, made)
    address = f"/incidents/{kept.number}?format=csv&table=entities"
    assert [each["Alerts"] for each in rows(owner, address)] == ["2"]
    analyst = visitor(("Reader", "/workspaces/default"))
    # who may not read the directory is told no more than the alerts say
    assert [each["Alerts"] for each in rows(analyst, address)] == ["1", "1"]


def test_what_happened_stands_by_day_before_what_people_decide(owner, number):
    page = owner.get(f"/incidents/{number}").text
    assert page.index('id="timeline"') < page.index('id="decide"'), "on a phone the timeline comes first"
    assert page.count("timeline__item--high") == 3
    assert "Close its 3 open alerts" in page


@pytest.mark.parametrize(
    ("classification", "asked", "statuses"),
    [
        ("TruePositive/SuspiciousActivity", "1", {"Resolved", "Dismissed"}),
        ("BenignPositive/SuspiciousButExpected", "1", {"Resolved", "Dismissed"}),
        ("FalsePositive/InaccurateData", "1", {"Dismissed"}),
        ("TruePositive/SuspiciousActivity", "", {"New", "Dismissed"}),
    ],
)
def test_closing_an_incident_closes_its_open_alerts_where_asked(
    instance, owner, classification, asked, statuses
):
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", "To close", "", "High", NOON, NOON, NOON, NOON)
        )
        for at, status in enumerate(("New", "Dismissed")):
            one = alert(f"0c{kept.number:06d}-0000-0000-0000-00000000000{at}", kept.number)
            instance.state.alerts.put(session, replace(one, status=status))
    address = f"/incidents/{kept.number}"
    page = owner.get(address).text
    assert "Close its open alert" in page
    form = {"act": "close", "classification": classification, "alerts": asked}
    assert sent(owner, address, form, page).status_code == 303
    with instance.state.reading() as session:
        assert {
            one.status for one in instance.state.alerts.list_of_incident(session, kept.number)
        } == statuses
    assert instance.state.incidents.get(kept.number).status.value == "Closed"


def test_the_process_tree_and_prevalence_are_read_with_the_events(instance, owner):
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", "A program", "", "High", NOON, NOON, NOON, NOON)
        )
        one = alert("0d000000-0000-0000-0000-000000000001", kept.number, "Program")
        one.document["Entities"] = json.dumps([
            {"$id": "1", "Type": "host", "HostName": "tree1"}, {"$id": "2", "Type": "process", "CommandLine": "calc <x>"},
            {"$id": "3", "Type": "account", "Name": "treeuser"},
        ])  # fmt: skip
        instance.state.alerts.put(session, one)
    started = one.started - timedelta(minutes=1)
    row = {"TimeGenerated": started, "EventID": 4688, "Computer": "tree1", "NewProcessId": "0x20", "ProcessId": "0x10",
           "NewProcessName": "calc.exe", "CommandLine": "calc <x>", "ParentProcessName": "word.exe",
           "SubjectUserName": "treeuser"}  # fmt: skip
    lake = instance.lake
    made = to_arrow_rows(
        lake.tables["SecurityEvent"], [row], workspace=lake.workspace("default"), now=instance.now
    )
    lake.writer().append("default", {"SecurityEvent": made.table}, producer="tree", sequence=0)
    lake.flush()
    assert 'id="processes"' not in owner.get(f"/incidents/{kept.number}").text
    text = owner.get(f"/incidents/{kept.number}?events=1").text
    assert re.search(r"word\.exe.*?its start is in no log.*?<strong>calc\.exe</strong>", text, re.DOTALL)
    assert "<code>calc &lt;x&gt;</code>" in text
    assert re.search(r"treeuser\s*<small>user · first seen .*?1 machine", text)
