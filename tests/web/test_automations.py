"""The page of automations: what is told, what was given up and why; every run; the file of each table."""

from __future__ import annotations

import csv
import io
from html import unescape

import pytest
from tests.automation.dead_runs import KEY, REASON, run, spoil

from nephoscope.automation.rule_formats.security_automations import TYPE
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.automation.automation_runs import RuleLanguage, RunStatus
from nephoscope.web.page_data.automation_list import list_all_automations

GONE = f"/subscriptions/x/providers/{TYPE}/gone"
PLAYBOOK = "/workspaces/default/automationrules/r-1"


@pytest.fixture(scope="module", autouse=True)
def dead(instance):
    """An automation with dead runs; a rule, one of Sentinel and an automation that are there no more but for their runs."""
    spoil(instance.state)
    run(instance.state, "gone-1", RunStatus.DEAD, "it was", rule=GONE)
    run(instance.state, "play-1", RunStatus.DONE, "it ran", rule=PLAYBOOK, language=RuleLanguage.SENTINEL)


def rows(client, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).text)))


def test_what_was_given_up_is_told_first_with_the_reason(owner):
    text = owner.get("/automations").text
    assert "3 runs were abandoned" in text
    assert "tell &lt;team&gt;" in text
    assert REASON in unescape(text)
    assert "<team>" not in text
    first, *others = rows(owner, "/automations?format=csv&table=automations")
    assert (first["Name"], first["Kind"], first["Status"], first["Failed"], first["Error"]) == (
        "gone", "automation", "removed", "1", "it was",
    )  # fmt: skip
    assert [(one["Name"], one["Kind"], one["Status"], one["Waiting"], one["Failed"]) for one in others] == [
        ("tell <team>", "automation", "on", "0", "2"),
        ("page <us>", "response rule", "removed", "1", "0"),
        ("r-1", "automation rule", "removed", "0", "0"),
    ]


def test_runs_by_rule_and_status(owner):
    found = rows(owner, f"/automations?format=csv&table=runs&rule={KEY}&status=dead")
    assert [(one["ID"], one["Name"], one["Status"]) for one in found] == [
        ("dead-2", "tell <team>", "dead"),
        ("dead-1", "tell <team>", "dead"),
    ]
    page = owner.get("/automations", params={"rule": KEY, "status": "done"}).text
    assert "done-1" in page
    assert "dead-2" not in page
    assert "No runs match the filters" in owner.get("/automations", params={"status": "undone"}).text


def test_a_rule_of_response_and_a_document_that_is_no_automation(instance, owner):
    folder = instance.data / "responses" / "rules"
    folder.mkdir(parents=True)
    (folder / "page.yaml").write_text(
        "name: page <us>\nwhen: [incident.created]\nworkspaces: [default]\nactions: [{action: incident, tags: [seen]}]\n"
    )
    with instance.state.transaction() as session:
        body = {"id": GONE, "name": "gone", "properties": {}}
        instance.state.arm_documents.put(session, GONE, "microsoft.security/automations", body, "test")
    found = {one.name: one for one in list_all_automations(instance)}
    assert (found["page <us>"].status, found["page <us>"].triggers) == ("on", ("incident.created",))
    assert (found["gone"].status, found["gone"].reason) == (
        "refused",
        "properties.sources: has no event source",
    )
    assert '<span class="state state--error">refused</span>' in owner.get("/automations").text


def test_the_metrics_count_runs_by_status(instance, anybody):
    with instance.state.transaction() as session:
        program = instance.state.principals.add(session, PrincipalKind.PROGRAM, "prometheus of runs")
        instance.state.principals.grant(session, program.id, "Reader", "/", "test")
    token = instance.guard.make_secret(program, SecretKind.TOKEN, "test")
    text = anybody.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
    assert 'nephoscope_automation_runs{status="dead"} 3.0' in text
    assert 'nephoscope_automation_runs{status="undone"} 0.0' in text


def test_where_nothing_ran_there_is_nothing_to_filter(owner, visitor, sandbox):
    facet = '<summary class="facets__name">Status</summary>'
    assert facet in owner.get("/automations?show=runs").text
    nobody_ran = visitor(("Security Reader", f"/subscriptions/{sandbox}")).get("/automations?show=runs").text
    assert facet not in nobody_ran
    assert "No runs yet." in nobody_ran


def test_roles_say_subscriptions_by_name(owner, visitor, sandbox):
    visitor(
        ("Reader", f"/subscriptions/{sandbox}"), ("Owner", f"/subscriptions/{sandbox}/resourcegroups/rg-x")
    )
    text = owner.get("/settings/people").text
    assert "Reader at sub-bwf-sandbox" in text
    assert f"Reader at /subscriptions/{sandbox}" in text
    named = [one for one in rows(owner, "/settings/people?format=csv") if "rg-x" in one["Roles"]]
    assert [set(one["Roles"].split(", ")) for one in named] == [
        {"Owner at rg-x in sub-bwf-sandbox", "Reader at sub-bwf-sandbox"}
    ]
