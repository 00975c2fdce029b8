"""`scan --explain` over templates: each verdict with what decides it and where that is written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

CASE = Path(__file__).parents[1] / "posture" / "code" / "cases" / "planned_machine.json"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "repo"
    made.mkdir()
    shutil.copy(CASE, made / "main.json")
    monkeypatch.chdir(made)
    return made


def explain(resource: str, *more: str) -> Result:
    return CliRunner().invoke(cli, ["--data", "../data", "scan", "main.json", "--explain", resource, *more])


def test_each_verdict_says_what_it_read_and_where(folder: Path) -> None:
    result = explain("networkInterfaces/card")
    said = " ".join(result.stdout.split())
    written = (folder / "main.json").read_text().splitlines()
    line = next(number for number, text in enumerate(written, 1) if "enableIPForwarding" in text)
    assert re.search(rf"enableIpForwarding \S+ \S+ is true [^)]*\) at main.json:{line}:\d+", said), said
    assert "Compliant " in said
    assert "virtualMachines" not in said


def test_a_verdict_of_an_analyzer_has_its_words_and_an_unknown_value_its_name(folder: Path) -> None:
    assert "IP forwarding is on" in explain("virtualMachines/vm").stdout
    path = folder / "main.json"
    path.write_text(
        path.read_text().replace('"enableIPForwarding": true', '"enableIPForwarding": "[newGuid()]"')
    )
    assert "Unknown(" not in explain("networkInterfaces/card").stdout


def test_a_gate_still_fails(folder: Path) -> None:
    assert explain("virtualMachines/vm", "--fail-on", "high").exit_code == 1


def test_a_resource_that_is_not_planned_is_an_error(folder: Path) -> None:
    result = explain("virtualMachines/other")
    assert result.exit_code == 2
    assert "virtualMachines/other" in result.stderr
