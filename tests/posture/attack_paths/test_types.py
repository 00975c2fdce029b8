"""Every type of attack path on estates that have it and estates that miss one thing: tests/cases/attack_paths/<type>.json.

A case is a `world` (see tests/analyze/world.py; `resources` are more bodies by a name of their own) in which some resources fail
recommendations (`failing`, words of FAILING). A negative case is laid over the positive one and says what is different.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.analyze import world
from tests.analyze.test_cases import layered

from nephoscope.posture.attack_paths.analysis import AttackPathAnalysis, analyze
from nephoscope.posture.attack_paths.path_type import load_path_types
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.report_row import ReportRow
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState, Severity

FOLDER = Path(__file__).parents[2] / "cases" / "attack_paths"
CASES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
#: word -> (severity, score control, tactic)
FAILING = {
    "updates": (Severity.HIGH, "Apply system updates", "InitialAccess"),
    "images": (Severity.HIGH, "Remediate vulnerabilities", "Execution"),
    "vulnerabilities": (Severity.HIGH, "Remediate security configurations", "InitialAccess"),
    "encryption": (Severity.HIGH, "Enable encryption at rest", "Collection"),
    "logging": (Severity.HIGH, "Enable auditing and logging", "InitialAccess"),
    "ways": (Severity.HIGH, "Restrict unauthorized network access", "InitialAccess"),
}


def rows(failing: dict[str, list[str]]) -> list[ReportRow]:
    """The failing recommendations of a case."""
    found = []
    for id_, words in failing.items():
        key = ResourceId.parse(world.placed({"id": id_})["id"]).key
        for word in words:
            severity, control, tactic = FAILING[word]
            known = Recommendation(word, word, severity=severity, score_control=control, tactics=(tactic,))
            found.append(ReportRow(Assessment(key, word, ComplianceState.NON_COMPLIANT), known, None))
    return found


def found_in(case: dict[str, Any]) -> AttackPathAnalysis:
    described = dict(case["world"])
    described["extra"] = list(described.pop("resources", {}).values())
    return analyze(world.view(described), rows(case["failing"]))


def of_type(case: dict[str, Any], type_: str) -> list[Any]:
    return [one for one in found_in(case).paths if one.chain.type.name == type_]


def negatives() -> list[Any]:
    return [
        pytest.param(type_, at, id=f"{type_}: {change['note']}")
        for type_, case in CASES.items()
        for at, change in enumerate(case["negative"])
    ]


def test_every_type_has_cases() -> None:
    assert sorted(CASES) == [one.name for one in load_path_types()]
    assert all(case["negative"] for case in CASES.values())


@pytest.mark.parametrize("type_", CASES)
def test_found(type_: str) -> None:
    case = CASES[type_]["positive"]
    paths = of_type(case, type_)
    assert [[one.name for one in path.chain.entities] for path in paths] == case["paths"]
    assert [path.level.value for path in paths] == [case["level"]]
    assert all(path.reasons and path.factors for path in paths)


@pytest.mark.parametrize(("type_", "at"), negatives())
def test_not_found(type_: str, at: int) -> None:
    change = CASES[type_]["negative"][at]
    positive = CASES[type_]["positive"]
    case = {
        "world": layered(positive["world"], change.get("world", {})),
        "failing": change.get("failing", positive["failing"]),
    }
    assert of_type(case, type_) == []
