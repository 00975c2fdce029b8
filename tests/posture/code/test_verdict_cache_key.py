"""What verdicts rest on beside the files: whatever of it changes, the digest is another."""

from __future__ import annotations

import inspect
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.analyze.discovery import load_analyzers
from nephoscope.posture.code.template import verdict_cache_key
from nephoscope.posture.code.template.planned_analysis import ANALYZERS
from nephoscope.posture.code.template.verdict_cache_key import hash_inputs
from nephoscope.posture.policies.policy_packs import Packs

NOW = datetime(2026, 11, 1, tzinfo=UTC)
POLICY = {
    "id": "/providers/Microsoft.Authorization/policyDefinitions/own", "name": "own",
    "type": "Microsoft.Authorization/policyDefinitions",
    "properties": {"policyRule": {"if": {"field": "kind", "exists": False}, "then": {"effect": "audit"}}},
}  # fmt: skip
EXEMPTION = {
    "id": "/subscriptions/1/providers/Microsoft.Authorization/policyExemptions/e", "name": "e",
    "type": "Microsoft.Authorization/policyExemptions",
    "properties": {
        "policyAssignmentId": "/providers/Microsoft.Authorization/policyAssignments/a", "exemptionCategory": "Waiver",
        "expiresOn": "2026-12-01T00:00:00Z",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    policies: tuple[str, ...] = ()
    initiatives: tuple[str, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()
    decisions: tuple[str, ...] = ()
    assigned: bool = False


@dataclass
class Asked:
    """A request with its folders, at a time."""

    root: Path
    request: Request
    now: datetime = NOW

    def write(self, name: str, body: Any) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(body))

    def ask(self, **changed: Any) -> None:
        self.request = replace(self.request, **changed)

    @property
    def basis(self) -> bytes | None:
        return hash_inputs(self.request, Packs(self.root / "data"), self.now)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setattr(verdict_cache_key, "_compute_product_digest", lambda: "product")
    found = Asked(
        tmp_path,
        Request((str(tmp_path / "policies"),), ("one",), (("a", 1),), (str(tmp_path / "decisions"),)),
    )
    found.write("policies/own.json", POLICY)
    found.write("decisions/e.json", EXEMPTION)
    return found


def later(asked: Asked) -> None:
    asked.now = datetime(2026, 12, 2, tzinfo=UTC)


CHANGES: dict[str, Callable[[Asked], object]] = {
    "a policy": lambda asked: asked.write("policies/own.json", {**POLICY, "name": "owm"}),
    "another policy": lambda asked: asked.write("policies/more.json", POLICY),
    "a policy that cannot be read": lambda asked: asked.write("policies/own.json", "x" * (17 << 20)),
    "an initiative": lambda asked: asked.ask(initiatives=("two",)),
    "a parameter": lambda asked: asked.ask(parameters=(("a", 2),)),
    "no folder": lambda asked: asked.ask(policies=()),
    "assignments of the decisions": lambda asked: asked.ask(assigned=True),
    "a decision": lambda asked: asked.write("decisions/e.json", {**EXEMPTION, "name": "f"}),
    "an exemption that expired": later,
    "an imported pack": lambda asked: Packs(asked.root / "data").add(asked.root / "policies"),
    "imported aliases": lambda asked: asked.write("data/content/aliases/x.json", {}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_gives_another_digest(asked: Asked, what: str) -> None:
    before = asked.basis
    assert before is not None
    assert before == asked.basis
    CHANGES[what](asked)
    assert asked.basis != before


def test_time_alone_gives_no_other_digest(asked: Asked) -> None:
    before = asked.basis
    asked.now = datetime(2026, 11, 20, tzinfo=UTC)
    assert asked.basis == before


def test_a_file_of_the_product_that_changed_gives_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "product"
    (package / "__pycache__").mkdir(parents=True)
    file = package / "code.py"

    def digest(text: str, age: float) -> str | None:
        file.write_text(text)
        (package / "__pycache__" / "code.pyc").write_text(text)
        os.utime(file, (time.time() - age,) * 2)
        return verdict_cache_key.compute_product_digest([package])

    first = digest("ab", 1000)
    assert first is not None
    assert digest("abc", 1000) != first
    assert digest("ab", 500) != first
    assert digest("ab", 0) is None


def test_no_analyzer_of_plans_depends_on_the_time() -> None:
    """An analyzer asks the time of its view, and nowhere else."""
    asking = re.compile(r"\.(now|clock)\b")
    modules = {one.name: inspect.getmodule(one.analyze) for one in load_analyzers()}
    timed = {name for name, module in modules.items() if module and asking.search(inspect.getsource(module))}
    assert {"github_secrets", "api_usage"} <= timed
    assert timed.isdisjoint(ANALYZERS)
