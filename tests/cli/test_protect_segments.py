"""The command `protect segments`: violations of a plan in the sample estate, and a plan that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.analyze.world import bodies
from tests.hardening_house import build_hardening_house

from nephoscope.cli.main import cli
from nephoscope.service.local_user import LocalUser
from nephoscope.service.network_rules import WRITE
from nephoscope.state import State

PLAN = "segments: {outside: {addresses: [198.51.100.0/24]}, inside: {addresses: [10.0.0.0/9]}}\n"


def test_violations_of_a_plan(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    arguments = ["--data", str(tmp_path / "data"), "protect", "segments", "sample:", "--plan", str(plan)]
    found = CliRunner().invoke(cli, [*arguments, "-o", "json"])
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    told = {(one["target"], one["protocol"], one["ports"]) for one in document["violations"]}
    assert ("vm-sbx-router", "tcp", "any") in told
    listed = CliRunner().invoke(cli, arguments).stdout
    assert (
        "outside > inside: 198.51.100.0/24 reaches vm-sbx-router on TCP any (nsg-sbx-lab/allow-everything)"
        in listed
    )
    assert f"{len(document['violations'])} flows are not allowed by the plan" in listed


def test_a_wrong_plan_is_a_usage_error(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("segments: {a: {subnet: x}}")
    found = CliRunner().invoke(cli, ["protect", "segments", "sample:", "--plan", str(plan)])
    assert found.exit_code == 2
    assert "subnet" in found.output


def test_without_flow_logs_no_flow_is_known_to_be_allowed(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    arguments = ("protect", "segments", "sample:", "--plan", str(plan), "--flows", "5")
    assert "Unknown: any flow log of the last 5 days was not collected" in run(tmp_path / "data", *arguments)
    document = json.loads(run(tmp_path / "data", *arguments, "-o", "json"))
    assert "any flow log of the last 5 days" in document["notCollected"]


CLOSED = """segments: {office: {addresses: [198.51.100.0/24]}, web: {addresses: [10.0.1.10]}}
allowed: [{from: office, to: web, ports: [443]}]
"""


def run(data: Path, *arguments: str) -> str:
    found = CliRunner().invoke(cli, ["--data", str(data), *arguments])
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.full
def test_observed_flows_and_a_block_that_is_requested_and_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, plan = tmp_path / "data", tmp_path / "plan.yaml"
    build_hardening_house(data)
    plan.write_text(CLOSED)
    flows = run(data, "protect", "segments", "--plan", str(plan), "--flows", "5")
    assert "office > web: 198.51.100." in flows
    assert "reached web on TCP 22" in flows
    assert "Unknown" not in flows
    longer = run(data, "protect", "segments", "--plan", str(plan), "--flows", "60")
    assert "Unknown: flow logs before " in longer

    document = json.loads(run(data, "protect", "segments", "--plan", str(plan), "--block"))
    (change,) = document["changes"]
    # the rule that has the first priority moves
    assert change["rules"][0]["name"] == "r100"
    properties = [one["properties"] for one in change["rules"][1:]]
    assert {
        (one["access"], one["sourceAddressPrefix"], one["destinationAddressPrefix"]) for one in properties
    } == {("Deny", "198.51.100.0/24", "10.0.1.10")}
    id_ = run(data, "protect", "segments", "--plan", str(plan), "--request").partition(":")[0]
    with State.open_folder(data) as state:
        assert state.audit.entries(most=1)[0].operation.endswith("securityRules/write")
    run(data, "response", "run")
    shown = json.loads(run(data, "response", "show", id_))
    assert shown["status"] == "approve", shown
    assert all(one["added"] == [] and one["address"] == "10.0.1.10" for one in shown["plan"]["effects"])
    refused = CliRunner().invoke(cli, ["--data", str(data), "response", "approve", id_, "--yes"])
    assert (refused.exit_code, "another user must decide" in refused.output) == (2, True)
    with monkeypatch.context() as another:
        another.setattr(LocalUser, "current", lambda: LocalUser("second"))
        run(data, "response", "approve", id_, "--yes")
    run(data, "response", "run")
    run(data, "response", "undo", id_)
    run(data, "response", "run")
    assert json.loads(run(data, "response", "show", id_))["status"] == "undone"


@pytest.mark.full
def test_a_plan_is_put_in_force_requested_and_removed_each_with_its_audit_entry(tmp_path: Path) -> None:
    data, plan = tmp_path / "data", tmp_path / "plan.yaml"
    (tmp_path / "estate.json").write_text(json.dumps(bodies(WORLD)))
    run(data, "scan", str(tmp_path / "estate.json"))
    plan.write_text("segments: {web: {addresses: [10.0.1.4]}, data: {addresses: [10.0.2.4]}}\n")
    assert "2 segments, 0 allowed flows" in run(data, "protect", "segment-plan", "set", "--plan", str(plan))
    assert "requested: " in run(data, "protect", "segment-plan", "request")
    again = CliRunner().invoke(cli, ["--data", str(data), "protect", "segment-plan", "request"])
    assert (again.exit_code, "already requested" in again.output) == (2, True)
    run(data, "response", "run")
    run(data, "protect", "segment-plan", "remove")
    with State.open_folder(data) as state:
        (waiting,) = state.automation_runs.list_newest("default")
        told = [one.operation for one in state.audit.entries(most=50)]
    assert (waiting.status.value, "openings removed, 0 added" in waiting.detail) == ("approve", True)
    assert told.count("Nephoscope/segments/write") == 4  # Started and Succeeded, of two changes
    assert told.count(WRITE) == 1


WORLD = {
    "vnets": {
        "main": {
            "space": ["10.0.0.0/8"],
            "subnets": {"web": {"prefix": "10.0.1.0/24"}, "db": {"prefix": "10.0.2.0/24", "nsg": "db"}},
        }
    },
    "nsgs": {"db": ["200 Allow In Tcp 10.0.0.0/16 * -> * 22,1433", "300 Deny In * * * -> * *"]},
    "vms": {"web1": {"subnet": "main/web", "ip": "10.0.1.4"}, "db1": {"subnet": "main/db", "ip": "10.0.2.4"}},
}
