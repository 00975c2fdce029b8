"""A snapshot judged part by part ends as it does in one piece, whatever the size of the parts."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest

from nephoscope.collect import resources
from nephoscope.collect.resources import SnapshotSpool
from nephoscope.content.loader import load_documents
from nephoscope.posture.evaluation.analyzer_results import Analyzers, run_all_analyzers, run_no_analyzers
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate
from nephoscope.posture.evaluation.partial_loading import evaluate_parts, list_types_needed_whole
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.catalog import PolicyCatalog

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CONTENT = Path(__file__).parents[2] / "cases/sets/content"


def spooled(paths: list[Path], folder: Path) -> Any:
    folder.mkdir()
    (found,) = SnapshotSpool.of(paths, folder).read_surveys(list_types_needed_whole())
    return found


def compare(paths: list[Path], folder: Path, plan: EvaluationPlan, size: int, analyzers: Analyzers) -> int:
    """Assert that both ways end the same; returns how many parts there were."""
    estate = resources.load(paths)
    survey = spooled(paths, folder)
    assert survey.whole.coverage == estate.coverage
    assert survey.whole.management_groups == estate.management_groups
    assert survey.whole.quarantine == estate.quarantine
    assert survey.whole.duplicates == estate.duplicates
    whole = evaluate_estate(estate, plan.with_estate(estate), NOW, analyzers=analyzers)
    parts = list(evaluate_parts(survey, plan.with_estate(survey.whole), NOW, analyzers=analyzers, size=size))
    assert Counter(one for run in parts for one in run.assessments) == Counter(whole.assessments)
    assert sum((run.counts for run in parts), Counter()) == whole.counts
    assert {key for run in parts for key in run.estate.resources} == set(estate.resources)
    assert all(Counter(run.errors) == Counter(whole.errors) for run in parts)
    return len(parts)


@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_the_sample_estate(tmp_path: Path, size: int) -> None:
    plan = EvaluationPlan(Packs(tmp_path / "data").catalog([])).with_assignment("nephoscope")
    with as_file(files("nephoscope.content") / "sample" / "snapshot") as sample:
        parts = compare([sample], tmp_path / "spool", plan, size, run_all_analyzers)
    assert (parts == 1) is (size == 100_000)


def test_no_analyzers_and_every_definition(tmp_path: Path) -> None:
    plan = (
        EvaluationPlan(PolicyCatalog.of(load_documents(CONTENT)))
        .assign_every_definition()
        .with_assignment("baseline")
    )
    with as_file(files("nephoscope.content") / "sample" / "snapshot") as sample:
        assert compare([sample], tmp_path / "spool", plan, 1, run_no_analyzers) > 1


def record(subscription: int, name: str, version: str = "", **body: Any) -> str:
    id_ = f"/subscriptions/{subscription}/resourceGroups/g/providers/{name}"
    resource = {"id": id_, "properties": {}, **body}
    return json.dumps({"resource": resource, "api_version": version} if version else resource)


def test_duplicates_broken_records_children_and_two_roots(tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second"
    subnet = {"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}
    network = "Microsoft.Network/virtualNetworks/n"
    first.write_text(
        "\n".join(
            [
                record(1, network, "2020-01-01", properties={"subnets": [subnet]}),
                record(1, network, "2024-01-01", properties={"subnets": []}),
                record(2, "Microsoft.Storage/storageAccounts/a", properties={"minimumTlsVersion": "TLS1_0"}),
                '{"id": "/subscriptions/2/resourceGroups/g/providers/Microsoft.Sql/servers/q", "properties": }',
                json.dumps({"id": "/providers/Microsoft.Management/managementGroups/root", "properties": {}}),
                json.dumps({"id": "not an id"}),
            ]
        )
    )
    second.mkdir()
    manifest = {"schemaVersion": 1, "scopes": {"/subscriptions/3": ["microsoft.keyvault/vaults"]}}
    (second / "coverage.json").write_text(json.dumps(manifest))
    chain = {"managementGroupAncestorsChain": [{"name": "root"}]}
    (second / "some.jsonl").write_text(
        "\n".join(
            [
                record(3, "Microsoft.KeyVault/vaults/v", tags={"reviewBy": "2026-05-01T00:00:00Z"}),
                json.dumps({"id": "/subscriptions/3", "properties": chain}),
                record(2, "Microsoft.Storage/storageAccounts/a"),
            ]
        )
    )
    plan = EvaluationPlan(PolicyCatalog.of(load_documents(CONTENT))).assign_every_definition()
    assert compare([first, second], tmp_path / "spool", plan, 1, run_all_analyzers) == 4


def test_an_empty_snapshot_is_one_part(tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("[]")
    plan = EvaluationPlan(PolicyCatalog.of(load_documents(CONTENT))).with_assignment("not-there")
    assert compare([empty], tmp_path / "spool", plan, 10, run_no_analyzers) == 1


def test_bytes_that_are_the_same_are_the_same_body(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    network = record(
        1, "Microsoft.Network/virtualNetworks/n", properties={"subnets": [{"name": "s", "properties": {}}]}
    )
    path.write_text(network)
    before = resources.load([path]).resources
    path.write_text(network + "\n" + record(1, "Microsoft.Storage/storageAccounts/a"))
    after = resources.load([path]).resources
    read = [key for key, one in before.items() if not one.derived]
    assert len(read) == 2
    assert all(before[key].origin and before[key].origin == after[key].origin for key in read)
    path.write_text(network.replace('"name": "s"', '"name": "S"'))
    edited = resources.load([path]).resources
    assert all(before[key].origin != edited[key].origin for key in read)
