"""ASIM parsers over the product's tables: sessions of flow logs, analytics and firewalls, DNS and web sessions, and filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

import nephoscope_kql as kql
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FILE = Path(__file__).parent.parent / "cases" / "asim_parsers.yaml"
DOCUMENT: dict[str, Any] = yaml.load(FILE.read_text(encoding="utf-8"), yaml.CSafeLoader)


def written(row: dict[str, Any]) -> dict[str, Any]:
    age = timedelta(hours=row["hours"]) if "hours" in row else timedelta(minutes=5)
    return {"TimeGenerated": NOW - age} | {name: value for name, value in row.items() if name != "hours"}


@cache
def tables() -> dict[str, pa.Table]:
    known, place = Tables.builtin(), Workspace("default", "w", days=30)
    return {
        name: to_arrow_rows(known[name], [written(row) for row in rows], workspace=place, now=NOW).table
        for name, rows in DOCUMENT["tables"].items()
    }


@pytest.mark.parametrize("case", DOCUMENT["cases"], ids=[one["note"] for one in DOCUMENT["cases"]])
def test_parser(case: dict[str, Any]) -> None:
    found = kql.run(case["query"], tables(), now=NOW, functions=load_shipped_functions().values())
    assert [list(row.values()) for row in found.to_pylist()] == case["rows"]
