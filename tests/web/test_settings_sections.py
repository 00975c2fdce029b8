"""Sections of the settings: every list, form and row is drawn, and what a form sends is done or refused beside its field."""

from __future__ import annotations

import html
import re
from collections import Counter

import pytest
from tests.web.conftest import HERE

from nephoscope.web.all_pages import list_pages
from nephoscope.web.lists.sections import Section, list_sections

SECTIONS = list_sections()


def test_every_page_has_an_address_of_its_own() -> None:
    paths = Counter(one.path for one in list_pages())
    assert [one for one, count in paths.items() if count > 1] == []


@pytest.mark.parametrize("section", SECTIONS, ids=[one.path for one in SECTIONS])
def test_a_section_lists_and_opens_what_it_has(owner, visitor, section: Section) -> None:
    listed = owner.get(section.path)
    assert listed.status_code == 200, listed.text[:400]
    assert re.findall(r"<h1>(.*?)</h1>", listed.text) == [html.escape(section.shown.title)]
    forms = re.findall(rf'href="({section.path}/act/[^"]+)"', listed.text)
    assert len(forms) == len(section.forms)
    rows = re.findall(rf'href="({section.path}/item/[^"]+)"', listed.text)[:1]
    for address in (*forms, *rows):
        shown = owner.get(address)
        assert shown.status_code == 200, f"{address}: {shown.text[:400]}"
        assert "style=" not in shown.text
        assert len(re.findall(r"<h1[ >]", shown.text)) == 1
    assert owner.get(f"{section.path}/item/not-there").status_code == 404
    assert visitor().get(section.path).status_code == 403


def test_a_form_without_anything_to_choose_says_why(owner) -> None:
    shown = owner.get("/machines/blocked-hashes/act/block").text
    assert "No agent allows blocks" in shown
    assert 'href="/help/guides/agent.md' in shown
    assert 'name="machine"' not in shown
    assert not re.search(r'<button[^>]*type="submit"[^>]*>Block program', shown)


def test_a_workspace_is_added_changed_and_deleted(owner, instance) -> None:
    form = {"name": "soc", "days": "30", "members": "SigninLogs\nAuditLogs", "description": "ours"}
    wrong = owner.post("/settings/workspaces/act/add", data={**form, "days": "0"}, headers=HERE)
    assert (wrong.status_code, 'id="error-days"' in wrong.text, 'value="soc"' in wrong.text) == (
        400,
        True,
        True,
    )
    added = owner.post("/settings/workspaces/act/add", data=form, headers=HERE)
    assert (added.status_code, added.headers["location"].partition("?")[0]) == (303, "/settings/workspaces")
    assert instance.state.workspaces.get("soc").members == {"SigninLogs", "AuditLogs"}
    page = "/settings/workspaces/item/soc"
    assert "SigninLogs" in owner.get(page).text
    changed = owner.post(
        page, data={"act": "change", "days": "60", "members": "", "description": ""}, headers=HERE
    )
    assert changed.status_code == 303
    found = instance.state.workspaces.get("soc")
    assert (found.days, found.members, found.description) == (60, None, "")
    assert owner.post(page, data={"act": "remove"}, headers=HERE).status_code == 303
    assert instance.state.workspaces.find("soc") is None
    assert owner.post(page, data={"act": "burn"}, headers=HERE).status_code == 404


def test_a_secret_is_shown_once(owner, instance) -> None:
    made = owner.post(
        "/settings/people/act/add_principal",
        data={"name": "robot", "program": "1", "role": "Reader", "scope": "/"},
        headers=HERE,
    )
    assert made.status_code == 303
    (robot,) = [one for one in instance.state.principals.all() if one.name == "robot"]
    shown = owner.post(
        f"/settings/people/item/{robot.id}", data={"act": "create_token", "days": "7"}, headers=HERE
    )
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert "nepho_" in shown.text
    refused = owner.post(
        "/settings/people/act/add_principal",
        data={"name": "x", "role": "Reader", "scope": "no"},
        headers=HERE,
    )
    assert (refused.status_code, 'id="error-scope"' in refused.text) == (400, True)


def test_only_an_owner_is_shown_what_is_left_to_set_up(owner, visitor) -> None:
    assert "Set up this server" in owner.get("/settings").text
    lesser = visitor(("Reader", "/workspaces/default")).get("/settings")
    assert (lesser.status_code, "Set up this server" in lesser.text) == (200, False)


@pytest.mark.full
def test_a_rule_is_written_from_a_query_edited_and_copied(owner, instance) -> None:
    page = "/settings/own-rules/act/create"
    assert "print Who=1" in owner.get(page, params={"query": "print Who=1"}).text
    form = {
        "name": "Mine", "query": "print Who='ada', TimeGenerated=now()", "severity": "High", "frequency": "1h", "period": "2h",
        "threshold": "0", "entities": "Account.Name=Who", "grouping": "AlertPerResult", "incidents": "1", "tactics": "Persistence",
    }  # fmt: skip
    for field, value in (("frequency", "often"), ("entities", "Who"), ("query", "print |"), ("name", "")):
        refused = owner.post(page, data={**form, field: value}, headers=HERE)
        assert (refused.status_code, f'id="error-{field}"' in refused.text) == (400, True), field
    assert owner.post(page, data=form, headers=HERE).status_code == 303
    listed = owner.get("/settings/own-rules").text
    (row,) = re.findall(r'href="(/settings/own-rules/item/[^"]+)"', listed)
    shown = owner.get(row).text
    assert "Account.Name=Who" in shown
    assert owner.get(row.replace("/settings/own-rules/item/", "/rules/").partition("?")[0]).status_code == 200
    assert '<span class="state state--pass">Runs</span>' in listed
    rule = row.replace("/settings/own-rules/item/", "/rules/").partition("?")[0]
    assert owner.post(rule, data={"act": "off"}, headers=HERE).status_code == 303
    assert '<span class="state">Disabled</span>' in owner.get("/settings/own-rules").text
    assert owner.get(rule).status_code == 200
    changed = owner.post(row, data={**form, "act": "change", "severity": "Low"}, headers=HERE)
    assert changed.status_code == 303
    copied = owner.get(page, params={"like": row.rpartition("/")[2].partition("?")[0]}).text
    assert 'value="Mine (copy)"' in copied
    assert '<option value="Low" selected>' in copied
    assert owner.post(row, data={"act": "delete"}, headers=HERE).status_code == 303
    assert "No rules yet" in owner.get("/settings/own-rules").text


def test_an_exemption_is_ended_in_the_list(owner, instance) -> None:
    id_ = "/subscriptions/s/providers/microsoft.authorization/policyexemptions/mine"
    properties = {
        "exemptionCategory": "Waiver", "description": "for a while", "metadata": {"nephoscope": {"recommendations": ["abc"]}}
    }  # fmt: skip
    with instance.state.transaction() as session:
        body = {
            "id": id_,
            "name": "mine",
            "type": "Microsoft.Authorization/policyExemptions",
            "properties": properties,
        }
        instance.state.arm_documents.put(
            session, id_, "microsoft.authorization/policyexemptions", body, "kim"
        )
        instance.state.audit.add(session, "kim", "Microsoft.Authorization/policyExemptions/write", id_)
    listed = owner.get("/settings/exemptions").text
    assert "for a while" in listed
    ended = owner.post(
        f"/settings/exemptions/item{id_}", data={"act": "end_whole", "from": "list"}, headers=HERE
    )
    assert (ended.status_code, ended.headers["location"].partition("?")[0]) == (303, "/settings/exemptions")
    assert "for a while" not in owner.get("/settings/exemptions").text


def test_a_watchlist_is_created_and_filled(owner, instance) -> None:
    form = {"alias": "Vips", "columns": "Who\nWhy", "key": "Who", "days": "0"}
    refused = owner.post("/settings/watchlists/act/create", data={**form, "key": "Nope"}, headers=HERE)
    assert (refused.status_code, 'id="error-key"' in refused.text) == (400, True)
    assert owner.post("/settings/watchlists/act/create", data=form, headers=HERE).status_code == 303
    page = "/settings/watchlists/item/Vips"
    assert (
        owner.post(page, data={"act": "put_item", "cells": "Who=ada\nWhy=boss"}, headers=HERE).status_code
        == 303
    )
    assert "boss" in owner.get(page).text
    for number in range(101):
        sent = {"act": "put_item", "cells": f"Who=user{number:03}\nWhy=many"}
        assert owner.post(page, data=sent, headers=HERE).status_code == 303
    assert "first 100 of 102" in owner.get(page).text
    assert len(owner.get(page, params={"table": "items", "format": "csv"}).text.splitlines()) == 103
    assert owner.post(page, data={"act": "remove_items", "keys": "ada"}, headers=HERE).status_code == 303
    assert owner.post(page, data={"act": "delete"}, headers=HERE).status_code == 303
    assert owner.get(page).status_code == 404


def test_an_initiative_is_assigned_and_ended(owner, instance) -> None:
    page = "/settings/standards/act/assign"
    offered = re.findall(r'<option value="(/providers/[^"]+)"', owner.get(page).text)
    assert offered
    wrong = owner.post(page, data={"initiative": offered[0], "scope": "nowhere"}, headers=HERE)
    assert (wrong.status_code, 'id="error-scope"' in wrong.text) == (400, True)
    form = {
        "scope": "/subscriptions/3d3fa46d-0bfb-5d01-b2ee-b1ba57963b60",
        "title": "Ours",
        "enforcement": "Default",
    }
    answers = [
        owner.post(page, data={**form, "initiative": one}, headers=HERE).status_code for one in offered[:3]
    ]
    assert 303 in answers, answers
    listed = owner.get("/settings/standards").text
    assert "Ours" in listed
    for row in re.findall(r'href="(/settings/standards/item/[^"?]+)"', listed):
        assert owner.post(row, data={"act": "end_assignment"}, headers=HERE).status_code == 303
    assert "Ours" not in owner.get("/settings/standards").text
