"""Every rule of the baseline has a root that passes, one that fails, one without the thing, and one that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from baseline_roots import make_system

from nephoscope.protect.baseline.baseline_evaluation import assess_rule
from nephoscope.protect.baseline.rule_discovery import load_baseline_rules

CASES = Path(__file__).parents[2] / "cases" / "protect" / "baseline"
#: How many rules Azure's baseline for Linux has.
RULES = 169


@cache
def read_cases(area: str) -> dict[str, dict[str, Any]]:
    return yaml.load((CASES / f"{area}.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)


def areas() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.yaml"))


def rows(area: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield the name, the case and the base root of each rule of an area."""
    base = read_cases(area).get("base", {})
    for name, case in read_cases(area).items():
        if name != "base":
            yield name, case, base


def roots(
    case: dict[str, Any], base: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """Yield the state that is expected of each root of a case, the root, and its unreadable paths."""
    passing = base if case["pass"] == "base" else case["pass"]
    yield "Pass", passing, ()
    yield "Fail", base | case["fail"], ()
    yield case.get("without_state", "NotApplicable"), case["without"], ()
    yield "Unknown", case.get("unreadable_in", passing), tuple(case["unreadable"])


@pytest.mark.parametrize("area", areas())
def test_the_four_roots_of_each_rule(area: str) -> None:
    rules = load_baseline_rules()
    wrong = []
    for name, case, base in rows(area):
        for expected, root, refused in roots(case, base):
            verdict = assess_rule(rules[case["id"]], make_system(root, refused))
            if verdict.state.value != expected or not verdict.reason:
                wrong.append((name, expected, verdict))
    assert wrong == []


def test_every_rule_has_a_case_and_every_case_a_rule() -> None:
    told = {case["id"]: name for area in areas() for name, case, _ in rows(area)}
    assert told == {rule.id: rule.name for rule in load_baseline_rules().values()}
    assert len(told) == RULES


def test_a_failure_tells_where() -> None:
    """A rule that fails names a path and a value, so that a person finds the place."""
    rules = load_baseline_rules()
    silent = []
    for area in areas():
        for name, case, base in rows(area):
            verdict = assess_rule(rules[case["id"]], make_system(base | case["fail"]))
            if not verdict.evidence and not verdict.reason.startswith("none of"):
                silent.append(name)
    assert silent == []
