"""The reference page of the hunting queries that come along (docs/reference/hunting-queries.md)."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from nephoscope.alerts.library.hunting import load_shipped_queries, states_time_range
from nephoscope.alerts.rules.rule import AnalyticRule

HEAD = """# Hunting queries

Generated from the shipped queries by `make docs`. A hunting query is a file in Sentinel's format without a schedule,
`src/nephoscope/content/hunting/<Table>/<name>.yaml`, with the rows that prove it in `<name>.test.yaml` beside it, as
[detections](detections.md) have them; `nephoscope content test` runs both. [Hunting](../guides/hunting.md) says how they are run.
A query with its own range compares with weeks before, whatever range is asked for.
"""


def render_page() -> str:
    """The page: a table of queries for each table of logs."""
    queries = sorted(load_shipped_queries().rules, key=lambda one: (_get_folder_name(one), one.name))
    lines = [HEAD, f"{len(queries)} queries."]
    for name, several in groupby(queries, key=_get_folder_name):
        lines += ["", f"## {name}", "", "| query | what it shows | tactics | techniques | range |"]
        lines += ["|---|---|---|---|---|", *(_format_line(one) for one in several)]
    return "\n".join(lines) + "\n"


def _get_folder_name(query: AnalyticRule) -> str:
    return Path(query.place.file).parent.name


def _format_line(query: AnalyticRule) -> str:
    span = "its own" if states_time_range(query.query) else "as asked for"
    techniques = ", ".join(query.techniques)
    return f"| {query.name} | {query.description} | {', '.join(query.tactics)} | {techniques} | {span} |"
