"""Commands of Kusto that show what there is; what a command shows can be piped on, as the rows of a table.

Source: https://learn.microsoft.com/kusto/management/show-databases, show-tables-command, show-schema-database,
show-table-schema-command, show-functions and show-principals
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope import __version__
from nephoscope.api.wire.kusto_response import DATA_TYPES, Column, Row, make_bad_request_error, make_columns
from nephoscope.state.access.principals import PrincipalKind
from nephoscope_kql.parser import parse_parameters
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.lake.queries.principal_scope import LakeScope
    from nephoscope_kql.catalog import StoredFunction
    from nephoscope_kql.tree import LambdaParameter

STRING, LONG = KqlType.STRING, KqlType.LONG
Shown = tuple[tuple[Column, ...], list[Row]]
_VERSION = (1, 1)


@dataclass(frozen=True)
class KustoCommand:
    """A command: who asks, the workspace that it is about with what may be read of it, and the name in it."""

    call: ApiCall
    permission: str
    workspace: str
    scope: LakeScope
    name: str = ""

    @cached_property
    def tables(self) -> list[tuple[str, tuple[Column, ...]]]:
        """The tables that hold rows which the caller may read, with their columns, by name."""
        lake = self.call.instance.lake
        names = lake.seen_tables.list_visible_tables(self.scope, self.workspace)
        with lake.catalog(self.scope, self.workspace) as catalog:
            schemas = [(name, catalog.find_table(name)) for name in names]
        return [(name, tuple(schema.columns)) for name, schema in schemas if schema is not None]

    @cached_property
    def functions(self) -> list[StoredFunction]:
        """The functions that were saved in the workspace."""
        with self.call.instance.lake.catalog(self.scope, self.workspace) as catalog:
            names = [name for name in sorted(catalog.names()) if catalog.find_table(name) is None]
            found = [catalog.find_function(name) for name in names]
        return [one for one in found if one is not None]

    @cached_property
    def databases(self) -> list[str]:
        """The workspaces of which the caller may read something."""
        names = self.call.instance.state.workspaces.names()
        may, reach = self.call.caller.is_permitted, self.call.caller.find_reach(self.permission)
        return [one for one in names if reach.subscriptions or may(self.permission, f"/workspaces/{one}")]

    def for_workspace(self, workspace: str) -> KustoCommand:
        """Return the same about another workspace; Fault where there is none, DeniedError where nothing of it may be read."""
        found = self.call.instance.state.workspaces.find(workspace)
        scope = self.call.caller.find_log_scope(
            self.permission, found.name if found is not None else workspace
        )
        if found is None:
            raise make_bad_request_error(
                "BadRequest_DatabaseNotExist", f"Database '{workspace[:100]}' not found."
            )
        return KustoCommand(self.call, self.permission, found.name, scope)

    def find_columns(self) -> tuple[Column, ...]:
        """The columns of the table that the command names; Fault where there is none."""
        with self.call.instance.lake.catalog(self.scope, self.workspace) as catalog:
            schema = catalog.find_table(self.name)
        if schema is None:
            problem = f"Entity not found: there is no table '{self.name[:100]}'."
            raise make_bad_request_error("BadRequest_EntityNotFound", problem)
        return tuple(schema.columns)


def run_show_command(asked: KustoCommand, command: str) -> Shown | None:
    """Return what a command shows, None where it is none of those that are answered."""
    text = " ".join(command.split()).rstrip("; ")
    for pattern, show in _COMMANDS:
        found = pattern.fullmatch(text)
        if found is not None:
            name = (found.groupdict().get("name") or "").strip("[]'\"")
            return show(KustoCommand(asked.call, asked.permission, asked.workspace, asked.scope, name))
    return None


def to_datatable(table: Shown) -> str:
    """Return what a command shows as the text of a datatable, for what is piped after it."""
    kinds = [kind for _, kind in table[0]]
    columns = ", ".join(f"['{name}']: {kind.value}" for name, kind in table[0])
    cells = (_format_cell(value, kind) for row in table[1] for value, kind in zip(row, kinds, strict=True))
    return f"datatable({columns})[{', '.join(cells)}]"


def _format_cell(value: object, kind: KqlType) -> str:
    if kind == STRING:
        return msgspec.json.encode(value or "").decode()
    return f"{kind.value}({'null' if value is None else msgspec.json.encode(value).decode()})"


_TABLE = make_columns(TableName=STRING, DatabaseName=STRING, Folder=STRING, DocString=STRING)


def _show_tables(asked: KustoCommand) -> Shown:
    return _TABLE, [(name, asked.workspace, "", "") for name, _ in asked.tables]


def _show_table_details(asked: KustoCommand) -> Shown:
    """The tables with the number of their rows that the caller may read."""
    names = [asked.name] if asked.name else [name for name, _ in asked.tables]
    if asked.name:
        asked.find_columns()
    text = ";\n".join(f"['{name}'] | count" for name in names)
    call = asked.call
    results = call.instance.lake.query(
        text, scope=asked.scope, workspace=asked.workspace, timeout=call.instance.query_seconds
    ) if names else []  # fmt: skip
    counts = [one.table.column(0)[0].as_py() for one in results]
    rows: list[Row] = [
        (name, asked.workspace, "", "", count) for name, count in zip(names, counts, strict=True)
    ]
    return (*_TABLE, *make_columns(TotalRowCount=LONG)), rows


def _show_databases(asked: KustoCommand) -> Shown:
    columns = make_columns(
        DatabaseName=STRING, PersistentStorage=STRING, Version=STRING, IsCurrent=KqlType.BOOL,
        DatabaseAccessMode=STRING, PrettyName=STRING,
    )  # fmt: skip
    own = asked.workspace
    return columns, [(name, "", "v1.0", name == own, "ReadWrite", None) for name in asked.databases]


def _show_schema(asked: KustoCommand) -> Shown:
    asked = asked.for_workspace(asked.name) if asked.name else asked
    columns = make_columns(
        DatabaseName=STRING, TableName=STRING, ColumnName=STRING, ColumnType=STRING, IsDefaultTable=KqlType.BOOL,
        IsDefaultColumn=KqlType.BOOL, PrettyName=STRING, Version=STRING, Folder=STRING, DocString=STRING,
    )  # fmt: skip
    own = asked.workspace
    rows: list[Row] = [(own, None, None, None, False, False, None, "v1.0", None, None)]
    for name, several in asked.tables:
        rows.append((own, name, None, None, False, False, None, None, "", ""))
        rows += [
            (own, name, one, _get_dotnet_type(kind), False, False, None, None, None, None)
            for one, kind in several
        ]
    return columns, rows


def _show_schema_json(asked: KustoCommand) -> Shown:
    """The schema of a database, of all of them where none is named and the command says so."""
    return _render_json([asked.for_workspace(asked.name) if asked.name else asked])


def _show_schemas_json(asked: KustoCommand) -> Shown:
    return _render_json([asked.for_workspace(name) for name in asked.databases])


def _render_json(several: Iterable[KustoCommand]) -> Shown:
    document = {"Databases": {one.workspace: _build_database_document(one) for one in several}}
    return make_columns(DatabaseSchema=STRING), [(msgspec.json.encode(document).decode(),)]


def _build_database_document(asked: KustoCommand) -> dict[str, object]:
    major, minor = _VERSION
    return {
        "Name": asked.workspace,
        "Tables": {name: _build_table_document(name, several) for name, several in asked.tables},
        "ExternalTables": {},
        "MaterializedViews": {},
        "EntityGroups": {},
        "MajorVersion": major,
        "MinorVersion": minor,
        "Functions": {one.name: _build_function_document(one) for one in asked.functions},
        "DatabaseAccessMode": "ReadWrite",
    }


def _build_table_document(name: str, several: tuple[Column, ...]) -> dict[str, object]:
    ordered = [_build_typed_column(one, kind) for one, kind in several]
    return {"Name": name, "Folder": "", "DocString": "", "OrderedColumns": ordered}


def _build_function_document(one: StoredFunction) -> dict[str, object]:
    inputs = [_describe_parameter(each) for each in parse_parameters(one.parameters)]
    body = {"Name": one.name, "InputParameters": inputs, "Body": _add_braces(one.body)}
    return {**body, "Folder": "", "DocString": "", "FunctionKind": "Unknown", "OutputColumns": []}


def _describe_parameter(one: LambdaParameter) -> dict[str, object]:
    """A scalar with its type, or rows with their columns."""
    if one.type is not None:
        return _build_typed_column(one.name, one.type)
    return {
        "Name": one.name,
        "Columns": [
            _build_typed_column(column.name, column.type) for column in one.schema or () if column.type
        ],
    }


def _build_typed_column(name: str, kind: KqlType) -> dict[str, object]:
    return {"Name": name, "Type": _get_dotnet_type(kind), "CslType": kind.value}


def _show_table_cslschema(asked: KustoCommand) -> Shown:
    columns = make_columns(
        TableName=STRING, Schema=STRING, DatabaseName=STRING, Folder=STRING, DocString=STRING
    )
    schema = ",".join(f"{name}:{kind.value}" for name, kind in asked.find_columns())
    return columns, [(asked.name, schema, asked.workspace, "", "")]


def _show_table_json(asked: KustoCommand) -> Shown:
    columns = make_columns(
        TableName=STRING, Schema=STRING, DatabaseName=STRING, Folder=STRING, DocString=STRING
    )
    schema = msgspec.json.encode(_build_table_document(asked.name, asked.find_columns())).decode()
    return columns, [(asked.name, schema, asked.workspace, "", "")]


def _show_functions(asked: KustoCommand) -> Shown:
    """The functions of the workspace, or the one that is named."""
    columns = make_columns(Name=STRING, Parameters=STRING, Body=STRING, Folder=STRING, DocString=STRING)
    found = [one for one in asked.functions if not asked.name or one.name == asked.name]
    if asked.name and not found:
        wrong = f"Entity not found: there is no function '{asked.name[:100]}'."
        raise make_bad_request_error("BadRequest_EntityNotFound", wrong)
    rows: list[Row] = [
        (one.name, _add_brackets(one.parameters), _add_braces(one.body), "", "") for one in found
    ]
    return columns, rows


def _add_brackets(parameters: str) -> str:
    return parameters if parameters.strip().startswith("(") else f"({parameters})"


def _add_braces(body: str) -> str:
    return body if body.strip().startswith("{") else f"{{ {body} }}"


def _show_principal(asked: KustoCommand) -> Shown:
    """Return who asks, as its token says."""
    who, tenant = asked.call.caller.principal, asked.call.instance.tenant
    person = who.kind == PrincipalKind.PERSON
    word = "aaduser" if person else "aadapp"
    columns = make_columns(
        PrincipalType=STRING, PrincipalDisplayName=STRING, PrincipalObjectId=STRING, PrincipalFQN=STRING, Notes=STRING,
        Authority=STRING,
    )  # fmt: skip
    kind = "AAD User" if person else "AAD Application"
    return columns, [(kind, who.name, who.id, f"{word}={who.id};{tenant}", "", tenant)]


def _show_version(_: KustoCommand) -> Shown:
    columns = make_columns(
        BuildVersion=STRING, BuildTime=KqlType.DATETIME, ServiceType=STRING, ProductVersion=STRING
    )
    return columns, [(__version__, None, "Engine", f"nephoscope {__version__}")]


def _get_dotnet_type(kind: KqlType) -> str:
    return f"System.{DATA_TYPES[kind]}"


_NAME = r"(?P<name>\['[^']+'\]|\[\"[^\"]+\"\]|\w+)"
#: A workspace may have a dash in its name, which Kusto itself wants in brackets.
_DATABASE = _NAME.replace(r"\w+", r"(?!schema\b)[\w.-]+")
_COMMANDS: tuple[tuple[re.Pattern[str], Callable[[KustoCommand], Shown]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), show)
    for pattern, show in (
        (r"\.show tables", _show_tables),
        (r"\.show tables details", _show_table_details),
        (r"\.show databases", _show_databases),
        (r"\.show databases schema as json", _show_schemas_json),
        (r"\.show cluster schema as json", _show_schemas_json),
        (rf"\.show (?:database (?:{_DATABASE} )?)?schema", _show_schema),
        (rf"\.show (?:database (?:{_DATABASE} )?)?schema as json", _show_schema_json),
        (rf"\.show table {_NAME} cslschema", _show_table_cslschema),
        (rf"\.show table {_NAME} schema as json", _show_table_json),
        (rf"\.show table {_NAME} details", _show_table_details),
        (r"\.show functions", _show_functions),
        (rf"\.show function {_NAME}", _show_functions),
        (r"\.show current principal(?: details)?", _show_principal),
        (r"\.show version", _show_version),
    )
)
