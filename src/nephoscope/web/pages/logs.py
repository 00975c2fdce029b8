"""Logs: a query over a workspace of the lake or over the estate, its rows, its chart, and the tables there are."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from nephoscope.kql.cells import columns_of, rows_of, text
from nephoscope.kql.errors import KqlError
from nephoscope.kql.types import KqlType
from nephoscope.lake.span import Span
from nephoscope.posture.published.graph_tables import TABLES
from nephoscope.web.page import Area, Page
from nephoscope.web.pages.recommendations import as_csv
from nephoscope.web.plot import Plot, plotted
from nephoscope.web.visit import Visit

if TYPE_CHECKING:
    from nephoscope.kql.run import QueryResult

READ = "Microsoft.OperationalInsights/workspaces/query/read"
RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
ESTATE = "estate"
ROWS, MAX_QUERY = 500, 60_000
EXAMPLES = (
    (
        "Tables by rows",
        "search * | summarize Rows = count(), Last = max(TimeGenerated) by Type | order by Rows desc",
    ),
    (
        "Failed sign-ins by hour",
        "SigninLogs | where ResultType != '0' | summarize Failed = count() by bin(TimeGenerated, 1h)\n| render timechart",
    ),
    (
        "What was changed",
        "AzureActivity | where ActivityStatusValue =~ 'Success'\n| summarize count() by OperationNameValue, Caller | top 50 by count_",
    ),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a query gave: cells as a person reads them, how many rows there are in all, how long it took, and its chart."""

    columns: Sequence[tuple[str, KqlType]]
    rows: Sequence[Sequence[str]]
    total: int
    seconds: float
    plot: Plot | None


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """The editor, and what the query in the address gives."""
    place = visit.asked("workspace", "default")
    query = visit.asked("query")[:MAX_QUERY]
    found: dict[str, Any] = {
        "place": place, "query": query, "shown": None, "error": None, "caret": "", "examples": EXAMPLES, "rows": ROWS,
        "places": [*(one.name for one in visit.instance.state.workspaces.all()), ESTATE], "tables": _tables(visit, place),
    }  # fmt: skip
    if not query.strip():
        return found
    began = time.monotonic()
    try:
        result = _run(visit, place, query)
    except KqlError as error:
        return {**found, "error": error, "caret": error.caret(query) if error.line else ""}
    columns = columns_of(result.table)
    if visit.asked("format") == "csv":
        kinds = [kind for _, kind in columns]
        rows = (
            [text(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in rows_of(result.table)
        )
        return as_csv("query", tuple(name for name, _ in columns), rows)
    cells = [
        [text(cell, kind) for cell, (_, kind) in zip(row, columns, strict=True)]
        for row in rows_of(result.table, ROWS)
    ]
    shown = Shown(columns, cells, result.table.num_rows, time.monotonic() - began, plotted(result))
    return {**found, "shown": shown}


def _run(visit: Visit, place: str, query: str) -> QueryResult:
    """The last result of the query, of the rows that the visitor may read."""
    seconds = visit.instance.query_seconds
    if place == ESTATE:
        if visit.edition is None:
            raise KqlError("nothing was assessed yet: there is no estate to ask")
        return visit.edition.query(query, visit.reach(RESOURCES), timeout=seconds)[-1]
    workspace = visit.workspace(READ, place)
    scope = visit.caller.logs(READ, workspace)
    span = Span(visit.since, visit.instance.now) if visit.asked("span") else None
    return visit.instance.lake.query(query, scope=scope, workspace=workspace, timeout=seconds, span=span)[-1]


def _tables(visit: Visit, place: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The tables that hold rows, with their columns."""
    if place == ESTATE:
        return [(name, []) for name in TABLES.values()]
    known = visit.instance.lake.tables
    with visit.instance.lake.catalog(workspace=place) as catalog:
        names = sorted(name for name in catalog.names() if name in known)
    return [(name, [(column, kind.value) for column, kind in known[name].columns]) for name in names]


PAGE = Page("/logs", "Logs", "logs.html", READ, filled, Area.DETECTION, 20, anywhere=True)
