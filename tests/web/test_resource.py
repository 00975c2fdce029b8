"""A resource's page: what is known of it stands there, within the visitor's reach, with what is not assessed."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.web.conftest import NOON, alert

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.changes.change_attribution import ChangeAttribution, ChangeCandidate
from nephoscope.posture.changes.exposure_changes import ExposureCause, ExposureChange
from nephoscope.posture.published.kinds.exposures import TYPE as EXPOSURE
from nephoscope.posture.published.role_holders import list_principal_roles, list_role_holders, list_scopes
from nephoscope.state.incidents.incidents import Incident
from nephoscope.web.page_data.resource_facts import (
    CALLERS_HIDDEN,
    SubFinding,
    _build_change,
    _build_exposure_change,
    mask_secret,
    merge_findings,
    names,
)
from nephoscope.web.rendering.formatting import format_ports

SUBS = "microsoft.security/assessments/subassessments"
ACCOUNT = "/subscriptions/s/resourcegroups/g/providers/microsoft.storage/storageaccounts/one"


@pytest.fixture(scope="module")
def snapshot(instance):
    return instance.snapshots.load_newest()


@pytest.fixture(scope="module")
def connected(snapshot):
    """A machine with an allowed connection."""
    type_ = "microsoft.security/locations/allowedconnections"
    several = snapshot.listing.page((type_,), EVERYTHING).bodies
    told = [one for body in several for one in body["properties"]["connectableResources"]]
    return next(one for one in told if one["inboundConnectedResources"])


@pytest.fixture(scope="module")
def named(instance, connected):
    """Two alerts: one in an incident that names the machine, one that names a machine whose name begins with its."""
    id_ = connected["id"]
    state = instance.state
    with state.transaction() as session:
        number = state.incidents.put(
            session, Incident("default", "It was <taken> over", "", "High", NOON, NOON, NOON, NOON)
        ).number
        for at, (name, resource, incident) in enumerate(
            (("Of the machine", id_.upper(), number), ("Of another", f"{id_}0", None))
        ):
            made = alert(f"0d000000-0000-0000-0000-00000000000{at}", incident, name)
            entities = json.dumps([{"$id": "1", "Type": "azure-resource", "ResourceId": resource}])
            rule = {**json.loads(made.document["ExtendedProperties"]), "Analytic Rule Name": name}
            document = {**made.document, "Entities": entities, "ExtendedProperties": json.dumps(rule)}
            state.alerts.put(session, replace(made, document=document))
    return id_


def section(text, name):
    """The part of a page with an id."""
    return re.split(r"<section ", text.split(f'id="{name}"', 1)[1])[0]


def test_alerts_and_incidents_that_name_it_are_there(owner, named):
    text = section(owner.get(f"/resource{named}").text, "detections")
    assert "Of the machine" in text
    assert "Of another" not in text
    assert "It was &lt;taken&gt; over" in text
    assert "1 incident, 1 alert ·" in text


def test_alerts_are_for_who_reaches_them(visitor, named):
    reader = visitor(("Reader", f"/subscriptions/{named.split('/')[2].lower()}"))
    text = section(reader.get(f"/resource{named}").text, "detections")
    assert "Of the machine" in text
    assert "It was &lt;taken&gt; over" not in text
    assert "Not available to your roles" not in text


def test_findings_inside_are_there(owner, snapshot):
    sub = next(
        one
        for one in snapshot.listing.page((SUBS,), EVERYTHING).bodies
        if "/virtualmachines/" in one["id"].lower()
    )
    resource, _, rest = sub["id"].lower().partition("/providers/microsoft.security/")
    text = section(owner.get(f"/resource{resource}").text, "inside")
    assert str(sub["properties"]["id"]) in text
    assert f"/recommendations/{rest.split('/')[1]}" in text


def test_a_finding_of_several_recommendations_is_one_row():
    first = SubFinding("a", "tcp/22", "TCP 22 open", "Unhealthy", "High", ACCOUNT)
    again, other = replace(first, assessment="b"), replace(first, title="TCP 23 open")
    found = [(one.finding, one.others) for one in merge_findings([first, again, other, first])]
    assert found == [(first, ("b",)), (other, ())]


def test_every_finding_inside_leads_to_its_recommendation(owner, snapshot):
    subs = snapshot.listing.page((SUBS,), EVERYTHING).bodies
    names = {one["id"].rpartition("/subAssessments/")[0].rsplit("/", 1)[-1] for one in subs}
    for name in names:
        assert owner.get(f"/recommendations/{name}").status_code == 200, name


def test_allowed_connections_are_there(owner, connected):
    text = section(owner.get(f"/resource{connected['id']}").text, "connections")
    other = connected["inboundConnectedResources"][0]
    assert f"/resource{other['connectedResourceId'].lower()}" in text
    assert f"TCP {format_ports(other['tcpPorts'])}" in text


def test_what_faces_the_internet_says_whom_it_answers(owner, snapshot):
    told = {
        one["id"].lower().partition(f"/providers/{EXPOSURE.lower()}")[0]: one["properties"]
        for one in snapshot.listing.page((EXPOSURE.lower(),), EVERYTHING, most=1000).bodies
    }
    assert {one.get("answers") for one in told.values()} >= {"everybody", "listed networks", "nobody"}
    everybody = next(id_ for id_, one in told.items() if one.get("answers") == "everybody")
    assert "public endpoint is open to <strong>everybody</strong>" in section(
        owner.get(f"/resource{everybody}").text, "exposure"
    )
    machine, ports = next((id_, one["ports"]) for id_, one in told.items() if one.get("ports"))
    text = section(owner.get(f"/resource{machine}").text, "exposure")
    assert f"TCP {ports[0]['port']}</span>" in text
    quiet = next(id_ for id_, one in told.items() if "ways" in one and not one["ways"])
    text = section(owner.get(f"/resource{quiet}").text, "exposure")
    assert ("Not assessed" in text) == bool(told[quiet]["notCollected"])
    assert ("Not reachable from the Internet" in text) != bool(told[quiet]["notCollected"])


def test_roles_that_reach_it_are_there_from_all_above(owner, visitor, snapshot, named):
    id_ = named.lower()
    found = list_role_holders(snapshot, id_, EVERYTHING, EVERYTHING)
    assert {one.scope for one in found} <= set(list_scopes(snapshot, id_))
    above = [one for one in found if one.scope.startswith("/providers/microsoft.management/")]
    assert above
    text = section(owner.get(f"/resource{named}").text, "roles")
    for one in found:
        assert one.name in text
        assert one.role in text
    assert "Eligible and deny assignments" in text


def test_its_chain_of_scopes_is_whole(snapshot, sandbox):
    group = f"/subscriptions/{sandbox}/resourcegroups/g"
    vault = f"{group}/providers/microsoft.keyvault/vaults/v"
    chain = list_scopes(snapshot, f"{vault}/secrets/s")
    assert chain[:4] == [f"{vault}/secrets/s", vault, group, f"/subscriptions/{sandbox}"]
    assert chain[-1] == ""
    assert chain[4:-1] == [one.lower() for one in snapshot.build_info.ancestors[sandbox]]


def test_logs_are_asked_for_what_names_it(owner, visitor, named):
    text = section(owner.get(f"/resource{named}").text, "logs")
    (address, counted) = re.findall(r'href="([^"]+)"', text)[:2]
    query = parse_qs(urlsplit(address.replace("&amp;", "&")).query)["query"][0]
    assert query.splitlines()[0] == f'search "{named.lower()}"'
    assert "by+%24table" in counted
    nobody = visitor(
        ("Reader", "/workspaces/other"), ("Contributor", named.rsplit("/providers/", 1)[0].lower())
    )
    assert nobody.get(f"/resource{named}").status_code == 200


def test_an_account_has_what_it_holds_and_leads_to(owner, snapshot):
    path = next(one for one in snapshot.attack_paths.list_wanted(EVERYTHING) if one.entry.type == "user")
    text = owner.get(
        f"/resource/providers/microsoft.graph/users/{path.entry.identifiers.entra_object_id}"
    ).text
    assert path.title in section(text, "paths")
    held = list_principal_roles(snapshot, path.entry.identifiers.entra_object_id, EVERYTHING, EVERYTHING)
    assert held
    roles = section(text, "roles")
    assert "Assigned roles" in roles
    assert all(one.role in roles for one in held)
    group = next(
        one
        for one in snapshot.listing.page(("microsoft.graph/groups",), EVERYTHING).bodies
        if one["properties"]["members"]
    )
    member = group["properties"]["members"][0]
    by_group = {one.principal for one in list_principal_roles(snapshot, member, EVERYTHING, EVERYTHING)}
    assert by_group <= {
        member,
        *(one["name"] for one in snapshot.listing.page(("microsoft.graph/groups",), EVERYTHING).bodies),
    }


@pytest.mark.parametrize(
    ("resource", "text", "found"),
    [
        (ACCOUNT, ACCOUNT.upper(), True),
        (ACCOUNT, f"{ACCOUNT}/blobServices/default", True),
        (ACCOUNT, f"{ACCOUNT}2", False),
        (ACCOUNT, f"{ACCOUNT}-2", False),
        (ACCOUNT, ACCOUNT.replace("/one", "/on"), False),
    ],
)
def test_an_id_is_named_whole(resource, text, found):
    entities = json.dumps([{"Type": "azure-resource", "ResourceId": text}])
    assert names({"Entities": entities}, resource) is found
    assert names({"_ResourceId": text}, resource) is found


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("properties.enabled", False, False),
        ("properties.rules[3].name", "any", "any"),
        ("properties.adminPassword", "hunter2", "***"),
        ("properties.protectedSettings.script", "rm", "***"),
        ("tags[0]", None, None),
    ],
)
def test_changes_show_no_secret(path, value, shown):
    assert mask_secret(path, value) == shown


def test_last_changes_are_there(instance, owner, snapshot, monkeypatch, named):
    told = {
        "id": f"{named}/providers/Microsoft.Resources/changes/c1",
        "properties": {
            "changeType": "Update",
            "changeAttributes": {
                "timestamp": (NOON + timedelta(minutes=5)).isoformat(),
                "candidates": [
                    {"changedBy": name, "operation": "x/write", "clientType": "Azure CLI"}
                    for name in ("ada@contoso.com", "bob@contoso.com")
                ],
            },
            "changes": {
                "properties.hardware": {"previousValue": "a", "newValue": "<b>"},
                "properties.adminPassword": {"previousValue": "old", "newValue": "new"},
            },
        },
    }
    page = type(snapshot.listing).page

    def save_with_change(self, types, *arguments, **named_ones):
        if tuple(types) == ("microsoft.resources/changes",):
            return replace(page(self, types, *arguments, **named_ones), bodies=(told,))
        return page(self, types, *arguments, **named_ones)

    assert "No changes between collections" in section(owner.get(f"/resource{named}").text, "changes")
    monkeypatch.setattr(type(snapshot.listing), "page", save_with_change)
    monkeypatch.setattr(type(snapshot.listing), "may_hold", lambda self, type_, scope: scope == named.lower())
    text = section(owner.get(f"/resource{named}").text, "changes")
    assert "properties.hardware</span>: a → &lt;b&gt;" in text
    assert "Candidates: ada@contoso.com <small>x/write, Azure CLI</small>; bob@contoso.com" in text
    assert ">new<" not in text
    assert "***" in text


def test_callers_of_changes_are_for_readers_of_the_activity_log():
    attributes = {
        "timestamp": NOON.isoformat(),
        "candidates": [{"changedBy": "ada@contoso.com", "operation": "x/write", "clientType": "Azure CLI"}],
        "evidence": "",
    }
    told = {"changeType": "Update", "changeAttributes": attributes, "changes": {}}
    shown = [_build_change(told, named=named) for named in (True, False)]
    assert [one.candidates for one in shown] == [[("ada@contoso.com", "x/write", "Azure CLI")], []]
    assert [one.evidence for one in shown] == ["", CALLERS_HIDDEN]


def test_callers_of_other_resources_are_for_readers_of_their_activity_log():
    causes = tuple(ExposureCause(name, f"{ACCOUNT}{name}") for name in "ab")
    exposed = ExposureChange(ACCOUNT, NOON, NOON, True, (), ("TCP 22 of one",), causes)
    who = ChangeCandidate("ada@contoso.com", "User", "Azure CLI", "x/write", "c", NOON.isoformat())
    several = [ChangeAttribution(candidates=(who,))]
    shown = [_build_exposure_change(exposed, several * many) for many in (0, 1, 2)]
    caller = ("ada@contoso.com", "x/write", "Azure CLI")
    assert [one.candidates for one in shown] == [[], [caller], [caller]]
    assert [one.evidence for one in shown] == [CALLERS_HIDDEN, CALLERS_HIDDEN, ""]


def test_an_account_has_the_findings_about_it(owner, snapshot):
    sub = next(
        one
        for one in snapshot.listing.page((SUBS,), EVERYTHING).bodies
        if snapshot.listing.get(f"/providers/microsoft.graph/users/{one['name']}", EVERYTHING)
    )
    page = owner.get(f"/resource/providers/microsoft.graph/users/{sub['name']}").text
    assert sub["properties"]["displayName"] in section(page, "inside")
    account = snapshot.listing.get(f"/providers/microsoft.graph/users/{sub['name']}", EVERYTHING)
    assert f"<h1>{account['properties']['userPrincipalName']}</h1>" in page


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("detections", "Name", "Of the machine"),
        ("detections", "Kind", "incident"),
        ("connections", "Way", "from"),
        ("roles", "Role", "Owner"),
        ("assessments", "State", "Healthy"),
    ],
)
def test_every_table_is_a_file(owner, named, table, column, value):
    page = owner.get(f"/resource{named}").text
    assert f"table={table}" in page
    text = owner.get(f"/resource{named}?format=csv&table={table}").text
    assert value in [row[column] for row in csv.DictReader(io.StringIO(text))]
    assert owner.get(f"/resource{named}?format=csv&table=none").status_code == 404
    assert "State,Severity" in owner.get(f"/resource{named}?format=csv").text
