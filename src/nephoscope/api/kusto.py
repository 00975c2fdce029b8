"""Kusto: queries and management commands over the lake, as Azure Data Explorer's clients send them; a workspace is a database.

Source: https://learn.microsoft.com/kusto/api/rest/request, https://learn.microsoft.com/kusto/api/rest/response-http (v1 and v2 frames)
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from nephoscope.api.log_analytics import MAX_ROWS, workspace_of
from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import Fault
from nephoscope.api.wire.operation import OWN, PUBLIC, Surface
from nephoscope.kql.cells import columns_of, json_value, rows_of
from nephoscope.kql.errors import KqlError
from nephoscope.kql.most import Most
from nephoscope.kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.kql.run import QueryResult
    from nephoscope.lake.scope import Scope

SURFACE = Surface("Kusto", lets=OWN)
READ = "Microsoft.OperationalInsights/workspaces/query/read"
#: KQL type -> the one of .NET, which v1 tells beside it.
_DATA_TYPES = {
    KqlType.STRING: "String", KqlType.GUID: "Guid", KqlType.LONG: "Int64", KqlType.INT: "Int32", KqlType.REAL: "Double",
    KqlType.DECIMAL: "SqlDecimal", KqlType.BOOL: "SByte", KqlType.DATETIME: "DateTime", KqlType.TIMESPAN: "TimeSpan",
    KqlType.DYNAMIC: "Object",
}  # fmt: skip
Column = tuple[str, KqlType]
Row = tuple[Any, ...]


@SURFACE.get("/v1/rest/auth/metadata", "Kusto_AuthMetadata", PUBLIC, versioned=False)
def metadata(call: Call) -> Answer:
    """Where a client gets a token for this cluster."""
    return Answer({
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


@SURFACE.ask("/v2/rest/query", "Kusto_QueryV2", READ, versioned=False)
def query_v2(call: Call) -> Answer:
    """Run a query; its results as frames of version 2."""
    results = _run(call)
    frames: list[dict[str, Any]] = [{"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"}]
    frames.append(_frame(0, "QueryProperties", "@ExtendedProperties", _PROPERTIES, _visualization(results)))
    for at, one in enumerate(results, 1):
        frames.append(
            _frame(at, "PrimaryResult", one.name or "PrimaryResult", columns_of(one.table), _rows(one))
        )
    done = (len(results) + 1, "QueryCompletionInformation", "QueryCompletionInformation")
    frames.append(_frame(*done, _COMPLETION, [(call.instance.now.isoformat(), 4, "Info", "Query completed")]))
    return Answer([*frames, {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False}])


@SURFACE.ask("/v1/rest/query", "Kusto_QueryV1", READ, versioned=False)
def query_v1(call: Call) -> Answer:
    """Run a query; its results as tables of version 1, the last of which names the others."""
    results = _run(call)
    tables = [
        answered_table(f"Table_{at}", columns_of(one.table), _rows(one)) for at, one in enumerate(results)
    ]
    listed = [(at, "QueryResult", "PrimaryResult", str(uuid.uuid4()), "") for at in range(len(results))]
    return Answer({"Tables": [*tables, answered_table(f"Table_{len(results)}", _CONTENTS, listed)]})


@SURFACE.ask("/v1/rest/mgmt", "Kusto_Management", READ, versioned=False)
def management(call: Call) -> Answer:
    """Answer a command that shows what there is: .show tables, databases, version, schema of the database or of a table."""
    workspace, scope = _database(call)
    text = " ".join(call.text("csl", needed=True).split()).rstrip(";")
    for pattern, show in _COMMANDS:
        found = pattern.fullmatch(text)
        if found is not None:
            columns, rows = show(call, workspace, scope, found)
            return Answer({"Tables": [answered_table("Table_0", columns, rows)]})
    raise _refused(
        "BadRequest_CommandNotSupported",
        f"The command '{text[:100]}' is not one of those that are answered here.",
    )


def _database(call: Call) -> tuple[str, Scope]:
    workspace = workspace_of(call, call.text("db") or "default").name
    return workspace, call.caller.logs(READ, workspace)


#: Source: https://learn.microsoft.com/kusto/concepts/query-limits#limit-on-result-set-size-result-truncation
MAX_BYTES = 64 << 20


def _run(call: Call) -> list[QueryResult]:
    workspace, scope = _database(call)
    text, most = call.text("csl", needed=True), Most(MAX_ROWS, MAX_BYTES)
    try:
        found = call.instance.lake.query(
            text, scope=scope, workspace=workspace, timeout=call.instance.query_seconds, most=most
        )
    except KqlError as error:
        kind = "Syntax" if error.kind == "invalid" else "Unsupported"
        raise _refused(f"BadRequest_{kind}Error", str(error)) from error
    if most.cut or any(one.table.num_rows > MAX_ROWS for one in found):
        # more than may be given is an error, as in the service, and not a part of the truth
        told = f"The query has more than {MAX_ROWS} rows or {MAX_BYTES >> 20} MiB; take fewer."
        raise _refused("E_QUERY_RESULT_SET_TOO_LARGE", told)
    return found


class _KustoFault(Fault):
    """An error as Kusto's clients read it."""

    def body(self) -> dict[str, Any]:
        told = {
            "code": self.code,
            "message": "Request is invalid and cannot be executed.",
            "@message": self.message,
        }
        return {
            "error": {**told, "@type": "Kusto.Data.Exceptions.KustoBadRequestException", "@permanent": True}
        }


def _refused(code: str, message: str) -> Fault:
    return _KustoFault(400, code, message)


def _rows(result: QueryResult) -> list[Row]:
    kinds = [kind for _, kind in columns_of(result.table)]
    return [
        tuple(json_value(value, kind) for value, kind in zip(row, kinds, strict=True))
        for row in rows_of(result.table)
    ]


def answered_table(name: str, columns: Iterable[Column], rows: Iterable[Row]) -> dict[str, Any]:
    """A table of version 1."""
    told = [
        {"ColumnName": one, "DataType": _DATA_TYPES[kind], "ColumnType": kind.value} for one, kind in columns
    ]
    return {"TableName": name, "Columns": told, "Rows": list(rows)}


def _frame(id_: int, kind: str, name: str, columns: Iterable[Column], rows: Iterable[Row]) -> dict[str, Any]:
    told = [{"ColumnName": one, "ColumnType": type_.value} for one, type_ in columns]
    return {
        "FrameType": "DataTable",
        "TableId": id_,
        "TableKind": kind,
        "TableName": name,
        "Columns": told,
        "Rows": list(rows),
    }


def _columns(**kinds: KqlType) -> tuple[Column, ...]:
    return tuple(kinds.items())


_PROPERTIES = _columns(TableId=KqlType.INT, Key=KqlType.STRING, Value=KqlType.DYNAMIC)
_COMPLETION = _columns(
    Timestamp=KqlType.DATETIME, Level=KqlType.INT, LevelName=KqlType.STRING, Payload=KqlType.STRING
)
_CONTENTS = _columns(
    Ordinal=KqlType.LONG,
    Kind=KqlType.STRING,
    Name=KqlType.STRING,
    Id=KqlType.STRING,
    PrettyName=KqlType.STRING,
)


def _visualization(results: list[QueryResult]) -> list[Row]:
    hint = results[-1].hint if results else None
    told = {"Visualization": hint.chart, **hint.properties} if hint else {"Visualization": None}
    return [(1, "Visualization", told)]


Shown = tuple[tuple[Column, ...], list[Row]]
Show = Callable[[Call, str, "Scope", re.Match[str]], Shown]


def _known(call: Call, workspace: str, scope: Scope) -> list[tuple[str, tuple[Column, ...]]]:
    """The tables that hold rows with their columns, by name."""
    with call.instance.lake.catalog(scope, workspace) as catalog:
        schemas = [(name, catalog.table(name)) for name in sorted(catalog.names())]
    return [(name, tuple(schema.columns)) for name, schema in schemas if schema is not None]


def _tables(call: Call, workspace: str, scope: Scope, _: re.Match[str]) -> Shown:
    columns = _columns(
        TableName=KqlType.STRING, DatabaseName=KqlType.STRING, Folder=KqlType.STRING, DocString=KqlType.STRING
    )
    return columns, [(name, workspace, "", "") for name, _ in _known(call, workspace, scope)]


def _databases(call: Call, _workspace: str, _scope: Scope, _: re.Match[str]) -> Shown:
    columns = _columns(
        DatabaseName=KqlType.STRING, PersistentStorage=KqlType.STRING, Version=KqlType.STRING, IsCurrent=KqlType.BOOL,
        DatabaseAccessMode=KqlType.STRING, PrettyName=KqlType.STRING,
    )  # fmt: skip
    names = [one.name for one in call.instance.state.workspaces.all()]
    seen = [
        name
        for name in names
        if call.caller.may(READ, f"/workspaces/{name}") or call.caller.reach(READ).subscriptions
    ]
    return columns, [(name, "", "v1.0", name == _workspace, "ReadWrite", None) for name in seen]


def _schema(call: Call, workspace: str, scope: Scope, found: re.Match[str]) -> Shown:
    if found["name"]:
        workspace = workspace_of(call, _unquoted(found["name"])).name
        scope = call.caller.logs(READ, workspace)
    columns = _columns(
        DatabaseName=KqlType.STRING, TableName=KqlType.STRING, ColumnName=KqlType.STRING, ColumnType=KqlType.STRING,
        IsDefaultTable=KqlType.BOOL, IsDefaultColumn=KqlType.BOOL, PrettyName=KqlType.STRING, Version=KqlType.STRING,
        Folder=KqlType.STRING, DocString=KqlType.STRING,
    )  # fmt: skip
    rows: list[Row] = [(workspace, None, None, None, False, False, None, "v1.0", None, None)]
    for name, several in _known(call, workspace, scope):
        rows.append((workspace, name, None, None, False, False, None, None, "", ""))
        rows += [
            (workspace, name, column, _DOTNET[kind], False, False, None, None, None, None)
            for column, kind in several
        ]
    return columns, rows


def _table_schema(call: Call, workspace: str, scope: Scope, found: re.Match[str]) -> Shown:
    wanted = _unquoted(found["name"])
    columns = _columns(
        TableName=KqlType.STRING,
        Schema=KqlType.STRING,
        DatabaseName=KqlType.STRING,
        Folder=KqlType.STRING,
        DocString=KqlType.STRING,
    )
    with call.instance.lake.catalog(scope, workspace) as catalog:
        schema = catalog.table(wanted)
    if schema is None:
        raise _refused("BadRequest_EntityNotFound", f"Entity not found: there is no table '{wanted[:100]}'.")
    told = ",".join(f"{name}:{kind.value}" for name, kind in schema.columns)
    return columns, [(wanted, told, workspace, "", "")]


def _unquoted(name: str) -> str:
    return name.strip("[]'\"")


def _version(_call: Call, _workspace: str, _scope: Scope, _: re.Match[str]) -> Shown:
    from nephoscope import __version__

    columns = _columns(
        BuildVersion=KqlType.STRING,
        BuildTime=KqlType.DATETIME,
        ServiceType=KqlType.STRING,
        ProductVersion=KqlType.STRING,
    )
    return columns, [(__version__, None, "Engine", f"nephoscope {__version__}")]


_DOTNET = {kind: f"System.{name}" for kind, name in _DATA_TYPES.items()}
_NAME = r"(?P<name>\['[^']+'\]|\[\"[^\"]+\"\]|\w+)"
#: A workspace may have a dash in its name, which Kusto itself wants in brackets.
_DATABASE = _NAME.replace(r"\w+", r"[\w.-]+")
_COMMANDS: tuple[tuple[re.Pattern[str], Show], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), show)
    for pattern, show in (
        (r"\.show tables", _tables),
        (r"\.show databases", _databases),
        (rf"\.show (?:database (?:{_DATABASE} )?)?schema", _schema),
        (rf"\.show table {_NAME} cslschema", _table_schema),
        (r"\.show version", _version),
    )
)
