"""From recorded bodies to verdicts: a well-kept organization is healthy, each fault is found, what was not read is no fault."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.collect.devops.conftest import CONNECTOR, NOW

from nephoscope.analyze.analyzer_runner import run
from nephoscope.analyze.discovery import load_analyzers
from nephoscope.collect import resources
from nephoscope.estate.devops_documents import GITHUB_REPOSITORY
from nephoscope.estate.estate_view import EstateView
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.state import ComplianceState

CASES = Path(__file__).parents[2] / "cases" / "devops"
MODULES = {
    "github": ("github_organizations", "github_actions", "github_branches", "github_scanning", "github_secrets", "github_access",
               "github_organization_access"),
    "gitlab": ("gitlab_branches", "gitlab_secrets", "gitlab_access", "gitlab_scanning"),
    "azure-devops": ("azure_devops_pipelines", "azure_devops_resources", "azure_devops_branches", "azure_devops_scanning"),
}  # fmt: skip
#: `answers` stand in place of those of the well-kept organization; `says` is part of the description.
FAULTS: list[dict[str, Any]] = json.loads((CASES / "faults.json").read_text(encoding="utf-8"))


def key_of(name: str) -> str:
    module, _, constant = name.partition(".")
    return str(getattr(importlib.import_module(f"nephoscope.analyze.{module}"), constant).id)


@pytest.mark.parametrize("platform", sorted(MODULES))
def test_a_well_kept_organization_is_healthy(assess: Any, platform: str) -> None:
    found = assess(platform)
    asked = {key for one in load_analyzers() if one.name in MODULES[platform] for key in one.keys}
    assert {key for key, _ in found} >= asked
    wrong = {
        place: shown(one)
        for place, one in found.items()
        if place[0] in asked and one.state is not ComplianceState.COMPLIANT
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "fault", FAULTS, ids=[f"{one['key']} {one['state']} {number}" for number, one in enumerate(FAULTS)]
)
def test_a_fault_is_found_and_a_refusal_is_no_fault(assess: Any, fault: dict[str, Any]) -> None:
    one = assess(fault["platform"], fault["answers"])[key_of(fault["key"]), fault["on"]]
    assert one.state.value == fault["state"], shown(one)
    assert fault["says"] in one.description, shown(one)


@pytest.mark.parametrize("platform", sorted(MODULES))
def test_an_answer_that_nobody_gave_makes_nothing_unhealthy(
    assess: Any, recorded: Any, platform: str
) -> None:
    # without projects, or the list of them, there is nothing at all
    needed = {"_apis/projects.json", "groups/contoso/projects--include_subgroups-true.json"}
    for name in recorded(platform).keys() - needed:
        found = assess(platform, {name: None})
        bad = [shown(one) for one in found.values() if one.state is ComplianceState.NON_COMPLIANT]
        assert bad == [], name


def test_what_defender_says_of_a_repository_stands_where_its_settings_were_not_read(tmp_path: Path) -> None:
    repository = f"{CONNECTOR}/devops/default/gitHubOwners/contoso/repos/shop"
    protected, reviewed = (key_of(f"github_branches.{name}") for name in ("PROTECTED", "TWO_REVIEWERS"))
    bodies = [
        {"id": repository, "name": "shop", "type": GITHUB_REPOSITORY, "properties": {"repoName": "shop"}},
        {
            "id": f"{repository}/providers/Microsoft.Security/assessments/{protected}", "name": protected,
            "type": "Microsoft.Security/assessments", "properties": {"status": {"code": "Unhealthy", "cause": "OffByPolicy"}},
        },
    ]  # fmt: skip
    (tmp_path / "rows.json").write_text(json.dumps(bodies))
    (tmp_path / "coverage.json").write_text(json.dumps({"schemaVersion": 2, "readAt": NOW.isoformat()}))
    unknown = run(EstateView(resources.load([tmp_path]), NOW)).unknown
    assert not [one for one in unknown if one.endswith(protected)]
    assert [one for one in unknown if one.endswith(reviewed)]


def test_every_key_of_these_analyzers_is_seen_unhealthy() -> None:
    seen = {key_of(one["key"]) for one in FAULTS if one["state"] == ComplianceState.NON_COMPLIANT.value}
    names = [name for several in MODULES.values() for name in several]
    asked = {key for one in load_analyzers() if one.name in names for key in one.keys}
    assert asked - seen == set()


def shown(one: Assessment) -> str:
    return f"{one.key} on {one.resource.rsplit('/', 1)[-1]}: {one.state.value}: {one.description}"
