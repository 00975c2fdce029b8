"""The command line of attack paths: listed, one in full, as JSON and CSV, and as a gate."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.posture.recommendations.finding_text import describe_failure


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("data")


def run(data: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), "attackpaths", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_listed_and_one_in_full(data: Path) -> None:
    told = json.loads(run(data, "sample:", "-o", "json").stdout)
    assert told["schemaVersion"] == 1
    assert told["gaps"]
    levels = [one["properties"]["riskLevel"] for one in told["paths"]]
    assert levels == sorted(levels, key=["Critical", "High", "Medium", "Low"].index)
    one = told["paths"][0]
    assert one["id"].endswith(f"/providers/Microsoft.Security/attackPaths/{one['name']}")
    listed = run(data, "sample:").stdout
    assert all(path["name"][:8] in listed for path in told["paths"])
    full = run(data, "sample:", "--show", one["name"][:8]).stdout
    assert "1. " in full
    weakness = one["properties"]["attackPathSteps"][0]["assessments"][0]
    assert describe_failure(weakness["displayName"]) in full


def test_filters_and_a_table_as_csv(data: Path) -> None:
    output = run(
        data, "sample:", "--level", "critical", "--subscription", "sub-bwf-sandbox", "-o", "csv"
    ).stdout
    rows = list(csv.DictReader(io.StringIO(output)))
    assert {row["risk"] for row in rows} == {"Critical"}
    assert "stbwfcampaign" in {row["target"] for row in rows}
    elsewhere = run(data, "sample:", "--subscription", "sub-bwf-erp-prod")
    assert "no attack path" in elsewhere.stdout


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--fail-on", "critical"), 1),
        (("--fail-on", "critical", "--path", "exposed-cluster"), 1),
        (("--fail-on", "critical", "--subscription", "sub-bwf-erp-prod"), 0),
        (("--path", "nowhere"), 2),
        (("--show", "zz"), 2),
        (("--types",), 0),
        (("--types", "-o", "json"), 0),
        (("--types", "-o", "csv"), 0),
    ],
    ids=[
        "gate",
        "gate whatever is shown",
        "gate holds",
        "no type",
        "no path",
        "types",
        "types as JSON",
        "types as CSV",
    ],
)
def test_exit_codes(data: Path, arguments: tuple[str, ...], code: int) -> None:
    assert run(data, "sample:", *arguments).exit_code == code
