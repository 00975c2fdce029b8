"""Journeys through the gate: folders as people have them, and what `scan` says of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from nephoscope.cli.main import cli

CASES = Path(__file__).parents[2] / "cases" / "gate" / "journeys.yaml"
ACCOUNT = {
    "type": "Microsoft.Storage/storageAccounts", "apiVersion": "2022-09-01", "name": "stgate", "location": "westeurope",
    "properties": {"supportsHttpsTrafficOnly": False},
}  # fmt: skip
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [ACCOUNT],
}


def journeys() -> list[Any]:
    return [pytest.param(one, id=one["name"]) for one in yaml.load(CASES.read_text(), yaml.CSafeLoader)]


def text_of(given: Any) -> str:
    if given == "template":
        return json.dumps(TEMPLATE, indent=1)
    return given if isinstance(given, str) else json.dumps(given)


def plan_text(filler: int = 0, sorted: int = 0, cut: int = 0) -> str:  # noqa: A002 - as the cases say it
    after = {"name": "st", "resource_group_name": "rg", "location": "x", "https_traffic_only_enabled": False}
    change = {"actions": ["create"], "before": None, "after": after, "after_unknown": {}}
    made = {
        "address": "azurerm_storage_account.a",
        "type": "azurerm_storage_account",
        "name": "a",
        "change": change,
    }
    plan: dict[str, Any] = {"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": [made]}
    if sorted:
        plan = {"configuration": {"x": "y" * sorted}, **plan}
    text = json.dumps({**plan, "filler": "x" * filler} if filler else plan)
    return text[: len(text) - cut]


def write_files(root: Path, case: dict[str, Any]) -> None:
    for name, given in case.get("files", {}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text_of(given).encode(case.get("encodings", {}).get(name, "utf-8")))
    for name, given in case.get("plan", {}).items():
        encoding = given.pop("encoding", "utf-8")
        (root / name).write_bytes(plan_text(**given).encode(encoding))
    for name, given in case.get("late", {}).items():
        filler = "x" * 70_000
        mark = "#" if name.endswith(".yaml") else "//"
        (root / name).write_text(f"{mark} {filler}\n{text_of(given)}")
    for name, target in case.get("links", {}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if target != "nowhere":
            path.symlink_to(root / target)
    if "repository" in case:
        (root / case["repository"] / ".git").mkdir()


@pytest.mark.parametrize("case", journeys())
def test_a_journey_ends_as_it_should(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write_files(root, case)
    monkeypatch.chdir(root / case.get("within", "."))
    arguments = [case.get("target", "."), *case.get("arguments", []), "-o", "json", "--tools", "none"]
    result = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "scan", *arguments])
    assert result.exit_code == case["code"], result.output
    document = json.loads(result.stdout)
    unread = {place(one["region"]): one["reason"] for one in document["unread"]}
    assert unread.keys() == case["unread"].keys()
    assert [part for where, part in case["unread"].items() if part not in unread[where]] == []
    failed = [one["finding"] for one in document["findings"] if one["finding"]["state"] == "Failed"]
    unknown = {one["finding"]["rule"] for one in document["findings"] if one["finding"]["state"] == "Unknown"}
    assert {*case.get("unknown", ())} <= unknown
    for form, phrases in case.get("prints", {}).items():
        printed = CliRunner().invoke(
            cli, ["--data", str(tmp_path / "data"), "scan", *arguments[:-4], "-o", form, "--tools", "none"]
        )
        assert [phrase for phrase in phrases if phrase not in printed.stdout] == [], printed.stdout
    for rule, places in case.get("failed", {}).items():
        assert [place(one["region"]) for one in failed if one["rule"] == rule] == places


def place(region: dict[str, Any]) -> str:
    return f"{region['file']}:{region['line']}:{region['column']}"
