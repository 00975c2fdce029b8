"""The peer: the same rules' SQL on DuckDB one by one, each over views of all files of its tables, cut to its window."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.window import build_window
from nephoscope_kql.compile import compile_query
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.lake.lake import Lake


def one_by_one(
    lake: Lake, rules: Sequence[AnalyticRule], end: dt.datetime
) -> dict[str, tuple[float, float, int]]:
    """Rule -> wall and CPU seconds (compiling not among them), and rows (-1 = an error)."""
    found = {}
    for rule in rules:
        with lake.catalog() as catalog:
            query = compile_query(rule.query, catalog, now=end)
            # every file of the table, as a view over a folder has them
            scans = catalog.list_scans(None)
            ranges = build_window(rule, end).get_row_span(rule).list_ranges()
            began, cpu = time.perf_counter(), time.process_time()
            try:
                views = {
                    name: type(scan)(scan.columns, scan.groups, scan.only, ranges, scan.day)
                    for name, scan in scans.items()
                }
                with DuckDBEngine(scans=views) as engine:
                    rows = engine.run(query).num_rows
            except KqlError:
                rows = -1
            found[rule.id] = time.perf_counter() - began, time.process_time() - cpu, rows
    return found
