"""Definitions of tables from files: our own form, the tables API of Log Analytics, and what `T | getschema` gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nephoscope.files.json_text import JsonTextError, read_json
from nephoscope.files.tables.table_files import TableFileError, read_table
from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.column_types import DAY
from nephoscope.lake.schema.table import LakeTable
from nephoscope_kql.types import TYPE_NAMES, KqlType

#: Bytes of a file of definitions.
_MOST_BYTES = 64 << 20


def load_definitions(path: Path, name: str = "") -> list[LakeTable]:
    """The tables that a file defines; `name` is that of a getschema output (default: the file's). TableFileError where it
    defines none.

    JSON: `{"name", "columns": {column: type}}`, the body of a table of the Log Analytics API (`properties.schema`), a list of either
    or `{"value": []}`. What getschema printed: CSV, JSON or an answer of the query API, with ColumnName and ColumnType.
    """
    document = _read_document(path)
    bodies = list(_read_bodies(document))
    try:
        if bodies:
            return [_parse_definition(body, str(path)) for body in bodies]
        return [LakeTable.of(name or path.name.split(".", 1)[0], _read_getschema(path))]
    except LakeError as error:
        raise TableFileError(f"{path}: {error}") from error


def _read_document(path: Path) -> object:
    """The JSON of a file, None where it is something else."""
    if path.suffix.lower() != ".json":
        return None
    try:
        return read_json(path, _MOST_BYTES)
    except OSError as error:
        raise TableFileError(f"{path}: {error.strerror}") from error
    except JsonTextError:
        return None


def _read_bodies(document: object) -> Iterator[Mapping[str, object]]:
    """The objects in a document that define a table."""
    if isinstance(document, dict) and isinstance(document.get("value"), list):
        document = document["value"]
    for body in document if isinstance(document, list) else [document]:
        if isinstance(body, dict) and ("columns" in body or "schema" in _read_properties(body)):
            yield body


def _read_properties(body: Mapping[str, object]) -> Mapping[str, Any]:
    found = body.get("properties", body)
    return found if isinstance(found, dict) else {}


def _parse_definition(body: Mapping[str, object], where: str) -> LakeTable:
    if isinstance(body.get("columns"), dict):
        return LakeTable.parse(body, where)
    schema = _read_properties(body).get("schema", body)
    listed = [*schema.get("standardColumns", ()), *schema.get("columns", ())]
    columns = {str(one.get("name")): _parse_kind(one.get("type"), str(one.get("name"))) for one in listed}
    return LakeTable.of(
        str(schema.get("name") or body.get("name", "")),
        _select_user_columns(columns),
        description=_read_description(schema),
    )


def _read_description(schema: Mapping[str, object]) -> str:
    return str(schema.get("description") or "")


def _read_getschema(path: Path) -> dict[str, KqlType]:
    """The columns that the rows of a getschema output list."""
    rows = read_table("schema", path).rows
    names = {} if rows is None else {name.lower(): name for name in rows.column_names}
    if rows is None or "columnname" not in names or not {"columntype", "datatype"} & names.keys():
        raise TableFileError(
            f"{path}: it defines no table: `name` and `columns`, a table of the Log Analytics API, or "
            "the output of `T | getschema` (ColumnName, ColumnType) is expected"
        )
    kinds = rows.column(names.get("columntype") or names["datatype"]).to_pylist()
    pairs = zip(rows.column(names["columnname"]).to_pylist(), kinds, strict=True)
    return _select_user_columns({str(name): _parse_kind(kind, str(name)) for name, kind in pairs})


def _select_user_columns(columns: Mapping[str, KqlType]) -> dict[str, KqlType]:
    """The columns but the one that the lake keeps for itself."""
    return {name: kind for name, kind in columns.items() if name != DAY}


_DOTNET = {
    "system.string": KqlType.STRING,
    "system.int32": KqlType.INT,
    "system.int64": KqlType.LONG,
    "system.double": KqlType.REAL,
    "system.boolean": KqlType.BOOL,
    "system.sbyte": KqlType.BOOL,
    "system.datetime": KqlType.DATETIME,
    "system.timespan": KqlType.TIMESPAN,
    "system.object": KqlType.DYNAMIC,
    "system.guid": KqlType.GUID,
    "system.data.sqltypes.sqldecimal": KqlType.DECIMAL,
}
"""What the column DataType of getschema says."""


def _parse_kind(written: object, column: str) -> KqlType:
    word = str(written).lower()
    found = TYPE_NAMES.get(word) or _DOTNET.get(word)
    if found is None:
        raise TableFileError(
            f"the column {column} has the type {written!r}: one of {', '.join(KqlType)} is expected"
        )
    return found
