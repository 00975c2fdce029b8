"""The page of automations for who reads a part of the estate: the automations that lie there, and runs that tell of nothing beyond."""

from __future__ import annotations

import csv
import io
from html import unescape

import pytest
from tests.automation.dead_runs import KEY, REASON, run, spoil

from nephoscope.automation.rule_formats.security_automations import TYPE
from nephoscope.state.automation.automation_runs import RunStatus


@pytest.fixture(scope="module", autouse=True)
def dead(instance):
    """An automation of the whole tenant with dead runs."""
    spoil(instance.state)


def rows(client, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).text)))


def kept(instance, id_: str, *scopes: str) -> str:
    properties = {
        "isEnabled": True,
        "scopes": [{"scopePath": one} for one in scopes],
        "sources": [{"eventSource": "Assessments"}],
        "actions": [{"actionType": "Workspace", "workspaceResourceId": "default"}],
    }
    type_, key = "microsoft.security/automations", id_.lower()
    body = {"id": id_, "name": id_.rpartition("/")[2], "type": type_, "properties": properties}
    with instance.state.transaction() as session:
        instance.state.arm_documents.put(session, key, type_, body, "test")
    return key


def test_a_reader_of_a_part_sees_the_automations_of_it(instance, visitor, sandbox):
    assert visitor(("Security Reader", "/")).get("/automations").status_code == 200
    at = f"/subscriptions/{sandbox}/resourceGroups/rg-x/providers/{TYPE}/"
    other = next(
        one for one in sorted(instance.snapshots.load_newest().build_info.subscriptions) if one != sandbox
    )
    mine = kept(instance, f"{at}mine", f"/subscriptions/{sandbox}")
    wide = kept(instance, f"{at}wide", f"/subscriptions/{sandbox}", f"/subscriptions/{other}")
    kept(instance, f"/subscriptions/{other}/resourceGroups/rg-x/providers/{TYPE}/theirs")
    run(instance.state, "mine-1", RunStatus.DEAD, "of mine", rule=mine)
    run(instance.state, "wide-1", RunStatus.DEAD, "of wide", rule=wide)
    lesser = visitor(("Reader", f"/subscriptions/{sandbox}"))
    found = {one["Name"]: one for one in rows(lesser, "/automations?format=csv&table=automations")}
    assert found.keys() == {"mine", "wide"}
    assert [(found[one]["Failed"], found[one]["Error"]) for one in ("mine", "wide")] == [
        ("1", "of mine"),
        ("0", ""),
    ]
    assert [one["ID"] for one in rows(lesser, "/automations?format=csv&table=runs")] == ["mine-1"]
    for rule in (wide, KEY):
        assert rows(lesser, f"/automations?format=csv&table=runs&rule={rule}") == [], (
            "what it is told of lies beyond"
        )
    page = lesser.get("/automations").text
    assert "1 run was abandoned" in page
    assert "theirs" not in page
    assert "of wide" not in page
    assert REASON not in unescape(page)
    assert "/automations" in lesser.get("/").text
    assert visitor(("Reader", "/workspaces/default")).get("/automations").status_code == 403
