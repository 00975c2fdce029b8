"""A gate and every figure come from all rows of the scope; filters are for display, and a scope that there is not is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from nephoscope.analyze import analyzer_runner
from nephoscope.analyze.discovery import load_analyzers
from nephoscope.analyze.subnet_security_groups import ATTACHED
from nephoscope.cli.main import cli

ONE, TWO = (f"/subscriptions/{digit * 8}-1111-1111-1111-111111111111" for digit in "12")
STORAGE, VAULT = "Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"
AT = ("--at", "2026-11-24T10:00:00Z")


def resource(scope: str, type_: str, name: str, **properties: Any) -> dict[str, Any]:
    id_ = f"{scope}/resourceGroups/app/providers/{type_}/{name}"
    # with properties it is a whole body, so that a key that it lacks is absent in Azure too
    whole = {"provisioningState": "Succeeded", **properties}
    return {"id": id_, "type": type_, "name": name, "properties": whole}


def policy(name: str, type_: str, severity: str, field: str = "location") -> dict[str, Any]:
    of_type = {"field": "type", "equals": type_}
    rule = {"if": {"allOf": [of_type, {"field": field, "exists": False}]}, "then": {"effect": "audit"}}
    own = {"severity": severity, "scoreControl": "Encrypt data in transit"}
    properties = {"displayName": name, "policyRule": rule, "metadata": {"nephoscope": own}}
    return {"name": name, "properties": properties}


ESTATE = [
    {"id": ONE, "type": "Microsoft.Resources/subscriptions", "displayName": "Payments"},
    {"id": TWO, "type": "Microsoft.Resources/subscriptions", "displayName": "Shop"},
    resource(ONE, STORAGE, "first"),
    resource(TWO, STORAGE, "second"),
    {**resource(TWO, VAULT, "vault"), "location": "westeurope"},
]
POLICIES = [
    policy("grave", STORAGE, "High"),
    policy("small", STORAGE, "Low"),
    policy("vaults", VAULT, "Medium"),
    policy("unread", VAULT, "Low", "Microsoft.KeyVault/vaults/noSuchAlias"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "estate.json").write_text(json.dumps(ESTATE))
    (tmp_path / "policies").mkdir()
    for one in POLICIES[:3]:
        (tmp_path / "policies" / f"{one['name']}.json").write_text(json.dumps(one))
    return tmp_path


def run(place: Path, command: str, *arguments: str, history: bool = False) -> Result:
    options = ["--data", str(place / "data"), command, str(place / "estate.json")]
    options += ["--policies", str(place / "policies"), *AT, *([] if history else ["--no-history"])]
    result = CliRunner().invoke(cli, [*options, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def recommendations(place: Path, *arguments: str) -> list[str]:
    text = run(place, "scan", "-o", "markdown", *arguments).stdout
    return re.findall(r"^\|.*\|$", text.partition("## Recommendations")[2].partition("##")[0], re.MULTILINE)[
        2:
    ]


@pytest.mark.parametrize("parts", ["always", "never"])
def test_filters_for_display_change_no_figure(parts: str, place: Path) -> None:
    how = ("--in-parts", parts)
    every = recommendations(place, *how)
    # both storage accounts fail both recommendations: to mend one alone gains nothing
    assert every == [
        "| High | Not met: grave | 2 | 2 | 0 | 0.00 |",
        "| Low | Not met: small | 2 | 2 | 0 | 0.00 |",
    ]
    assert recommendations(place, *how, "--severity", "low") == every[1:]
    assert recommendations(place, *how, "--state", "NonCompliant") == every
    assert recommendations(place, *how, "--state", "Compliant") == []
    whole = json.loads(run(place, "scan", "-o", "json", *how).stdout)
    for shown in (["--severity", "low"], ["--state", "compliant"]):
        part = json.loads(run(place, "scan", "-o", "json", *how, *shown).stdout)
        assert part["score"] == whole["score"]
        assert part["summary"]["states"] == whole["summary"]["states"]
        assert part["summary"]["causes"] == whole["summary"]["causes"]
        assert part["summary"]["shown"] == len(part["assessments"]) < len(whole["assessments"])


@pytest.mark.parametrize("parts", ["always", "never"])
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--severity", "low", "--fail-on", "high"], 1, ""),
        (["--state", "compliant", "--fail-on", "high"], 1, ""),
        (["--fail-on", "critical"], 2, "nephoscope attackpaths --fail-on Critical"),
        (["--subscription", "Paymens", "--fail-on", "high"], 2, "did you mean Payments?"),
        (["--subscription", "Pay*", "--fail-on", "high"], 1, ""),
        (["--resource-group", "ap", "--fail-on", "high"], 2, "did you mean app?"),
        (["--type", "storageaccount"], 2, "did you mean Microsoft.Storage/storageAccounts"),
        (["--type", "No/such"], 2, "no resource type has this name"),
        (["--type", VAULT, "--fail-on", "high"], 0, ""),
        (["--type", "Microsoft.Kusto/clusters", "--fail-on", "high"], 4, "nothing was assessed"),
        (["--subscription", "Payments", "--type", VAULT], 4, "nothing was assessed"),
        (["--tag", "owner"], 4, "nothing was assessed"),
    ],
)
def test_what_a_gate_ends_in(parts: str, arguments: list[str], code: int, said: str, place: Path) -> None:
    result = run(place, "scan", "--in-parts", parts, *arguments)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


def test_a_gate_on_critical_is_taken_where_a_policy_is_critical(place: Path) -> None:
    (place / "policies" / "own.json").write_text(json.dumps(policy("own", STORAGE, "Critical")))
    assert run(place, "scan", "--fail-on", "critical").exit_code == 1


@pytest.mark.parametrize("command", ["scan", "recommendations"])
def test_nothing_assessed_writes_no_sarif(command: str, place: Path) -> None:
    target = place / "old.sarif"
    target.write_text("the entry before")
    result = run(place, command, "--tag", "owner", "-o", "sarif", "--output-file", str(target))
    assert result.exit_code == 4
    assert "would close every alert" in result.stderr
    assert target.read_text() == "the entry before"
    assert run(place, command, "--tag", "owner", "-o", "sarif").stdout == ""
    assert run(place, command, "--state", "compliant", "-o", "sarif").exit_code == 2


@pytest.mark.full
@pytest.mark.parametrize("output", ["json", "csv", "sarif"])
def test_what_could_not_be_used_is_named_where_nothing_was_assessed(output: str, place: Path) -> None:
    """Only the table lists what was set aside."""
    (place / "columns.json").write_text(json.dumps([{"name": "a"}, {"name": "b"}]))
    result = CliRunner().invoke(
        cli,
        ["--data", str(place / "data"), "scan", str(place / "columns.json"), "--no-history", "-o", output],
    )
    assert result.exit_code == 3
    assert "2 records could not be used; the first, " in result.stderr
    assert "an export must keep the column 'id'" in result.stderr


@pytest.mark.parametrize("parts", ["always", "never"])
@pytest.mark.parametrize(("subnets", "code"), [([], 0), ([{"name": "app", "properties": {}}], 3)])
def test_a_fault_of_an_analyzer_is_no_clean_result(
    subnets: list[dict[str, Any]], code: int, parts: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("a fault")

    every = [replace(one, analyze=fail) if ATTACHED.id in one.keys else one for one in load_analyzers()]
    monkeypatch.setattr(analyzer_runner, "load_analyzers", lambda: every)
    network = resource(ONE, "Microsoft.Network/virtualNetworks", "hub", subnets=subnets)
    (place / "estate.json").write_text(json.dumps([*ESTATE, network]))
    result = run(place, "scan", "--in-parts", parts)
    assert result.exit_code == code, result.output
    said = "Subnets should be associated with a network security group: the analyzer has a fault"
    assert result.stderr.count(said) == (code == 3)


@pytest.mark.parametrize("parts", ["always", "never"])
def test_a_scope_that_is_looked_at_is_not_kept_as_the_score_of_the_estate(parts: str, place: Path) -> None:
    (place / "policies" / "grave.json").write_text(json.dumps(policy("grave", VAULT, "High", "location")))
    run(place, "scan", "--in-parts", parts, "--subscription", "Payments", history=True)
    run(place, "scan", "--in-parts", parts, "--severity", "low", history=True)
    shown = json.loads(run(place, "score", "-o", "json", history=True).stdout)
    assert {one["percentage"] for one in shown["trend"]} == {shown["score"]["percentage"]}
    scoped = json.loads(run(place, "score", "-o", "json", "--subscription", "Payments", history=True).stdout)
    assert scoped["score"]["percentage"] != shown["score"]["percentage"]
    assert scoped["trend"] == scoped["delta"] == []


@pytest.mark.parametrize("output", ["table", "markdown", "html"])
def test_assessments_of_a_state_are_listed_with_their_reason(output: str, place: Path) -> None:
    text = run(place, "scan", "--state", "compliant", "-o", output).stdout
    listed = text.partition("## Assessments" if output == "markdown" else "Assessments")[2]
    assert "Compliant" in listed
    assert "vaults" in listed
    assert "No assessment has the status" in run(place, "scan", "--state", "error").stdout


def test_unknown_is_listed_with_what_was_not_read(place: Path) -> None:
    (place / "policies" / "related.json").write_text(json.dumps(RELATED))
    for command in ("scan", "recommendations"):
        text = " ".join(run(place, command, "--state", "unknown").stdout.split())
        assert "Low Unknown related 1 not collected: " in text, text


RELATED: dict[str, Any] = {
    "name": "related",
    "properties": {
        "displayName": "related",
        "policyRule": {
            "if": {"field": "type", "equals": VAULT},
            "then": {
                "effect": "auditIfNotExists",
                "details": {"type": "Microsoft.Insights/diagnosticSettings"},
            },
        },
    },
}


def test_definitions_of_the_estate_are_not_judged_beside_a_file_that_is_named(place: Path) -> None:
    found = policy("found", STORAGE, "High")
    id_ = f"{ONE}/providers/Microsoft.Authorization/policyDefinitions/found"
    own = {**found, "id": id_, "type": "Microsoft.Authorization/policyDefinitions"}
    (place / "estate.json").write_text(json.dumps([*ESTATE, own]))
    report = json.loads(run(place, "scan", "-o", "json").stdout)
    assert {one["policy"] for one in report["assessments"]} == {"grave", "small", "vaults"}


def test_compliance_without_an_initiative_says_so(place: Path) -> None:
    result = run(place, "compliance")
    assert result.exit_code == 2
    assert "no initiative was evaluated: the loaded policies have no initiative" in result.stderr
    assert "none" not in result.stderr
    assert result.stdout == ""


@pytest.mark.full
def test_a_gate_on_attack_paths_looks_at_every_path_of_the_scope(tmp_path: Path) -> None:
    command = ["--data", str(tmp_path), "attackpaths", "sample:", "--no-history", *AT]
    shown = CliRunner().invoke(cli, [*command, "--level", "informational", "--fail-on", "high"])
    assert "no attack path" in shown.stdout
    assert shown.exit_code == 1
    nothing = CliRunner().invoke(
        cli, [*command, "--type", "Microsoft.Network/routeTables", "--fail-on", "informational"]
    )
    assert (nothing.exit_code, "nothing was assessed" in nothing.stderr) == (4, True)
