"""The pages of an incident and of an alert say what the estate knows of the entities, to each reader what they reach."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import pytest
from tests.web.conftest import LATELY, NOON, alert

from nephoscope.alerts.investigation.entity_context import EntityFact
from nephoscope.estate.tenant_stores import open_tenant_store
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.accounts import list_accounts
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.state.incidents.incidents import Incident
from nephoscope.web.page_data.entity_facts import EntityFacts

ALERT = "0c000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def target(instance, sandbox):
    """The id of a resource with unhealthy assessments on an attack path."""
    snapshot = instance.snapshots.load_newest()
    keys = (
        one.target.key
        for one in snapshot.attack_paths.list_wanted(EVERYTHING)
        if "/providers/" in one.target.key and sandbox not in one.target.key
    )
    return next(
        key
        for key in keys
        if any(one.state == "NonCompliant" for one in snapshot.findings.list_for_resources(EVERYTHING, [key]))
    )


@pytest.fixture(scope="module", autouse=True)
def number(instance, target, sandbox):
    """An incident whose alert names the resource, one of the sandbox and somebody; the estate is stored."""
    estate = EstateScan(ScanRequest(("sample:",)), instance.data).estate()
    open_tenant_store(instance.data, estate).append(estate, LATELY)
    mine = next(
        one.key
        for one in estate.resources.values()
        if one.id.subscription == sandbox and one.id.type == "microsoft.storage/storageaccounts"
    )
    entities = [
        {"$id": "1", "Type": "azure-resource", "ResourceId": target},
        {"$id": "2", "Type": "azure-resource", "ResourceId": mine},
        {"$id": "3", "Type": "ip", "Address": "192.0.2.7"},
    ]
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", "A story", "", "High", NOON, NOON, NOON, NOON)
        )
        made = alert(ALERT, kept.number, "Read")
        document = made.document | {
            "Entities": json.dumps(entities),
            "Description": "",
            "RemediationSteps": "[]",
        }
        instance.state.alerts.put(session, replace(made, document=document))
    return kept.number


def contexts(text: str) -> list[str]:
    found = re.findall(r'<(?:details|p) class="context.*?</(?:details|p)>(?=</div></li>)', text, re.DOTALL)
    return [html.unescape(one) for one in found]


def test_the_incident_shows_facts_assessments_and_paths(instance, owner, number, target):
    every = contexts(owner.get(f"/incidents/{number}").text)
    assert len(every) == 3
    (first,) = (one for one in every if f'href="/resource{target}"' in one)
    for word in (
        "<dt>Owner</dt>",
        "<dt>Exposure</dt>",
        "<dt>Roles</dt>",
        "<dt>Assessments</dt>",
        f'href="/resource{target}"',
    ):
        assert word in first
    findings = [
        one
        for one in instance.snapshots.load_newest().findings.list_for_resources(EVERYTHING, [target])
        if one.state == "NonCompliant"
    ]
    assert f'href="/recommendations/{findings[0].recommendation}"' in first
    assert "Attack paths" in first
    assert "/attack-paths/" in first
    assert any("no network interface or public IP address has 192.0.2.7" in one for one in every)


def test_the_alert_shows_the_same(owner, target):
    assert any(f'href="/resource{target}"' in one for one in contexts(owner.get(f"/alerts/{ALERT}").text))


def test_who_reaches_a_part_is_told_of_that(visitor, sandbox, target):
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    text = reader.get(f"/alerts/{ALERT}").text
    (mine,) = contexts(text)
    assert "<dt>Exposure</dt>" in mine
    assert target not in mine
    assert "192.0.2.7" not in text, "nobody knows which row of the alert named it"


def test_who_reads_a_workspace_alone_is_told_why_there_is_nothing(visitor, number):
    text = visitor(("Reader", "/workspaces/default")).get(f"/incidents/{number}").text
    assert "your roles do not include it" in text
    assert contexts(text) == []


def test_a_machine_has_its_posture_findings(instance, owner):
    machine = next(
        one
        for one in instance.snapshots.load_newest().findings.worst_resources(EVERYTHING, most=500)
        if "/virtualmachines/" in one.resource
    )
    page = owner.get(f"/entities/machine/{machine.resource.rsplit('/', 1)[-1]}").text
    assert "Posture findings" in page
    assert f'href="/resource{machine.resource}"' in page


def test_a_user_is_known_by_all_names_and_has_roles(instance, owner):
    account = next(
        one
        for one in list_accounts(instance.snapshots.load_newest(), EVERYTHING)
        if one.kind == "account" and "@" in one.name
    )
    page = owner.get(f"/entities/user/{account.name}").text
    assert account.id.rsplit("/", 1)[-1].lower() in page.lower()
    assert "<dt>Roles</dt>" in page


ID = "4798f66e-faad-5cd1-bb4a-e42e30ab562f"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (f"Reader on /subscriptions/{ID}", "Reader on prod"),
        (
            f"Reader on /subscriptions/{ID}/resourcegroups/rg-erp.app, Owner",
            "Reader on rg-erp.app in prod, Owner",
        ),
        (
            f"Reader on /subscriptions/{ID}/resourcegroups/rg (by the group ops)",
            "Reader on rg in prod (by the group ops)",
        ),
        (f"/subscriptions/{ID[:-1]}0/resourcegroups/rg", f"/subscriptions/{ID[:-1]}0/resourcegroups/rg"),
    ],
)
def test_scopes_of_a_fact_stand_by_their_names(told, shown):
    assert EntityFacts(names={ID: "prod"}).value(EntityFact("roles", told)) == shown
