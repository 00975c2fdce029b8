"""Sections of the settings: every list, form and row is drawn, and what a form sends is done or refused beside its field."""

from __future__ import annotations

import re

import pytest
from tests.web.conftest import HERE

from nephoscope.web.pages.settings_sections import Section, list_sections

SECTIONS = list_sections()


@pytest.mark.parametrize("section", SECTIONS, ids=[one.path for one in SECTIONS])
def test_a_section_lists_and_opens_what_it_has(owner, visitor, section: Section) -> None:
    listed = owner.get(section.path)
    assert listed.status_code == 200, listed.text[:400]
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
        "/settings/people/act/add",
        data={"name": "robot", "program": "1", "role": "Reader", "scope": "/"},
        headers=HERE,
    )
    assert made.status_code == 303
    (robot,) = [one for one in instance.state.principals.all() if one.name == "robot"]
    shown = owner.post(f"/settings/people/item/{robot.id}", data={"act": "token", "days": "7"}, headers=HERE)
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert "nepho_" in shown.text
    refused = owner.post(
        "/settings/people/act/add", data={"name": "x", "role": "Reader", "scope": "no"}, headers=HERE
    )
    assert (refused.status_code, 'id="error-scope"' in refused.text) == (400, True)


def test_only_an_owner_is_shown_what_is_left_to_set_up(owner, visitor) -> None:
    assert "Set up this server" in owner.get("/settings").text
    lesser = visitor(("Reader", "/workspaces/default")).get("/settings")
    assert (lesser.status_code, "Set up this server" in lesser.text) == (200, False)
