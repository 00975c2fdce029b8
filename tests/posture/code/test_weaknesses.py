"""Weaknesses in templates: each is found by its policy, at its line, and a template without it is not."""

from __future__ import annotations

import fnmatch
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.content.loader import load_documents
from nephoscope.posture.code.file_edits import apply_edits
from nephoscope.posture.code.finding import Edit
from nephoscope.posture.code.template import template_scan

CASES = Path(__file__).parents[2] / "cases" / "gate" / "weaknesses.yaml"
SCHEMAS = {
    "resourceGroup": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "subscription": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
}
NAMES = ("one", "two", "three", "four")


@dataclass(frozen=True)
class Written:
    """A template of the cases: its file, the policy, whether the weakness is in it, and its resources."""

    file: str
    policy: str
    weak: bool
    given: Any
    resources: list[Any]


def resources_of(case: Mapping[str, Any], given: Any) -> list[Any]:
    if isinstance(given, list):
        return [{"apiVersion": "2021-08-01", "location": "westeurope", **one} for one in given]
    levels = case["type"].count("/")
    one = {
        "type": case["type"],
        "apiVersion": case.get("version", "2023-05-01"),
        "name": case.get("name") or "/".join(NAMES[:levels]),
        "location": "westeurope",
        **case.get("beside", {}),
        "properties": {},
    }
    return [{**one, **given.get("whole", {"properties": given})}]


def write_cases(folder: Path) -> Iterator[Written]:
    for number, case in enumerate(yaml.load(CASES.read_text(), yaml.CSafeLoader)):
        for kind in ("bad", "good"):
            for which, given in enumerate(case[kind]):
                file = f"{number:03}-{case['policy'].strip('*')}-{kind}-{which}.json"
                resources = resources_of(case, given)
                schema = SCHEMAS[case.get("scope", "resourceGroup")]
                template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}
                (folder / file).write_text(json.dumps(template, indent=1))
                yield Written(file, case["policy"], kind == "bad", given, resources)


def scan(folder: Path, data: Path) -> dict[str, dict[str, Any]]:
    """The failed findings of each file, by the name of the policy."""
    names = {one.json()["name"]: one.name.removesuffix(".json") for one in load_documents(kind="policies")}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(template_scan, "count_processes", lambda _: 1)
        arguments = ["--data", str(data), "scan", str(folder), "-o", "json", "--tools", "none"]
        result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output[-500:]
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for one in json.loads(result.stdout)["findings"]:
        finding = one["finding"]
        if finding["state"] == "Failed":
            found[Path(finding["region"]["file"]).name][names.get(finding["rule"], "")] = finding
    return found


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Written, list[Any], str]]:
    """Each template, what its policy finds in it, and its text."""
    folder = tmp_path_factory.mktemp("templates")
    written = list(write_cases(folder))
    found = scan(folder, tmp_path_factory.mktemp("data"))
    return [
        (
            one,
            [finding for name, finding in found[one.file].items() if fnmatch.fnmatch(name, one.policy)],
            (folder / one.file).read_text(),
        )
        for one in written
    ]


def test_a_weakness_is_found(judged: list[tuple[Written, list[Any], str]]) -> None:
    assert [(one.file, one.given) for one, found, _ in judged if one.weak and not found] == []
    assert sum(one.weak for one, _, _ in judged) > 380


def test_a_template_without_the_weakness_is_not_a_finding(
    judged: list[tuple[Written, list[Any], str]],
) -> None:
    assert [(one.file, one.given) for one, found, _ in judged if not one.weak and found] == []
    assert sum(not one.weak for one, _, _ in judged) > 330


def leaf_keys(given: Any, key: str = "") -> Iterator[str]:
    if isinstance(given, dict):
        for name, value in given.items():
            yield from leaf_keys(value, name)
    elif not isinstance(given, list):
        yield key


def test_a_finding_stands_at_the_value_that_is_wrong(judged: list[tuple[Written, list[Any], str]]) -> None:
    """Where a template writes one property alone, and its policy names that property, the finding is at its line."""
    seen, elsewhere = 0, []
    for one, found, text in judged:
        keys = list(leaf_keys(one.given)) if one.weak and isinstance(one.given, dict) else []
        for finding in found:
            if len(keys) == 1 and f"{keys[0]} is " in finding["message"]:
                seen += 1
                line = text.splitlines()[finding["region"]["line"] - 1]
                elsewhere += [(one.file, line)] if f'"{keys[0]}"' not in line else []
    assert elsewhere == []
    assert seen > 90


@pytest.mark.full
def test_a_fix_at_the_reported_place_makes_the_weakness_go(
    judged: list[tuple[Written, list[Any], str]], tmp_path: Path
) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    fixed: dict[str, str] = {}
    for one, found, text in judged:
        edits = [msgspec.convert(edit, Edit) for edit in found[0]["fix"]] if one.weak and found else []
        if edits:
            changed, made = apply_edits(text, edits)
            assert made == len(edits), one.file
            (folder / one.file).write_text(changed)
            fixed[one.file] = found[0]["rule"]
    again = scan(folder, tmp_path / "data")
    still = {file: {finding["rule"] for finding in found.values()} for file, found in again.items()}
    assert [file for file, rule in fixed.items() if rule in still.get(file, ())] == []
    assert len(fixed) > 150
