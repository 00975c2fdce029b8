"""`gaps` lists what assessments lacked; `collect --type` reads that alone; `scan` leads to the list."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from tests.cli.test_detect import run

VAULT = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export of one vault, without its diagnostic settings."""
    body = {
        "id": VAULT,
        "name": "kv",
        "type": "Microsoft.KeyVault/vaults",
        "location": "westeurope",
        "properties": {"vaultUri": "https://kv"},
    }
    (tmp_path / "kv.json").write_text(json.dumps([body]))
    return tmp_path / "kv.json"


def test_a_scan_leads_to_the_list_and_the_list_to_the_export(tmp_path: Path, export: Path) -> None:
    data = tmp_path / "data"
    scanned = run(data, "scan", str(export)).stdout
    document = json.loads(run(data, "gaps", "-o", "json").stdout)
    assert (
        f"{document['unjudged']} assessments could not be evaluated: see `nephoscope gaps` for fixes"
        in scanned
    )
    assert document["unjudged"] == sum(one["assessments"] for one in document["gaps"]) > 0
    (gap,) = (one for one in document["gaps"] if one["subject"] == "Microsoft.Insights/diagnosticSettings")
    assert gap["permissions"] == ["Microsoft.Insights/diagnosticSettings/read"]
    assert gap["commands"][0].startswith("nephoscope collect --type Microsoft.Insights/diagnosticSettings")
    table = run(data, "gaps", str(export)).stdout
    assert f"$ {gap['commands'][0]}" in table
    assert "permission: Microsoft.Insights/diagnosticSettings/read" in table
    rows = list(csv.DictReader(io.StringIO(run(data, "gaps", "-o", "csv").stdout)))
    assert sum(int(one["assessments"]) for one in rows) == document["unjudged"]


def test_a_script_of_one_type_reads_that_and_what_it_lies_under(tmp_path: Path) -> None:
    told = run(
        tmp_path, "collect", "--script", "az", "--type", "microsoft.sql/servers/auditingSettings"
    ).stdout
    steps = told[told.rindex("\n}\n") :].strip().splitlines()[1:]
    assert [line.split()[0] for line in steps if line] == ["query", "query", "list", "manifest"]
    assert "microsoft.sql/servers/auditingsettings" in steps[-2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--type", "microsoft.foo/bars/things"), "no request for it is known"),
        (("--type", "vaults"), "cannot be collected"),
        (("--type", "Microsoft.KeyVault/vaults", "--everything"), "are mutually exclusive"),
    ],
    ids=lambda one: str(one),
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    assert said in run(tmp_path, "collect", "--script", "az", *options, code=2).stderr
