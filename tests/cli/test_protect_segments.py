"""The command `protect segments`: violations of a plan in the sample estate, and a plan that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from nephoscope.cli.main import cli

PLAN = "segments: {outside: {addresses: [10.128.0.0/9]}, inside: {addresses: [10.0.0.0/9]}}\n"


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
        "outside > inside: 10.128.0.0/9 reaches vm-sbx-router on TCP any (nsg-sbx-lab/allow-everything)"
        in listed
    )
    assert f"{len(document['violations'])} flows are not allowed by the plan" in listed


def test_a_wrong_plan_is_a_usage_error(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("segments: {a: {subnet: x}}")
    found = CliRunner().invoke(cli, ["protect", "segments", "sample:", "--plan", str(plan)])
    assert found.exit_code == 2
    assert "subnet" in found.output
