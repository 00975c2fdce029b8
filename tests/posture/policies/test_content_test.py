"""The checker of policies rejects what is wrong, with its place."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from nephoscope.posture.policies.content_test import check, find_description_problems
from nephoscope_policy.documents import ContentError

POLICY: dict[str, Any] = {
    "name": "11111111-2222-5333-8444-555555555555",
    "properties": {
        "displayName": "Disks are large",
        "mode": "All",
        "metadata": {
            "nephoscope": {
                "severity": "Low",
                "remediation": {
                    "steps": ["Grow it."],
                    "az": "az disk update",
                    "bicep": "resource disk 'x' = {}",
                },
                "tactics": ["Impact"],
                "techniques": ["T1485"],
                "controls": ["Azure_Security_Benchmark_v3.0_BR-1"],
                "scoreControl": None,
                "sameAs": [],
            }
        },
        "parameters": {"effect": {"type": "String", "defaultValue": "Audit"}},
        "policyRule": {
            "if": {
                "allOf": [
                    {"field": "type", "equals": "Microsoft.Compute/disks"},
                    {"field": "Microsoft.Compute/disks/networkAccessPolicy", "equals": "AllowAll"},
                ]
            },
            "then": {"effect": "[parameters('effect')]"},
        },
    },
}
ID = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft."
DISK = {"id": f"{ID}Compute/disks/d", "name": "d", "type": "Microsoft.Compute/disks", "properties": {}}
CASES: dict[str, Any] = {
    "cases": [
        {"note": "closed", "resource": DISK, "want": "Compliant"},
        {
            "note": "open",
            "resource": {**DISK, "properties": {"networkAccessPolicy": "AllowAll"}},
            "want": "NonCompliant",
            "because": "allOf[1]",
        },
        {
            "note": "other",
            "resource": {"id": f"{ID}Web/sites/s", "name": "s", "type": "Microsoft.Web/sites"},
            "want": "NotApplicable",
        },
    ]
}


def write(folder: Path, policy: Any = POLICY, cases: Any = CASES) -> Path:
    (folder / "disk-large.json").write_text(policy if isinstance(policy, str) else json.dumps(policy))
    if cases is not None:
        text = cases if isinstance(cases, str) else json.dumps(cases)
        (folder / "disk-large.test.json").write_text(text)
    return folder


def problems(folder: Path) -> list[tuple[str, str]]:
    return [(one.place.path, one.problem) for one in check(folder) if not one.has_passed]


def changed(document: Any, path: list[Any], value: Any) -> Any:
    document = copy.deepcopy(document)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return document


def test_a_good_policy_passes(tmp_path: Path) -> None:
    outcomes = check(write(tmp_path))
    assert [(one.note, one.want, one.got, one.problem) for one in outcomes] == [
        ("closed", "Compliant", "Compliant", ""),
        ("open", "NonCompliant", "NonCompliant", ""),
        ("other", "NotApplicable", "NotApplicable", ""),
    ]


@pytest.mark.parametrize(
    ("path", "value", "where", "what"),
    [
        (["cases", 0, "want"], "NonCompliant", "cases[0]", "want NonCompliant, got Compliant"),
        (["cases", 1, "because"], "allOf[7]", "cases[1]", "no reason is 'allOf[7]'"),
        (["cases", 1, "because"], "llOf[1]", "cases[1]", "no reason is"),
        (["cases", 0, "want"], "Fine", "cases[0].want", "is not a state"),
        (["cases", 0, "wants"], "Compliant", "cases[0]", "unknown key 'wants'"),
        (["cases", 0, "resource"], {"name": "d"}, "cases[0].resource", "no 'id'"),
        (["cases", 0, "resource"], [], "cases[0].resource", "'resource' is required"),
        (["cases", 0, "related"], {}, "cases[0].related", "a list"),
        (["cases", 0, "related"], ["x"], "cases[0].related[0]", "a body is an object"),
        (["cases", 0], "x", "cases[0]", "a case is an object"),
        (["cases", 0, "parameters"], {"size": 1}, "cases[0]", "size"),
        (["cases"], [], "cases", "at least one case"),
    ],
)
def test_a_wrong_test_body_is_named(
    tmp_path: Path, path: list[Any], value: Any, where: str, what: str
) -> None:
    found = problems(write(tmp_path, cases=changed(CASES, path, value)))
    assert next((place, what in problem) for place, problem in found) == (where, True), found


def test_a_missing_kind_of_body_is_named(tmp_path: Path) -> None:
    found = problems(write(tmp_path, cases={"cases": CASES["cases"][:2]}))
    assert found == [("cases", "no test body is NotApplicable")]


@pytest.mark.parametrize(
    ("policy", "cases", "where", "what"),
    [
        ("{", CASES, "", "not JSON"),
        (POLICY, "[", "", "not JSON"),
        (POLICY, None, "", "no test bodies"),
        (changed(POLICY, ["properties", "policyRule", "if"], {"field": "type", "equalz": 1}), CASES, "properties.policyRule.if", ""),
    ],
)  # fmt: skip
def test_a_broken_file_is_named(tmp_path: Path, policy: Any, cases: Any, where: str, what: str) -> None:
    ((place, problem), *_) = problems(write(tmp_path, policy, cases))
    assert place.startswith(where)
    assert what in problem


def test_an_unknown_alias_is_a_problem_of_each_body(tmp_path: Path) -> None:
    alias = "Microsoft.Compute/disks/noSuchThing"
    policy = changed(POLICY, ["properties", "policyRule", "if", "allOf", 1, "field"], alias)
    assert all("noSuchThing" in problem for _, problem in problems(write(tmp_path, policy)))


def test_an_orphan_test_file_and_an_absent_folder_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "disk-large.json").unlink()
    assert [problem for _, problem in problems(tmp_path)] == ["there is no policy beside this test file"]
    with pytest.raises(ContentError):
        check(tmp_path / "nowhere")


def test_an_initiative_in_the_folder_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / "set.json").write_text(json.dumps({"properties": {"policyDefinitions": []}}))
    assert check(tmp_path) == []


GOOD = POLICY["properties"]["metadata"]["nephoscope"]


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (["severity"], "Huge", ".severity"),
        (["remediation"], None, ".remediation"),
        (["remediation", "steps"], [], ".remediation.steps"),
        (["remediation", "steps"], [""], ".remediation.steps"),
        (["remediation", "az"], "azure disk", ".remediation.az"),
        (["remediation", "bicep"], "", ".remediation.bicep"),
        (["tactics"], ["Hacking"], ".tactics[0]"),
        (["techniques"], ["1190"], ".techniques[0]"),
        (["controls"], ["NS-8"], ".controls[0]"),
        (["controls"], "NS-8", ".controls"),
        (["scoreControl"], "", ".scoreControl"),
        (["sameAs"], [{"policy": "x"}], ".sameAs[0].policy"),
        (["sameAs"], [{"policy": POLICY["name"], "difference": "short"}], ".sameAs[0].difference"),
        (["sameAs"], {}, ".sameAs"),
    ],
)
def test_a_wrong_description_is_named(path: list[Any], value: Any, where: str) -> None:
    assert [place for place, _ in find_description_problems(changed(GOOD, path, value))] == [where]


def test_a_good_or_absent_description_is_fine() -> None:
    assert list(find_description_problems(GOOD)) == []
    assert list(find_description_problems(None)) == []
    assert [place for place, _ in find_description_problems("x")] == [""]
