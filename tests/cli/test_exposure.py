"""The command `exposure`: openings of the sample estate as a table, JSON and CSV, and what is closed with its reason."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def run(data: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--data", str(data), "exposure", "sample:", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_each_opening_has_its_path_and_rule(data: Path) -> None:
    rows = json.loads(run(data, "-o", "json"))["exposures"]
    machines = {one["name"]: one for one in rows if one["path"] == "public address" and one["ports"] == "22"}
    found = machines["vm-sbx-jump"]
    assert (found["state"], found["protocol"], found["sources"]) == ("Everybody", "TCP", "everybody")
    assert [one.rsplit("/", 1)[-1] for one in found["rules"]] == ["allow-ssh-any"]
    assert "/publicipaddresses/" in found["via"][0]
    states = [one["state"] for one in rows]
    assert states == sorted(states, key=["Everybody", "Limited", "Unknown", "Closed"].index)
    assert "Closed" not in states


def test_what_is_closed_says_why(data: Path) -> None:
    rows = json.loads(run(data, "--closed", "-o", "json"))["exposures"]
    closed = [one for one in rows if one["state"] == "Closed"]
    assert closed
    assert all(one["why"] for one in closed)


@pytest.mark.full
def test_a_table_and_a_file(data: Path) -> None:
    assert "nsg-sbx-jump/allow-ssh-any" in run(data).replace("\n", "")
    listed = list(csv.DictReader(io.StringIO(run(data, "-o", "csv"))))
    assert {one["Exposure"] for one in listed} <= {"Everybody", "Limited", "Unknown"}


def test_openings_that_a_list_does_not_allow_fail(data: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed.json"
    allowed.write_text('[{"resource": "/*", "reason": "all of it"}]')
    rows = json.loads(run(data, "--allowed-openings", str(allowed), "-o", "json"))["exposures"]
    assert {one["state"] for one in rows} == {"Limited", "Unknown"}
    allowed.write_text(
        '[{"resource": "Microsoft.Compute/virtualMachines/*", "ports": "443", "reason": "web"}]'
    )
    options = ["exposure", "sample:", "--allowed-openings", str(allowed), "-o", "json"]
    result = CliRunner().invoke(cli, ["--data", str(data), *options])
    assert result.exit_code == 1
    names = {one["name"] for one in json.loads(result.stdout)["exposures"] if one["state"] == "Everybody"}
    assert "vm-sbx-jump" in names
    assert CliRunner().invoke(cli, ["--data", str(data), "scan", "sample:", *options[2:4]]).exit_code == 2
