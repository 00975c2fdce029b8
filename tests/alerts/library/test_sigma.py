"""Sigma rules as rules of this product: the rows that each must find and must leave, and why others cannot be turned."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner

import nephoscope_kql as kql
from nephoscope.alerts.library.content_discovery import read
from nephoscope.alerts.library.content_item import ContentItem
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.cli.main import cli
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

FOLDER = Path(__file__).parent / "sigma"
REFUSED = yaml.load((Path(__file__).parent / "sigma-refused" / "cannot.yaml").read_text(), yaml.CSafeLoader)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
#: The rows of a rule lie beside it; those of the second rule of a file are in NAME.2.rows.yaml.
CASES = sorted(FOLDER.glob("*.rows.yaml"))


def piece_of(rows: Path) -> ContentItem:
    stem, _, number = rows.name.removesuffix(".rows.yaml").partition(".")
    found = read(FOLDER / f"{stem}.yml")
    assert found.unusable == []
    return found.pieces[int(number or 1) - 1]


def found_rows(piece: ContentItem, table: str, rows: list[dict[str, Any]]) -> list[int]:
    """Which of the rows the rule's query finds."""
    known = Tables.builtin()[table]
    given = [
        {"TimeGenerated": NOW.isoformat(), "_ItemId": str(place), **row} for place, row in enumerate(rows)
    ]
    made = to_arrow_rows(known, given, workspace=Workspace.from_name("test"), now=NOW)
    assert made.bad == []
    fields = [
        field.with_metadata({b"kql.type": known.types[field.name].value.encode()})
        for field in made.table.schema
    ]
    arrow = made.table.cast(pa.schema(fields))
    return [place for place, row in enumerate(rows) if _finds(piece, table, arrow.slice(place, 1))]


def _finds(piece: ContentItem, table: str, row: pa.Table) -> bool:
    functions = load_shipped_functions().values()
    return kql.run(piece.document["query"], {table: row}, now=NOW, functions=functions).num_rows == 1


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix(".rows.yaml"))
def test_a_rule_finds_its_rows_and_leaves_the_others(case: Path) -> None:
    wanted, piece = yaml.load(case.read_text(), yaml.CSafeLoader), piece_of(case)
    rows = [*wanted["match"], *wanted["leave"]]
    assert found_rows(piece, wanted["table"], rows) == list(range(len(wanted["match"]))), piece.document[
        "query"
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix(".rows.yaml"))
def test_a_rule_keeps_what_its_authors_say(case: Path) -> None:
    wanted, piece = yaml.load(case.read_text(), yaml.CSafeLoader)["rule"], piece_of(case)
    rule = AnalyticRule.parse(piece.document, piece.place)
    assert rule.severity.value == wanted["severity"]
    assert (list(rule.tactics), list(rule.techniques)) == (wanted["tactics"], wanted["relevantTechniques"])
    assert rule.version == wanted.get("version", "")
    if "entities" in wanted:
        assert [one.kind for one in rule.mappings] == wanted["entities"]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["note"])
def test_what_cannot_be_turned_is_told_with_its_line(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(case["rule"])
    found = read(path)
    assert found.pieces == []
    (bad,) = found.unusable
    assert case["said"] in "; ".join(bad.reasons)
    assert len(max(bad.reasons, key=len)) < 300
    assert bad.place.line == case["line"]


def test_the_table_is_told_that_does_not_do() -> None:
    (piece,) = read(FOLDER / "process-version.yml").pieces
    assert piece.notes[0] == "not asked of _ProcessCreation: _ProcessCreation has no column FileVersion"
    assert piece.notes[1].startswith("not asked of SecurityEvent: ")


@pytest.mark.parametrize(
    ("pipeline", "table"),
    [
        ("azure_monitor", "SecurityEvent"),
        ("microsoft_xdr", "DeviceProcessEvents"),
        ("sentinel_asim", "imProcessCreate"),
    ],
)
def test_a_person_chooses_the_tables_of_devices(pipeline: str, table: str) -> None:
    pieces = read(FOLDER / "process-encoded.yml", pipeline).pieces
    assert [one.document["query"].split()[0] for one in pieces] == [table]


def test_a_folder_is_imported_as_any_other(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    for path in FOLDER.glob("*.yml"):
        (rules / path.name).write_text(path.read_text())
    (rules / "bad.yml").write_text(REFUSED[1]["rule"])
    result = CliRunner().invoke(
        cli, ["--data", str(tmp_path / "data"), "content", "import", str(rules), "-o", "json"]
    )
    assert result.exit_code == 3, result.output
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["Queries To A Tunnel"]["status"] == "needs ASimDnsActivityLogs (no rows yet)"
    assert rows["An Old Shell"]["notes"][0].startswith("not asked of _ProcessCreation")
    assert rows["Unknown field"]["status"] == "unsupported: SigninLogs: SigninLogs has no column ShoeSize"
    assert rows["Unknown field"]["file"].endswith("bad.yml:6")
