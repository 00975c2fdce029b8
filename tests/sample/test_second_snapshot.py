"""Twelve planted changes between the sample estate and a second snapshot, told from one made before it."""

from __future__ import annotations

import json
import runpy
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from nephoscope.cli.main import cli
from nephoscope.collect import resources
from nephoscope.content.loader import load_documents
from nephoscope.posture.evaluation.analyzer_results import run_all_analyzers
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate
from nephoscope.posture.history.evaluation_diff import (
    ChangeKind,
    check_existence,
    compare,
    make_coverage_test,
    remember_states,
)
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.recommendations.finding_subject import verdicts
from nephoscope_policy.catalog import PolicyCatalog

CASES = Path(__file__).parents[1] / "cases" / "journeys" / "second_snapshot"
SAMPLE = Path(str(files("nephoscope.content") / "sample" / "snapshot"))
MAKER = runpy.run_path(str(Path(__file__).parent / "second_snapshot.py"))
TIMES = [datetime(2026, month, 1, 12, tzinfo=UTC) for month in (9, 10, 11)]


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """The folders of the three snapshots, oldest first."""
    folder = tmp_path_factory.mktemp("snapshots")
    earlier = MAKER["write"](CASES / "earlier.json", folder / "earlier")
    return [earlier, SAMPLE, MAKER["write"](CASES / "second.json", folder / "second")]


@pytest.fixture(scope="module")
def moved(snapshots):
    """The changes that each of the three evaluations brought."""
    plan = EvaluationPlan(
        PolicyCatalog.of([*load_documents(kind="policies"), *load_documents(kind="initiatives")])
    )
    past, found = {}, []
    for folder, when in zip(snapshots, TIMES, strict=True):
        estate = resources.load([folder])
        assigned = replace(plan.with_estate(estate), assignments=()).with_assignment("nephoscope")
        states = verdicts(evaluate_estate(estate, assigned, when, analyzers=run_all_analyzers).assessments)
        changes = list(compare(past, states, check_existence(estate), make_coverage_test(estate.coverage)))
        past = remember_states(past, states, changes, when)
        found.append(changes)
    return found


def test_the_twelve_changes_are_told_exactly(moved):
    names = {
        document.json()["name"]: document.name.removesuffix(".json")
        for document in load_documents(kind="policies")
    }
    expected = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))
    found = sorted((change.kind.value, change.resource, names[change.key]) for change in moved[2])
    assert found == sorted((row["kind"], row["resource"].lower(), row["policy"]) for row in expected)
    assert Counter(row["kind"] for row in expected) == {"new": 5, "fixed": 3, "reopened": 2, "removed": 2}


@pytest.mark.full
def test_the_command_tells_them_from_its_history(snapshots, tmp_path):
    expected = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))
    names = {
        document.json()["name"]: document.name.removesuffix(".json")
        for document in load_documents(kind="policies")
    }
    told = []
    for folder, when in zip(snapshots, TIMES, strict=True):
        asked = ["--data", str(tmp_path), "scan", str(folder), "--at", when.isoformat(), "--output", "json"]
        done = CliRunner().invoke(cli, asked)
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout)["changes"])
    found = sorted((row["change"], row["resource"], names[row["policy"]]) for row in told[2])
    assert found == sorted((row["kind"], row["resource"].lower(), row["policy"]) for row in expected)
    assert {row["change"] for row in told[1]} == {"fixed"}


def test_before_them_only_what_was_fixed(moved):
    assert {change.kind for change in moved[0]} == {ChangeKind.NEW}
    assert Counter(change.kind for change in moved[1]) == {ChangeKind.FIXED: 2}


def test_a_change_that_fits_nothing_is_an_error(tmp_path):
    changes = tmp_path / "changes.json"
    changes.write_text(
        json.dumps({"changes": [{"id": "/subscriptions/x", "remove": True}]}), encoding="utf-8"
    )
    with pytest.raises(MAKER["ChangeError"], match="nothing in the sample estate fits"):
        MAKER["write"](changes, tmp_path / "out")


def test_merge_patch_follows_its_rfc():
    merge = MAKER["merge"]
    assert merge({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": {"f": None}}, "d": [2]}) == {
        "a": {"c": 2, "e": {}},
        "d": [2],
    }
    assert merge([1], {"a": 1}) == {"a": 1}
    assert merge({"a": 1}, "text") == "text"
