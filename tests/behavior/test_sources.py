"""Every source gives the same columns; what rows of the logs become is in tests/cases/behavior."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from nephoscope.behavior.observation_source import COLUMNS, load_shipped_sources
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.compile import compile_results
from nephoscope_kql.engines.duckdb import DuckDBEngine

TABLES = Tables.builtin()
CATALOG = MemoryCatalog({one.name: replace(one.to_schema(one.name), day=("", "")) for one in TABLES})
CASES = sorted((Path(__file__).parents[1] / "cases" / "behavior").glob("*.yaml"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("source", load_shipped_sources(), ids=lambda one: one.name)
def test_a_source_gives_the_columns_of_an_observation(source) -> None:
    columns = [name for name, _ in compile_results(source.query, CATALOG)[-1].columns]
    assert columns == list(COLUMNS)
    assert source.table in TABLES.by_name


def test_every_source_has_cases() -> None:
    assert [path.stem for path in CASES] == [one.name for one in load_shipped_sources()]


def observed(source, rows):
    """The observations of rows of a source's table."""
    made = to_arrow_rows(TABLES[source.table], rows, workspace=Workspace.from_name("default"), now=NOW)
    compiled = compile_results(source.query, CATALOG, now=NOW)[-1]
    with DuckDBEngine({source.table: made.table}) as engine:
        return engine.run(compiled, None).to_pylist()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_observation_has_the_time_of_its_row(path: Path) -> None:
    """Not that of the hour by which rows are joined to one."""
    source = next(one for one in load_shipped_sources() if one.name == path.stem)
    moment = NOW + timedelta(minutes=20, seconds=7)
    ticks = (moment - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    for case in yaml.load(path.read_text(), yaml.CSafeLoader):
        found = observed(source, [{**row, "TimeGenerated": moment} for row in case["rows"]])
        assert {row["TimeGenerated"] for row in found} <= {ticks}, case["note"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_rows_become(path: Path) -> None:
    source = next(one for one in load_shipped_sources() if one.name == path.stem)
    for case in yaml.load(path.read_text(), yaml.CSafeLoader):
        found = observed(source, [{"TimeGenerated": NOW, **row} for row in case["rows"]])
        assert len(found) == len(case["gives"]), case["note"]
        for row, wanted in zip(sorted(found, key=_record), sorted(case["gives"], key=_record), strict=True):
            assert {name: row[name] for name in wanted} == wanted, case["note"]


def _record(row):
    return row.get("Record", "")
