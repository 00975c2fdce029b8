"""Rows of many tables, and the queries over all of them that an analyst begins with."""

from __future__ import annotations

import datetime as dt
import random

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope_kql.types import KqlType

TABLES, ROWS = 30, 1_000
FILLED = 25
"""How many text columns of a table have a value."""
WORDS = ("allow", "deny", "contoso", "northwind", "pipeline-data", "10.1.2.3", "Success", "Failure")
FIRST = (
    "search * | take 10",
    "union withsource=T * | take 20",
    'search "contoso" | take 10',
    'find "contoso" | take 10',
)
"""Queries that are answered by a few rows."""
WHOLE = ("search * | top 20 by TimeGenerated", 'search "nowhere"', "search * | summarize count() by $table")
"""Queries that read every row."""


def fill(lake: Lake) -> list[str]:
    """Write rows into tables of a lake, narrow ones up to the widest; their names."""
    draw = random.Random(1)
    now = dt.datetime.now(dt.UTC)
    known = sorted(lake.tables, key=lambda table: (len(table.columns), table.name))
    chosen = known[:: len(known) // (TABLES - 1)][: TABLES - 1] + known[-1:]
    rows = {
        table.name: to_arrow_rows(table, _rows(table, now, draw), workspace=lake.workspace(), now=now).table
        for table in chosen
    }
    lake.writer().append("default", rows, producer="bench", sequence=1)
    return sorted(rows)


def _rows(table: LakeTable, now: dt.datetime, draw: random.Random) -> list[dict[str, object]]:
    names = [name for name, kind in table.columns if kind == KqlType.STRING and not name.startswith("_")]
    return [
        {
            "TimeGenerated": now - dt.timedelta(minutes=place),
            **{name: draw.choice(WORDS) for name in names[:FILLED]},
        }
        for place in range(ROWS)
    ]
