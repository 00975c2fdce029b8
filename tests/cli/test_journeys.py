"""Journeys of a person at the command line, each from files to what is printed."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.sample.some_subscriptions import copy_some

from nephoscope.cli.main import cli
from nephoscope.content.loader import load_documents

TESTS = Path(__file__).parents[1]
CASES = TESTS / "cases" / "journeys" / "second_snapshot"
SAMPLE = Path(str(files("nephoscope.content") / "sample" / "snapshot"))
GROUP = "/providers/Microsoft.Management/managementGroups"


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    make = runpy.run_path(str(TESTS / "sample" / "second_snapshot.py"))["write"]
    folder = tmp_path_factory.mktemp("snapshots")
    return [
        make(CASES / "earlier.json", folder / "earlier"),
        SAMPLE,
        make(CASES / "second.json", folder / "second"),
    ]


def run(data: Path, *arguments: object) -> str:
    result = CliRunner().invoke(cli, ["--data", str(data), *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1), result.output
    return result.stdout


def key_of(name: str) -> str:
    return next(one.json()["name"] for one in load_documents(kind="policies") if one.name == f"{name}.json")


@pytest.fixture(scope="module")
def watched(snapshots: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """Three scans, a month apart, in one data folder."""
    data = tmp_path_factory.mktemp("data")
    times = ("2026-09-01", "2026-10-01", "2026-11-01")
    reports = [
        json.loads(run(data, "scan", folder, "--at", when, "-o", "json"))
        for folder, when in zip(snapshots, times, strict=True)
    ]
    return data, reports


@pytest.mark.full
def test_a_second_snapshot_lists_exactly_what_changed(watched: tuple[Path, list[dict]]) -> None:
    expected = json.loads((CASES / "expected.json").read_text())
    wanted = sorted(
        (row["change"] if "change" in row else row["kind"], row["resource"].lower(), key_of(row["policy"]))
        for row in expected
    )
    changes = watched[1][2]["changes"]
    assert sorted((row["change"], row["resource"], row["policy"]) for row in changes) == wanted
    assert len(changes) == 12


@pytest.mark.full
def test_the_changes_stand_on_the_assessments_too(watched: tuple[Path, list[dict]]) -> None:
    marked = [row for row in watched[1][2]["assessments"] if row.get("change")]
    moved = [row for row in watched[1][2]["changes"] if row["change"] != "removed"]
    assert {(row["resource"].lower(), row["policy"]) for row in marked} >= {
        (row["resource"], row["policy"]) for row in moved
    }


@pytest.mark.full
def test_the_trend_and_the_causes_of_the_score_add_up(watched: tuple[Path, list[dict]]) -> None:
    data, reports = watched
    told = json.loads(run(data, "score", "--at", "2026-11-02", "-o", "json"))
    assert [point["percentage"] for point in told["trend"]] == [one["score"]["percentage"] for one in reports]
    move = told["score"]["percentage"] - reports[1]["score"]["percentage"]
    assert sum(part["points"] for part in told["delta"]) == pytest.approx(move, abs=2e-4)
    by_cause = {part["cause"].split(":")[0]: part["points"] for part in told["delta"]}
    assert by_cause["content"] == by_cause["exemptions"] == 0
    assert by_cause["estate"] != 0


@pytest.mark.full
def test_since_a_date_compares_with_the_history(
    watched: tuple[Path, list[dict]], snapshots: list[Path]
) -> None:
    data, _ = watched
    again = json.loads(
        run(data, "scan", snapshots[2], "--since", "2026-10-15", "--at", "2026-11-03", "-o", "json")
    )
    assert len(again["changes"]) == 12


def test_since_a_snapshot_needs_no_history(snapshots: list[Path], tmp_path: Path) -> None:
    told = json.loads(
        run(tmp_path, "scan", snapshots[2], "--since", SAMPLE, "--at", "2026-11-01", "-o", "json")
    )
    kinds = [row["change"] for row in told["changes"]]
    assert (kinds.count("new"), kinds.count("fixed"), kinds.count("removed")) == (7, 3, 2)


def _finding(report: dict, policy: str) -> dict:
    return next(
        row for row in report["assessments"] if row["policy"] == policy and row["state"] == "NonCompliant"
    )


def _exemption(resource: str, recommendation: str, category: str, expires: str) -> dict:
    return {
        "id": f"{resource}/providers/Microsoft.Authorization/policyExemptions/journey",
        "name": "journey",
        "type": "Microsoft.Authorization/policyExemptions",
        "properties": {
            "exemptionCategory": category,
            "expiresOn": expires,
            "displayName": "accepted until the migration",
            "metadata": {"nephoscope": {"recommendations": [recommendation]}},
        },
    }


def _state(report: dict, resource: str, policy: str) -> str:
    rows = [
        row
        for row in report["assessments"]
        if row["policy"] == policy and row["resource"].lower() == resource.lower()
    ]
    return rows[0]["state"]


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some subscriptions of the sample, for what does not depend on how large an estate is."""
    return copy_some(tmp_path_factory.mktemp("some"), "apps-dev", "sandbox")


@pytest.mark.full
@pytest.mark.parametrize("category", ["Waiver", pytest.param("Mitigated", marks=pytest.mark.full)])
def test_exempt_then_let_it_expire(category: str, some: Path, tmp_path: Path) -> None:
    policy = key_of("storage-secure-transfer")
    before = json.loads(
        run(tmp_path, "scan", some, "--at", "2026-11-01", "-o", "json", "--history", category)
    )
    finding = _finding(before, policy)
    file = tmp_path / "exemption.json"
    file.write_text(json.dumps(_exemption(finding["resource"], policy, category, "2026-12-01T00:00:00Z")))
    arguments = ("scan", some, "--decisions", file, "-o", "json", "--history", category)
    exempt = json.loads(run(tmp_path, *arguments, "--at", "2026-11-02"))
    expired = json.loads(run(tmp_path, *arguments, "--at", "2026-12-02"))
    states = [_state(report, finding["resource"], policy) for report in (before, exempt, expired)]
    assert states == ["NonCompliant", "Exempt", "NonCompliant"]
    moves = [
        [row["change"] for row in report["changes"] if row["policy"] == policy]
        for report in (exempt, expired)
    ]
    assert moves == [["exempted"], ["reopened"]]
    assert exempt["score"]["percentage"] >= before["score"]["percentage"]
    told = json.loads(run(tmp_path, "score", "--history", category, "--at", "2026-12-02", "-o", "json"))
    assert told["score"]["percentage"] == expired["score"]["percentage"]


def test_assign_at_a_management_group_with_notscope_override_and_selector(some: Path, tmp_path: Path) -> None:
    estate = json.loads(run(tmp_path, "scan", some, "--no-history", "--at", "2026-11-01", "-o", "json"))
    policy = key_of("storage-secure-transfer")
    everywhere = {row["resource"] for row in estate["assessments"] if row["policy"] == policy}
    left_out = min(everywhere)
    file = tmp_path / "assignment.json"
    file.write_text(json.dumps(_assignment(policy, left_out)))
    arguments = ("scan", some, "--no-history", "--decisions", file, "--at", "2026-11-01", "-o", "json")
    told = json.loads(run(tmp_path, *arguments))
    rows = [row for row in told["assessments"] if row["policy"] == policy]
    assert {row["resource"] for row in rows} == everywhere - {left_out}
    assert {row["effect"].lower() for row in rows} == {"deny"}


def _assignment(policy: str, left_out: str) -> dict:
    group = f"{GROUP}/{_root_group()}"
    return {
        "id": f"{group}/providers/Microsoft.Authorization/policyAssignments/journey",
        "name": "journey",
        "properties": {
            "scope": group,
            "policyDefinitionId": f"/providers/Microsoft.Authorization/policyDefinitions/{policy}",
            "notScopes": [left_out],
            "overrides": [{"kind": "policyEffect", "value": "Deny"}],
            "resourceSelectors": [
                {
                    "name": "storage",
                    "selectors": [{"kind": "resourceType", "in": ["Microsoft.Storage/storageAccounts"]}],
                }
            ],
        },
    }


def _root_group() -> str:
    from nephoscope.collect import resources

    estate = resources.load([SAMPLE])
    return next(iter(estate.management_groups.values()))[-1].rsplit("/", 1)[-1]


@pytest.mark.full
def test_a_modify_preview_is_shown_and_nothing_is_changed(tmp_path: Path) -> None:
    definition = {
        "id": "/providers/Microsoft.Authorization/policyDefinitions/journey-modify",
        "name": "journey-modify",
        "properties": {
            "displayName": "Storage accounts take encrypted connections only",
            "mode": "Indexed",
            "policyRule": {
                "if": {
                    "allOf": [
                        {"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
                        {
                            "field": "Microsoft.Storage/storageAccounts/supportsHttpsTrafficOnly",
                            "notEquals": True,
                        },
                    ]
                },
                "then": {
                    "effect": "modify",
                    "details": {
                        "roleDefinitionIds": [],
                        "operations": [
                            {
                                "operation": "addOrReplace",
                                "field": "Microsoft.Storage/storageAccounts/supportsHttpsTrafficOnly",
                                "value": True,
                            }
                        ],
                    },
                },
            },
        },
    }
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(definition))
    text = run(
        tmp_path,
        "recommendations",
        "sample:",
        "--policies",
        file,
        "--no-history",
        "--preview",
        "journey-modify",
    )
    patch = json.loads(text[text.index("[\n") : text.index("]") + 1])
    assert patch == [{"op": "replace", "path": "/properties/supportsHttpsTrafficOnly", "value": True}]


def test_an_exemption_that_names_no_member_is_told(tmp_path: Path) -> None:
    exemption = _exemption(
        "/subscriptions/19bb8813-1390-5200-a12d-91f84da3a28a", "unused", "Waiver", "2030-01-01T00:00:00Z"
    )
    exemption["properties"] |= {
        "policyAssignmentId": "/providers/Microsoft.Authorization/policyAssignments/nephoscope",
        "policyDefinitionReferenceIds": ["no-such-member"],
    }
    file = tmp_path / "exemption.json"
    file.write_text(json.dumps(exemption))
    arguments = [
        "--data",
        str(tmp_path),
        "scan",
        "sample:",
        "--no-history",
        "--decisions",
        str(file),
        "-o",
        "csv",
    ]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 3
    assert "no-such-member" in result.stderr


def test_a_filter_that_nothing_fits_is_told(tmp_path: Path) -> None:
    arguments = [
        "--data",
        str(tmp_path),
        "scan",
        "sample:",
        "--no-history",
        "--severity",
        "critical",
        "-o",
        "csv",
    ]
    assert "no assessed resource matches the filters" in CliRunner().invoke(cli, arguments).stderr


STANDARD = TESTS / "cases" / "journeys" / "standard"


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds a standard with every kind of policy and control."""
    data = tmp_path_factory.mktemp("harbour")
    told = run(data, "content", "import", STANDARD / "content", "--name", "harbour")
    assert told.startswith("harbour: 7 definitions and 1 initiative taken from 8 files")
    return data


@pytest.mark.parametrize(("form", "suffix"), [("table", "txt"), ("json", "json"), ("csv", "csv")])
def test_compliance_of_a_standard(
    harbour: Path, golden: Callable[[str, str], None], form: str, suffix: str
) -> None:
    asked = (STANDARD / "estate.json", "--no-history", "--initiative", "harbour", "--at", "2026-11-01")
    golden(f"compliance/harbour.{suffix}", run(harbour, "compliance", *asked, "-o", form))


def test_the_shares_of_a_standard_add_up(harbour: Path) -> None:
    asked = (STANDARD / "estate.json", "--no-history", "--initiative", "harbour", "--at", "2026-11-01")
    (told,) = json.loads(run(harbour, "compliance", *asked, "-o", "json"))
    assert sum(told["policies"].values()) == 8
    assert sum(told["controls"].values()) == 8
    names = [control["name"] for control in told["details"]]
    assert names == [f"HB-{number}" for number in range(1, 9)]
    assert {control["name"]: control["outcome"] for control in told["details"]} == {
        "HB-1": "failed",
        "HB-2": "passed",
        "HB-3": "unknown",
        "HB-4": "unknown",
        "HB-5": "unknown",
        "HB-6": "unavailable",
        "HB-7": "unknown",
        "HB-8": "unavailable",
    }
    assert told["percentage"] == 0.5
