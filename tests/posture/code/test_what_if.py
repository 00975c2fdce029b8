"""What-if results are judged as what Azure says that a deployment makes; findings stand in the result."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

pytestmark = pytest.mark.system
HTTPS = "11374dee-bf66-5966-911f-2f7558023edc"
GROUP = "/subscriptions/7f1b6a2e-6a0f-4f0e-9d56-6d1f6f0c1a01/resourceGroups/rg-shop"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stshop"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "repo"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def account(https: Any) -> dict[str, Any]:
    return {
        "id": STORAGE,
        "apiVersion": "2023-05-01",
        "type": "Microsoft.Storage/storageAccounts",
        "name": "stshop",
        "location": "westeurope",
        "kind": "StorageV2",
        "properties": {"supportsHttpsTrafficOnly": https},
    }


def change(kind: str, **states: Any) -> dict[str, Any]:
    return {"resourceId": STORAGE, "changeType": kind, **states}


def scan(*options: str) -> Result:
    return CliRunner().invoke(
        cli, ["--data", "../data", "scan", "what-if.json", "--fail-on-policy", HTTPS, "-o", "json", *options]
    )


def states(result: Result) -> list[tuple[str, int]]:
    listed = [one["finding"] for one in json.loads(result.stdout)["findings"]]
    return [(one["state"], one["region"]["line"]) for one in listed if one["rule"] == HTTPS]


def write(changes: list[Any], *, as_answered: bool = False) -> str:
    body: dict[str, Any] = {"status": "Succeeded"}
    body |= {"properties": {"changes": changes}} if as_answered else {"changes": changes}
    text = json.dumps(body, indent=1)
    Path("what-if.json").write_text(text)
    return text


def line_of(text: str, part: str) -> int:
    return text[: text.rindex(part)].count("\n") + 1


@pytest.mark.parametrize("as_answered", [False, True])
@pytest.mark.parametrize("kind", ["Create", "Modify", "NoChange"])
def test_what_will_be_there_is_judged_at_its_line(kind: str, as_answered: bool) -> None:
    text = write([change(kind, before=account(True), after=account(False))], as_answered=as_answered)
    result = scan()
    assert result.exit_code == 1, result.output
    assert states(result) == [("Failed", line_of(text, '"supportsHttpsTrafficOnly": false'))]


TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
}


def failing(result: Result, file: str) -> dict[str, Any]:
    listed = [one["finding"] for one in json.loads(result.stdout)["findings"]]
    (found,) = [one for one in listed if one["rule"] == HTTPS and one["region"]["file"] == file]
    return dict(found)


def write_template(name: str, https: Any, account_name: str = "stshop") -> str:
    resource = {**account(https), "name": account_name}
    del resource["id"]
    text = json.dumps({**TEMPLATE, "resources": [resource]}, indent=1)
    Path(name).write_text(text)
    return text


@pytest.mark.parametrize("order", [("what-if.json", "main.json"), ("main.json", "what-if.json"), (".",)])
def test_the_template_that_deploys_it_has_the_fix(order: tuple[str, ...]) -> None:
    write([change("Modify", before=account(True), after=account(False))])
    text = write_template("main.json", https=False)
    asked = ["--data", "../data", "scan", *order, "-o", "json"]
    result = CliRunner().invoke(cli, asked)
    found, source = failing(result, "what-if.json"), failing(result, "main.json")
    assert found["fix"] == source["fix"] != []
    assert found["fix"][0]["region"]["line"] == line_of(text, '"supportsHttpsTrafficOnly": false')
    assert source["region"] in found["related"]
    CliRunner().invoke(cli, [*asked, "--fix"])
    assert '"supportsHttpsTrafficOnly": true' in Path("main.json").read_text()
    assert '"supportsHttpsTrafficOnly": true' not in Path("what-if.json").read_text().partition('"after"')[2]


@pytest.mark.parametrize(("name", "related"), [("stshop", 1), ("stother", 0)])
def test_a_template_without_the_fault_is_named_and_one_of_other_resources_is_not(
    name: str, related: int
) -> None:
    write([change("Modify", before=account(True), after=account(False))])
    write_template("main.json", https=True, account_name=name)
    found = failing(CliRunner().invoke(cli, ["--data", "../data", "scan", ".", "-o", "json"]), "what-if.json")
    assert not found.get("fix")
    assert sum(one["file"] == "main.json" for one in found.get("related", ())) == related
    assert any("no source to change" in one for one in found["remediation"]) is not bool(related)


@pytest.mark.parametrize(
    "one",
    [change("Delete", before=account(False)), change("Ignore", before=account(False), after=account(False))],
)
def test_what_the_deployment_does_not_make_is_not_judged(one: dict[str, Any]) -> None:
    write([one])
    assert states(scan()) == []


def test_an_expression_that_is_left_is_unknown() -> None:
    write([change("Create", after=account("[reference('other').https]"))])
    assert [state for state, _ in states(scan())] == ["Unknown"]


def test_a_result_without_bodies_says_how_to_ask_for_them() -> None:
    write([change("Deploy")])
    result = scan()
    assert result.exit_code == 3
    (unread,) = json.loads(result.stdout)["unread"]
    assert "--result-format FullResourcePayloads" in unread["reason"]


def test_since_takes_what_was_there_from_the_result() -> None:
    """A storage account that was open before the deployment is no new finding."""
    subprocess.run(["git", "init", "-q"], check=True)
    git = [
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "first",
    ]
    subprocess.run(git, check=True)
    write([change("Modify", before=account(False), after=account(False))])
    assert scan("--since", "HEAD").exit_code == 0
    write([change("Modify", before=account(True), after=account(False))])
    assert scan("--since", "HEAD").exit_code == 1
