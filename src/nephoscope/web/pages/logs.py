"""Logs: a query over a workspace of the lake or over the estate, its rows, its chart, and the tables there are."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, RedirectResponse, Response

from nephoscope.access.authenticator import DeniedError
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.live_security_resources import LiveReader, LiveResources
from nephoscope.posture.published.published_snapshot import GraphCatalog
from nephoscope.posture.published.row_access import find_row_access
from nephoscope.posture.reports.resource_graph_tables import COLUMNS, TABLES
from nephoscope.service.saved_queries import ESTATE, may_share, remove_query, save_query
from nephoscope.state.database.etag import to_etag
from nephoscope.state.workspaces.saved_queries import SavedQuery
from nephoscope.web.forms.form import read_requested_act
from nephoscope.web.result_charts.chart_page import Plot
from nephoscope.web.result_charts.result_chart import plot_result
from nephoscope.web.tables.empty_columns import drop_empty_columns
from nephoscope.web.tables.table_download import Number, build_csv_response, build_parquet_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import GRAPH, Visit
from nephoscope_kql.cell_formatting import format_cell, iterate_rows, list_typed_columns
from nephoscope_kql.compile import compile_results
from nephoscope_kql.completion import complete
from nephoscope_kql.engines.result_limit import ResultLimit
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope_kql.catalog import Catalog, StoredFunction, TableSchema
    from nephoscope_kql.run import QueryResult

READ = "Microsoft.OperationalInsights/workspaces/query/read"
_NUMBERS = (KqlType.INT, KqlType.LONG, KqlType.REAL, KqlType.DECIMAL, KqlType.TIMESPAN)
ROWS, MAX_QUERY, MOST_ITEMS = 500, 60_000, 400
MAX_BYTES = 100 << 20
"""Size limit of a result in bytes, for display and download."""
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
        "Recent changes",
        "AzureActivity | where ActivityStatusValue =~ 'Success'\n| summarize count() by OperationNameValue, Caller | top 50 by count_",
    ),
)


@dataclass(frozen=True, slots=True)
class QueryView:
    """Result of a query for the page: cells as text, the number of all rows, the time it took, and its chart.

    `empty` is how many columns are left out, since none of the rows has a value in them. `gaps` say what rows may be missing.
    """

    columns: Sequence[tuple[str, KqlType]]
    rows: Sequence[Sequence[str]]
    total: int
    seconds: float
    plot: Plot | None
    empty: int = 0
    gaps: Sequence[str] = ()


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The editor, and what the query in the address gives."""
    place = choose_place(visit, visit.get_query_value("workspace"))
    query = visit.get_query_value("query")[:MAX_QUERY]
    found: dict[str, object] = {
        "place": place, "query": query, "shown": None, "error": None, "caret": "", "examples": EXAMPLES, "rows": ROWS,
        "places": [*visit.workspaces(READ), *([ESTATE] if visit.asks_estate else [])], "tables": _list_tables(visit, place),
        "estate_tables": _list_estate_table_columns(visit, place),
        "faults": [],
        "etag_of": to_etag, "saved": list_saved_queries(visit, place), "may_share": may_share(visit.service, place),
    }  # fmt: skip
    if not query.strip():
        return found
    began = time.monotonic()
    try:
        result = _run_query(visit, place, query)
    except KqlError as error:
        caret = error.format_caret(query) if error.line else ""
        return {**found, "error": error, "caret": caret, "faults": list_query_faults(error)}
    columns = list_typed_columns(result.table)
    if visit.get_query_value("format") == "parquet":
        return build_parquet_response("query", result)
    if visit.get_query_value("format") == "csv":
        kinds = [kind for _, kind in columns]
        rows = (
            [_read_csv_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True)]
            for row in iterate_rows(result.table)
        )
        return build_csv_response("query", tuple(name for name, _ in columns), rows)
    return {**found, "shown": _show_result(visit, result, began)}


def _show_result(visit: Visit, result: QueryResult, began: float) -> QueryView:
    """The first rows of a result, without the columns that none of them has a value in unless `empty` is asked for."""
    first = result.table.slice(0, ROWS)
    rows = first if visit.get_query_value("empty") else drop_empty_columns(first)
    columns = list_typed_columns(rows)
    cells = [
        [format_cell(cell, kind) for cell, (_, kind) in zip(row, columns, strict=True)]
        for row in iterate_rows(rows)
    ]
    left_out = first.num_columns - rows.num_columns
    took = time.monotonic() - began
    return QueryView(columns, cells, result.table.num_rows, took, plot_result(result), left_out, result.gaps)


def _read_csv_cell(cell: object, kind: KqlType) -> str:
    said = format_cell(cell, kind)
    return Number(said) if kind in _NUMBERS else said


def _run_query(visit: Visit, place: str, query: str) -> QueryResult:
    """The last result of the query, of the rows that the visitor may read."""
    seconds = visit.instance.query_seconds
    if place == ESTATE:
        if visit.snapshot is None:
            raise KqlError("nothing was assessed yet: the estate has no data to query")
        reader = LiveReader.for_caller(visit.caller, visit.reach)
        current = LiveResources(
            visit.instance.state, visit.instance.tenant, visit.snapshot, reader, visit.base
        )
        seen = find_row_access(visit.snapshot.types, partial(_reaches, visit))
        return visit.snapshot.query(query, seen, timeout=seconds, beside=current.get_live_row_source)[-1]
    workspace = visit.workspace(READ, place)
    scope = visit.rows(workspace)
    span = RowSpan(visit.since, visit.instance.now) if visit.get_query_value("span") else None
    most = ResultLimit(sys.maxsize, MAX_BYTES)
    found = visit.instance.lake.query(
        query, scope=scope, workspace=workspace, timeout=seconds, span=span, most=most
    )
    if most.cut:
        raise KqlError(f"the result exceeds {MAX_BYTES >> 20} MiB: reduce its rows or columns")
    return found[-1]


def _reaches(visit: Visit, operations: Iterable[str]) -> dict[str, Reach]:
    return {one: visit.limit_reach(reach) for one, reach in visit.caller.find_reaches(operations).items()}


def list_query_faults(error: KqlError) -> list[dict[str, object]]:
    """Return the errors of a query: offsets in characters and messages; an error without a place covers the whole text."""
    return [
        {"from": one.span.start, "to": one.span.end, "message": str(one.message), "hint": one.hint}
        for one in error.all
    ]


def list_saved_queries(visit: Visit, place: str) -> list[SavedQuery]:
    """The queries that were saved for a place: the visitor's own and those that are shared."""
    return visit.instance.state.saved_queries.list_visible(place, visit.caller.principal.id)


def _save_query(visit: Visit) -> Response:
    """Save a query, or remove a saved one, as the form says; then back to the query."""
    form, context, mine = visit.form, visit.service, visit.caller.principal.id
    place = choose_place(visit, form.get("workspace", "default"))
    if read_requested_act(visit, "save", "remove") == "remove":
        remove_query(context, place, form.get("id", ""), mine, form.get("etag", ""))
        return RedirectResponse(visit.link("/logs", workspace=place), 303)
    name, query = form.get("name", ""), form.get("query", "")
    save_query(context, place, name, query, mine, shared=form.get("shared") == "1")
    return RedirectResponse(visit.link("/logs", workspace=place, query=query or None), 303)


def choose_place(visit: Visit, place: str) -> str:
    """A workspace that the visitor may ask, or the estate; '' for the first there is. DeniedError for another."""
    place = place or visit.home(READ) or (ESTATE if visit.asks_estate else "")
    if place != ESTATE:
        return visit.workspace(READ, place)
    if visit.reach(GRAPH).is_empty:
        raise DeniedError(visit.caller, GRAPH, "/")
    return place


def open_catalog(visit: Visit, place: str) -> AbstractContextManager[Catalog]:
    """The names that a query of the visitor knows at a place."""
    if place != ESTATE:
        return visit.instance.lake.catalog(visit.caller.find_log_scope(READ, place), workspace=place)
    return nullcontext(GraphCatalog(visit.snapshot.files if visit.snapshot is not None else {}))


def _build_script(visit: Visit) -> Response:
    """Return what the editor asks for: what may be written at a place (`complete`), or where the query is wrong (`check`)."""
    form = visit.form
    place, query = choose_place(visit, form.get("workspace", "default")), form.get("query", "")[:MAX_QUERY]
    with open_catalog(visit, place) as catalog:
        if visit.parameters["what"] == "check":
            try:
                compile_results(query, catalog)
            except KqlError as error:
                return JSONResponse({"faults": list_query_faults(error)})
            return JSONResponse({"faults": []})
        given = form.get("position", "")
        position = int(given) if given.isdecimal() and len(given) < 7 else len(query)
        found = complete(
            query, position, _CompletionCatalog(catalog, tuple(_list_estate_tables(visit, place)))
        )
    return JSONResponse(
        {"items": [{"label": one.text, "kind": one.kind, "detail": one.detail} for one in found[:MOST_ITEMS]]}
    )


@dataclass(frozen=True, slots=True)
class _CompletionCatalog:
    """A catalog (kql.Catalog) that offers more names than its wildcards match."""

    catalog: Catalog
    more: tuple[str, ...]

    def find_table(self, name: str) -> TableSchema | None:
        """Return what the catalog has."""
        return self.catalog.find_table(name)

    def find_function(self, name: str) -> StoredFunction | None:
        """Return what the catalog has."""
        return self.catalog.find_function(name)

    def names(self) -> Iterable[str]:
        """The names of the catalog, and the others."""
        return [*self.catalog.names(), *self.more]

    def known_tables(self) -> Iterable[str]:
        """Return what the catalog has."""
        return self.catalog.known_tables()

    def find_watchlist(self, alias: str) -> TableSchema | None:
        """Return what the catalog has."""
        return self.catalog.find_watchlist(alias)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """Return what the catalog has."""
        return self.catalog.resolve_place(kind, name)


def _list_estate_tables(visit: Visit, place: str) -> list[str]:
    """The tables of Resource Graph that have rows and that a query of a workspace reads beside those of the lake."""
    if place == ESTATE or visit.snapshot is None or visit.reach(GRAPH).is_empty:
        return []
    return [name for table, name in TABLES.items() if table in visit.snapshot.files]


def _list_estate_table_columns(visit: Visit, place: str) -> list[tuple[str, list[tuple[str, str]]]]:
    columns = [(name, kind.value) for name, kind in COLUMNS if not name.startswith("_")]
    return [(name, columns) for name in _list_estate_tables(visit, place)]


def _list_tables(visit: Visit, place: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The tables that hold rows which the visitor may read, of the chosen scope, with their columns."""
    if place == ESTATE:
        columns = [(name, kind.value) for name, kind in COLUMNS if not name.startswith("_")]
        return [(name, columns) for name in TABLES.values()]
    known = visit.instance.lake.tables
    names = visit.instance.lake.seen_tables.list_visible_tables(visit.rows(place), place)
    return [(name, [(column, kind.value) for column, kind in known[name].columns]) for name in names]


PAGES = (
    Page(
        "/logs",
        "Logs",
        "logs.html",
        READ,
        fill_page,
        PageArea.DETECTION,
        20,
        anywhere=True,
        timed=True,
        edited=True,
        queries=lambda visit: bool(visit.get_query_value("query").strip()),
        under_scope=(
            "Queries return only rows of the subscriptions of {}. Rows without a subscription, such "
            "as sign-ins, are available under all subscriptions."
        ),
    ),
    Page("/logs/queries", "Saved queries", "", READ, _save_query, methods=("POST",), anywhere=True),
    Page("/logs/editor/{what}", "Editor", "", READ, _build_script, methods=("POST",), anywhere=True),
)
