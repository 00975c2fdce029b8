"""Verdicts of the analyzers on described estates: tests/cases/analyze/verdicts/*.json.

A case has a `note`, a `world` (see world.py; `base` names an estate of the same file that it is laid over), and `want`: per key
(`module.CONSTANT`) what each resource (the end of its id) must be: Healthy, Unhealthy, NotApplicable or Unknown, optionally with
`: text` that the description must contain. `only: true` under a key forbids verdicts on other resources.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from nephoscope.analyze import run
from nephoscope_policy.model.state import ComplianceState

FOLDER = Path(__file__).parent.parent / "cases" / "analyze" / "verdicts"
WORDS = {
    ComplianceState.COMPLIANT: "Healthy",
    ComplianceState.NON_COMPLIANT: "Unhealthy",
    ComplianceState.NOT_APPLICABLE: "NotApplicable",
    ComplianceState.UNKNOWN: "Unknown",
}


def layered(base: Any, top: Any) -> Any:
    """Objects merged to any depth; everything else replaced; null takes away."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    merged = {name: layered(base.get(name), top[name]) if name in top else base[name] for name in base}
    merged |= {name: value for name, value in top.items() if name not in base}
    return {name: value for name, value in merged.items() if value is not None}


def cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for case in document["cases"]:
            world = layered(document["worlds"].get(case.get("base", ""), {}), case.get("world", {}))
            found.append(pytest.param(world, case["want"], id=f"{path.stem}: {case['note']}"))
    return found


def key_of(name: str) -> str:
    module, _, constant = name.partition(".")
    key: Any = getattr(importlib.import_module(f"nephoscope.analyze.{module}"), constant)
    return str(key.id)


@pytest.mark.parametrize(("described", "want"), cases())
def test_verdict(world: Any, described: dict[str, Any], want: dict[str, dict[str, str]]) -> None:
    found = run(world.view(described)).assessments
    for name, expected in want.items():
        key = key_of(name)
        verdicts = {item.resource.lower(): item for item in found if item.key == key}
        for place, words in expected.items():
            state, _, text = words.partition(": ")
            hits = [item for id_, item in verdicts.items() if id_.endswith(f"/{place.lower()}")]
            assert len(hits) == 1, f"{name} on {place}: {[item.resource for item in hits]}"
            shown = f"{WORDS[hits[0].state]}: {hits[0].description}"
            assert WORDS[hits[0].state] == state, shown
            assert text in hits[0].description, shown


def test_every_folder_case_is_read() -> None:
    assert len(cases()) >= 100
