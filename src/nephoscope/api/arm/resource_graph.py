"""Azure Resource Graph: KQL over the estate and all that was published of it.

Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources (2021-03-01)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.api.wire import resource_graph_request
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_assessed_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.query_throttling import make_graph_throttled_error
from nephoscope.api.wire.response import ApiResponse
from nephoscope.live_security_resources import LiveReader, LiveResources
from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.published_snapshot import GraphCatalog
from nephoscope.posture.published.row_access import Shown, find_row_access
from nephoscope.posture.published.uncollected_table import UncollectedTableError
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value
from nephoscope_kql.compile import compile_results
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import OPERATORS
from nephoscope_kql.parser.lexer import split_words
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    import pyarrow as pa

    from nephoscope_kql.run import QueryResult

SURFACE = ApiSurface("Resource Graph", "Microsoft.ResourceGraph")
READ = "Microsoft.ResourceGraph/resources/read"
MOST = 1000
#: The tables whose rows hold below the container where they stand, and what `authorizationScopeFilter` asks of them.
_HOLDING = ("policyresources", "authorizationresources")
_BELOW = "atscopeandbelow"
_FILTERS = frozenset({_BELOW, "atscopeandabove", "atscopeaboveandbelow", "atscopeexact"})
_TYPES = {
    KqlType.STRING: "string",
    KqlType.GUID: "string",
    KqlType.TIMESPAN: "string",
    KqlType.LONG: "integer",
    KqlType.INT: "integer",
    KqlType.REAL: "number",
    KqlType.DECIMAL: "number",
    KqlType.BOOL: "boolean",
    KqlType.DATETIME: "datetime",
    KqlType.DYNAMIC: "object",
}


@dataclass(frozen=True, slots=True)
class ResourceGraphOptions:
    """Options of a Resource Graph query: page size and offset, table or object format, partial scopes allowed."""

    top: int
    start: int
    table: bool
    partial: bool


@SURFACE.declare_post_query(
    "/providers/Microsoft.ResourceGraph/resources", "Resources", READ, throttled=make_graph_throttled_error
)
def run_resource_query(call: ApiCall) -> ApiResponse:
    """Run a query; its results page by page, with facets where they are asked for."""
    text = complete_query(call.get_text("query", needed=True))
    call, options = _read_options(call)
    reach = _build_table_reach(call)
    result = _run_graph_query(call, text, reach)
    found = result.table
    page = found.slice(options.start, options.top)
    more = options.start + page.num_rows < found.num_rows
    body: dict[str, object] = {
        "totalRecords": found.num_rows,
        "count": page.num_rows,
        "data": _to_columns_and_rows(page) if options.table else _to_objects(page),
        "facets": list(_list_facets(call, text, reach)),
        "resultTruncated": "false",
    }
    if more:
        body["$skipToken"] = resource_graph_request.build_skip_token(call, options.start + page.num_rows)
    return ApiResponse(body, headers=_warn_of_gaps(result))


def _warn_of_gaps(result: QueryResult) -> dict[str, str]:
    """Say in a header what rows may be missing: the body has no place for it. Source: RFC 7234 section 5.5"""
    gaps = "; ".join(result.gaps).replace('"', "'").encode("ascii", "backslashreplace").decode()
    return {"Warning": f'199 - "{gaps}"'} if gaps else {}


def complete_query(text: str) -> str:
    """A query that begins with an operator reads `resources`, as Resource Graph has it."""
    word = split_words(text).tokens[0].text.lower()
    return f"resources | {text}" if word in OPERATORS.keys() - _MAKING_ROWS else text


_MAKING_ROWS = frozenset({"print", "range", "union", "find", "search", "evaluate"})


def check_query(text: str) -> None:
    """Fault where a query could not be run."""
    try:
        compile_results(text, GraphCatalog({}))
    except KqlError as error:
        raise make_query_error(error) from error


def _read_options(call: ApiCall) -> tuple[ApiCall, ResourceGraphOptions]:
    """Return how results are wanted, and the call over the edition that they are to be of."""
    given = call.body.get("options") or {}
    if not isinstance(given, dict):
        raise make_bad_request_error("'options' must be an object.", "options")
    top, skip = given.get("$top", MOST), given.get("$skip", 0)
    if not (isinstance(top, int) and 1 <= top <= MOST):
        raise make_bad_request_error(
            f"$top must be a whole number from 1 to {MOST}.", "options.$top", "InvalidParameter"
        )
    if not (isinstance(skip, int) and skip >= 0):
        raise make_bad_request_error(
            "$skip must be a whole number of at least 0.", "options.$skip", "InvalidParameter"
        )
    if token := given.get("$skipToken"):
        call, skip = resource_graph_request.find_resume_page(call, token)
    wanted = ResourceGraphOptions(
        top, skip, given.get("resultFormat") == "table", bool(given.get("allowPartialScopes"))
    )
    return call, wanted


def _build_table_reach(call: ApiCall) -> dict[str, Shown]:
    """Return what each table shows: what the caller may read of it, of the subscriptions and management groups that are asked for."""
    asked, within = resource_graph_request.read_requested_subscriptions(call), _build_cut(call)

    def reaches(operations: Iterable[str]) -> dict[str, Reach]:
        return {one: within(reach) for one, reach in call.caller.find_reaches(operations).items()}

    found = find_row_access(call.snapshot.types, reaches)
    if all(isinstance(one, Reach) and one.is_empty for one in found.values()):
        call.caller.require(READ, "/")
    return found | _add_containing_scopes(call, found, asked)


def _build_cut(call: ApiCall) -> Callable[[Reach], Reach]:
    """Cuts a reach to the subscriptions that are asked for."""
    asked = resource_graph_request.read_requested_subscriptions(call)

    @cache
    def limit_reach(reach: Reach) -> Reach:
        return reach if asked is None else reach.narrow_to(asked)

    return limit_reach


def _add_containing_scopes(
    call: ApiCall, found: Mapping[str, Shown], asked: frozenset[str] | None
) -> dict[str, Shown]:
    """The tables of assignments with those that stand above, where the filter of the request asks for them."""
    wanted = str((call.body.get("options") or {}).get("authorizationScopeFilter") or _BELOW).lower()
    if wanted not in _FILTERS:
        filters = "AtScopeAndBelow, AtScopeAndAbove, AtScopeAboveAndBelow, AtScopeExact"
        raise make_bad_request_error(
            f"authorizationScopeFilter must be one of {filters}.",
            "options.authorizationScopeFilter",
            "InvalidParameter",
        )
    if wanted == _BELOW:
        return {}
    held = {one: reach for one in _HOLDING if isinstance(reach := found[one], Reach)}
    return {one: _filter_assignments(call, reach, asked, wanted) for one, reach in held.items()}


def _filter_assignments(call: ApiCall, reach: Reach, asked: frozenset[str] | None, wanted: str) -> Reach:
    """Return what a table of assignments shows by a filter other than the usual one."""
    if reach.is_empty or (reach.everything and wanted == "atscopeaboveandbelow"):
        return reach
    held = call.snapshot.list_scopes_with_assignments
    above = frozenset() if wanted == "atscopeexact" else held(_list_containing_scopes(call, reach, asked))
    if wanted == "atscopeaboveandbelow":
        return reach.with_ancestors(above)
    exact = {"", *reach.groups} if asked is None else {f"/subscriptions/{one}" for one in reach.subscriptions}
    above |= held(frozenset(exact if reach.everything or asked else exact - {""}))
    return Reach(
        above=above,
        tenants=call.caller.hierarchy.find_tenants_of_subscriptions(asked) if asked else reach.tenants,
    )


def _list_containing_scopes(call: ApiCall, reach: Reach, asked: Iterable[str] | None) -> frozenset[str]:
    """Return what contains the readable of the subscriptions that are asked for, up to the tenant ('')."""
    seen = {*reach.subscriptions, *(one.split("/")[2] for one in reach.groups)}
    within = {one for one in seen if asked is None or one in asked}
    around = {f"/subscriptions/{one}" for one in within - reach.subscriptions}
    return call.caller.hierarchy.find_groups_above(within) | around | ({""} if within else frozenset())


def _run_graph_query(call: ApiCall, text: str, reach: Mapping[str, Shown]) -> QueryResult:
    try:
        within = _build_cut(call)
        reader = LiveReader.for_caller(call.caller, lambda one: within(call.caller.find_reach(one)))
        current = LiveResources(call.instance.state, call.instance.tenant, call.snapshot, reader, call.base)
        found = call.snapshot.query(
            text, reach, timeout=call.instance.query_seconds, beside=current.get_live_row_source
        )
        return found[-1]
    except UncollectedTableError as error:
        tables = ", ".join(error.tables)
        raise make_not_assessed_error(
            f"{tables} has no data on this server; an empty result does not describe the estate."
        ) from error
    except KqlError as error:
        raise make_query_error(error) from error


def make_query_error(error: KqlError) -> ApiError:
    """A query that is wrong, as Resource Graph says it."""
    details = tuple(
        {
            "code": "ParserFailure" if one.kind == "invalid" else "UnsupportedQuery",
            "message": str(one),
            "line": one.line,
            "characterPositionInLine": one.column,
        }
        for one in (error.all or (error,))
    )
    return ApiError(400, "InvalidQuery", "The query is invalid; the details say where.", details=details)


def _to_objects(table: pa.Table) -> list[dict[str, object]]:
    columns = list_typed_columns(table)
    return [
        {name: to_json_value(value, kind) for (name, kind), value in zip(columns, row, strict=True)}
        for row in iterate_rows(table)
    ]


def _to_columns_and_rows(table: pa.Table) -> dict[str, object]:
    columns = list_typed_columns(table)
    rows = [
        [to_json_value(value, kind) for (_, kind), value in zip(columns, row, strict=True)]
        for row in iterate_rows(table)
    ]
    return {"columns": [{"name": name, "type": _TYPES[kind]} for name, kind in columns], "rows": rows}


def _list_facets(call: ApiCall, text: str, reach: Mapping[str, Shown]) -> Iterator[dict[str, object]]:
    given = call.body.get("facets") or []
    if not isinstance(given, list):
        raise make_bad_request_error("'facets' must be a list.", "facets")
    for one in given:
        expression = one.get("expression") if isinstance(one, dict) else None
        if not isinstance(expression, str) or not expression:
            raise make_bad_request_error("A facet needs an 'expression'.", "facets.expression")
        options = one.get("options") or {}
        try:
            yield _build_facet(call, text, expression, options, reach)
        except ApiError as fault:
            errors: Sequence[object] = [
                {"code": one["code"], "message": one["message"]} for one in fault.details
            ] or [{"code": fault.code, "message": fault.message}]
            yield {"expression": expression, "resultType": "FacetError", "errors": list(errors)}


def _build_facet(
    call: ApiCall, text: str, expression: str, options: Mapping[str, object], reach: Mapping[str, Shown]
) -> dict[str, object]:
    condition = f"\n| where {options['filter']}" if options.get("filter") else ""
    order = "asc" if str(options.get("sortOrder", "desc")).lower() == "asc" else "desc"
    by = options.get("sortBy") or "count"
    query = f"{text}{condition}\n| summarize ['count'] = count() by {expression}\n| order by ['{by}'] {order}"
    found = _run_graph_query(call, query, reach).table
    top = options.get("$top", 10)
    shown = found.slice(0, top if isinstance(top, int) and 0 < top <= MOST else 10)
    data = msgspec.json.decode(msgspec.json.encode(_to_objects(shown)))
    return {
        "expression": expression,
        "resultType": "FacetResult",
        "totalRecords": found.num_rows,
        "count": shown.num_rows,
        "data": [{key: one[key] for key in sorted(one, key=lambda key: key == "count")} for one in data],
    }
