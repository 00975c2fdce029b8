"""Recordings of a well-kept organization of each platform, and what becomes of one in which some answers differ."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from nephoscope.analyze.analyzer_runner import run
from nephoscope.collect import resources
from nephoscope.collect.devops.azure_devops import AZURE_DEVOPS
from nephoscope.collect.devops.devops_snapshot import write_snapshot
from nephoscope.collect.devops.github import GITHUB
from nephoscope.collect.devops.gitlab import GITLAB
from nephoscope.collect.devops.posture_collector import DevOpsCollection, PostureCollector
from nephoscope.collect.devops.recorded_responses import RecordedAnswers
from nephoscope.estate.estate_view import EstateView
from nephoscope_policy.model.assessment import Assessment

CASES = Path(__file__).parents[2] / "cases" / "devops"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CONNECTOR = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/"
    "Microsoft.Security/securityConnectors/c"
)
PLATFORMS = {one.name: one for one in (GITHUB, GITLAB, AZURE_DEVOPS)}
ORGANIZATIONS = {"github": "contoso", "gitlab": "contoso", "azure-devops": "fabrikam"}
Record = Callable[..., Path]
Judge = Callable[..., dict[tuple[str, str], Assessment]]


def recording_of(platform: str) -> dict[str, Any]:
    """The answers of the well-kept organization, by the file of each."""
    found: dict[str, Any] = json.loads((CASES / f"{platform}.json").read_text(encoding="utf-8"))
    return copy.deepcopy(found)


@pytest.fixture
def recorded() -> Callable[[str], dict[str, Any]]:
    """The answers of a well-kept organization."""
    return recording_of


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Write a recording, in which a file's answer is replaced, or left out where it is None."""

    numbers = count()

    def write(platform: str, changed: dict[str, Any] | None = None) -> Path:
        folder = tmp_path / f"recording{next(numbers)}"
        for name, body in (recording_of(platform) | (changed or {})).items():
            if body is not None:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(body), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def collect_recorded(record: Record) -> Callable[..., DevOpsCollection]:
    """Collect a recording."""

    def collect(platform: str, changed: dict[str, Any] | None = None) -> DevOpsCollection:
        folder = record(platform, changed)
        return PostureCollector(PLATFORMS[platform], RecordedAnswers(folder)).collect(
            CONNECTOR, ORGANIZATIONS[platform]
        )

    return collect


@pytest.fixture
def assess(collect_recorded: Callable[..., DevOpsCollection], tmp_path: Path) -> Judge:
    """Judge a recording: the assessments by key and the last segment of the resource."""

    def verdicts(platform: str, changed: dict[str, Any] | None = None) -> dict[tuple[str, str], Assessment]:
        write_snapshot(tmp_path / "snapshot", collect_recorded(platform, changed), "", NOW)
        estate = resources.load([tmp_path / "snapshot"])
        assert not estate.quarantine
        found = run(EstateView(estate, NOW)).assessments
        return {(one.key, one.resource.rsplit("/", 1)[-1].lower()): one for one in found}

    return verdicts
