"""Kusto: queries and management commands over the lake, as Azure Data Explorer's clients send them; a workspace is a database.

Source: https://learn.microsoft.com/kusto/api/rest/request, https://learn.microsoft.com/kusto/api/rest/response-http (v1 and v2 frames)
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.kusto_commands import KustoCommand, run_show_command, to_datatable
from nephoscope.api.wire.kusto_properties import find_database, parse_properties
from nephoscope.api.wire.kusto_response import (
    Row,
    build_table_frame,
    build_v1_table,
    make_bad_request_error,
    make_columns,
)
from nephoscope.api.wire.operation import OWN, PUBLIC, ApiSurface
from nephoscope.api.wire.query_throttling import make_kusto_throttled_error
from nephoscope.api.wire.response import ApiResponse
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.lake.queries.principal_scope import LakeScope
    from nephoscope_kql.run import QueryResult

SURFACE = ApiSurface("Kusto", lets=OWN)
READ = "Microsoft.OperationalInsights/workspaces/query/read"
_COMMAND = re.compile(r"""(?:\['[^']*'\]|\["[^"]*"\]|[^|])*""")


@SURFACE.get("/v1/rest/auth/metadata", "Kusto_AuthMetadata", PUBLIC, versioned=False)
def get_metadata(call: ApiCall) -> ApiResponse:
    """Return the sign-in endpoint for this cluster."""
    return ApiResponse({
        "AzureAD": {
            "LoginEndpoint": call.base,
            "LoginMfaRequired": False,
            "KustoClientAppId": str(uuid.UUID(int=0)),
            "KustoClientRedirectUri": call.base,
            "KustoServiceResourceId": call.base,
            "FirstPartyAuthorityUrl": f"{call.base}/{call.instance.tenant}",
        },
        "dSTS": {"CloudEndpointSuffix": "", "DstsRealm": "", "DstsInstance": "", "KustoDnsHostName": "", "ServiceName": ""},
    })  # fmt: skip


@SURFACE.declare_post_query(
    "/v2/rest/query", "Kusto_QueryV2", READ, versioned=False, throttled=make_kusto_throttled_error
)
def query_v2(call: ApiCall) -> ApiResponse:
    """Run a query and return its results as version 2 frames."""
    results = _run_queries(call)
    frames: list[dict[str, object]] = [
        {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"}
    ]
    frames.append(
        build_table_frame(
            0, "QueryProperties", "@ExtendedProperties", _PROPERTIES, _build_visualization(results)
        )
    )
    for at, one in enumerate(results, 1):
        frames.append(
            build_table_frame(
                at,
                "PrimaryResult",
                one.name or "PrimaryResult",
                list_typed_columns(one.table),
                _convert_rows(one),
            )
        )
    done = (len(results) + 1, "QueryCompletionInformation", "QueryCompletionInformation")
    notes = [
        f"The option {name[:100]} is not known: it changes nothing" for name in parse_properties(call).unknown
    ]
    now = call.instance.now.isoformat()
    completion: list[Row] = [(now, 3, "Warning", one) for one in _list_gaps(results)]
    completion += [(now, 4, "Info", one) for one in [*notes, "Query completed"]]
    frames.append(build_table_frame(*done, _COMPLETION, completion))
    return ApiResponse([*frames, {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False}])


@SURFACE.declare_post_query(
    "/v1/rest/query", "Kusto_QueryV1", READ, versioned=False, throttled=make_kusto_throttled_error
)
def query_v1(call: ApiCall) -> ApiResponse:
    """Run a query and return its results as version 1 tables; the last table describes the others."""
    results = _run_queries(call)
    tables = [
        build_v1_table(f"Table_{at}", list_typed_columns(one.table), _convert_rows(one))
        for at, one in enumerate(results)
    ]
    listed = [(at, "QueryResult", "PrimaryResult", str(uuid.uuid4()), "") for at in range(len(results))]
    if gaps := _list_gaps(results):
        now = call.instance.now.isoformat()
        rows: list[Row] = [(now, 3, "Warning", 0, one) for one in gaps]
        listed.append((len(tables), "QueryStatus", "QueryStatus", str(uuid.uuid4()), ""))
        tables.append(build_v1_table(f"Table_{len(tables)}", _STATUS, rows))
    return ApiResponse({"Tables": [*tables, build_v1_table(f"Table_{len(tables)}", _CONTENTS, listed)]})


@SURFACE.declare_post_query(
    "/v1/rest/mgmt", "Kusto_Management", READ, versioned=False, throttled=make_kusto_throttled_error
)
def run_management_command(call: ApiCall) -> ApiResponse:
    """Answer a `.show` command: databases, tables, functions, schemas (also as JSON), version, principal; supports pipes."""
    command, _, rest = _split_pipe(call.get_text("csl", needed=True))
    asked = KustoCommand(call, READ, *find_database(call, READ))
    found = run_show_command(asked, command)
    if found is None:
        problem = f"The command '{command.strip()[:100]}' is not supported."
        raise make_bad_request_error("BadRequest_CommandNotSupported", problem)
    if not rest.strip():
        return ApiResponse({"Tables": [build_v1_table("Table_0", *found)]})
    result = _run_query(call, f"{to_datatable(found)} | {rest}", asked.workspace, asked.scope)[-1]
    return ApiResponse(
        {"Tables": [build_v1_table("Table_0", list_typed_columns(result.table), _convert_rows(result))]}
    )


def _split_pipe(text: str) -> tuple[str, str, str]:
    """A command and what is piped after it; a name in brackets may have a bar in it."""
    found = _COMMAND.match(text)
    return text[: found.end() if found else 0], "|", text[found.end() + 1 if found else 0 :]


def _run_queries(call: ApiCall) -> list[QueryResult]:
    return _run_query(call, call.get_text("csl", needed=True), *find_database(call, READ))


def _run_query(call: ApiCall, text: str, workspace: str, scope: LakeScope) -> list[QueryResult]:
    """The results of a query as its request's properties want them; Fault where it is wrong, or has more than may be given."""
    asked = parse_properties(call)
    most, seconds = asked.result_limit, asked.get_timeout(call.instance.query_seconds)
    rows, size = most.rows, most.bytes
    try:
        found = call.instance.lake.query(
            text, scope=scope, workspace=workspace, timeout=seconds, most=most, given=asked.query_properties
        )
    except KqlError as error:
        kind = "Syntax" if error.kind == "invalid" else "Unsupported"
        raise make_bad_request_error(f"BadRequest_{kind}Error", str(error)) from error
    if most.cut or any(one.table.num_rows > rows for one in found):
        # more than may be given is an error, as in the service, and not a part of the truth
        problem = f"The query has more than {rows} rows or {size} bytes; take fewer."
        raise make_bad_request_error("E_QUERY_RESULT_SET_TOO_LARGE", problem)
    return found


def _list_gaps(results: list[QueryResult]) -> list[str]:
    """Return why rows may be missing, each reason once."""
    return list(dict.fromkeys(gap for one in results for gap in one.gaps))


def _convert_rows(result: QueryResult) -> list[Row]:
    kinds = [kind for _, kind in list_typed_columns(result.table)]
    return [
        tuple(to_json_value(value, kind) for value, kind in zip(row, kinds, strict=True))
        for row in iterate_rows(result.table)
    ]


_PROPERTIES = make_columns(TableId=KqlType.INT, Key=KqlType.STRING, Value=KqlType.DYNAMIC)
_COMPLETION = make_columns(
    Timestamp=KqlType.DATETIME, Level=KqlType.INT, LevelName=KqlType.STRING, Payload=KqlType.STRING
)
_STATUS = make_columns(
    Timestamp=KqlType.DATETIME,
    Severity=KqlType.INT,
    SeverityName=KqlType.STRING,
    StatusCode=KqlType.INT,
    StatusDescription=KqlType.STRING,
)
_CONTENTS = make_columns(
    Ordinal=KqlType.LONG,
    Kind=KqlType.STRING,
    Name=KqlType.STRING,
    Id=KqlType.STRING,
    PrettyName=KqlType.STRING,
)


def _build_visualization(results: list[QueryResult]) -> list[Row]:
    hint = results[-1].hint if results else None
    visualization = {"Visualization": hint.chart, **hint.properties} if hint else {"Visualization": None}
    return [(1, "Visualization", visualization)]
