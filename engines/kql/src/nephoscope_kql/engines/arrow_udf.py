"""Arrow UDFs: DuckDB expressions over Arrow batches in the worker process of another engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import FunctionNullHandling, PythonUDFType

from nephoscope_kql.sql.routines import ArrowFunction, Macro, Routine, Vectorised

MEMORY_LIMIT = "1GB"
_PLAIN: Mapping[str, tuple[pa.DataType, str]] = MappingProxyType(
    {
        "BOOLEAN": (pa.bool_(), "boolean"),
        "INTEGER": (pa.int32(), "int"),
        "BIGINT": (pa.int64(), "bigint"),
        "DOUBLE": (pa.float64(), "double"),
        "VARCHAR": (pa.string(), "string"),
        "DECIMAL(38,17)": (pa.decimal128(38, 17), "decimal(38,17)"),
    }
)
_FIELD = re.compile(r"(\w+) (.+?)(?:, (?=\w+ )|$)")


def get_arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a DuckDB type: a plain one, `STRUCT(a VARCHAR, ...)` of plain ones, a list `[]` of either."""
    if name.endswith("[]"):
        return pa.list_(get_arrow_type(name[:-2]))
    if name.startswith("STRUCT("):
        return pa.struct([(field, get_arrow_type(kind)) for field, kind in _FIELD.findall(name[7:-1])])
    return _PLAIN[name][0]


def get_spark_type(name: str) -> str:
    """The Spark type of a DuckDB type; as get_arrow_type()."""
    if name.endswith("[]"):
        return f"array<{get_spark_type(name[:-2])}>"
    if name.startswith("STRUCT("):
        fields = (f"{field}:{get_spark_type(kind)}" for field, kind in _FIELD.findall(name[7:-1]))
        return f"struct<{','.join(fields)}>"
    return _PLAIN[name][1]


@cache
def _open_connection() -> tuple[duckdb.DuckDBPyConnection, set[str]]:
    """The connection of this process and the names of the routines that it knows."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": False,
        "python_enable_replacements": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": MEMORY_LIMIT,
        "threads": 1,
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET lock_configuration = true")
    return connection, set()


def install_routine(connection: duckdb.DuckDBPyConnection, routine: Routine) -> None:
    """Make a macro or an Arrow function known to a connection."""
    if isinstance(routine, Macro):
        connection.execute(routine.create)
    elif isinstance(routine, ArrowFunction):
        connection.create_function(
            routine.name,
            routine.body,
            list(routine.parameters),
            routine.returns,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def _prepare_connection(routine: Vectorised) -> duckdb.DuckDBPyConnection:
    connection, known = _open_connection()
    for inner in routine.uses:
        if inner.name not in known:
            if isinstance(inner, ArrowFunction):
                # A function that came by value has lost the names that its annotations use, and DuckDB reads them.
                inner.body.__annotations__.clear()
            install_routine(connection, inner)
            known.add(inner.name)
    return connection


def evaluate_routine(routine: Vectorised, columns: tuple[pa.Array, ...]) -> pa.Array:
    """The values of a vectorised function for a batch of rows, in the rows' order."""
    connection = _prepare_connection(routine)
    if routine.rows:
        return _collect_rows(connection, routine, columns)
    given = (
        _collect_aggregates(connection, routine, columns[0])
        if routine.empty
        else _compute_rows(connection, routine, columns)
    )
    kind = get_arrow_type(routine.returns)
    made = given.combine_chunks() if isinstance(given, pa.ChunkedArray) else given
    return made if made.type == kind else made.cast(kind)


def _compute_rows(
    connection: duckdb.DuckDBPyConnection, routine: Vectorised, columns: tuple[pa.Array, ...]
) -> pa.ChunkedArray:
    batch = pa.table(list(columns), names=[f"a{place}" for place in range(len(columns))])
    return _run_sql(connection, routine.sql, batch).column(0)


def _collect_rows(
    connection: duckdb.DuckDBPyConnection, routine: Vectorised, columns: tuple[pa.Array, ...]
) -> pa.Array:
    """A list of rows for a list of rows."""
    kind = get_arrow_type(routine.returns)
    found = []
    for place in range(len(columns[0])):
        elements = columns[0].slice(place, 1).flatten()
        fields = [elements.field(at) for at in range(elements.type.num_fields)]
        batch = pa.table(fields, names=[elements.type.field(at).name for at in range(len(fields))])
        given = {"now": columns[1][place].as_py()} if len(columns) > 1 else {}
        rows = _run_sql(connection, routine.sql, batch, given)
        parts = [
            column.combine_chunks().cast(field.type)
            for column, field in zip(rows.columns, kind.value_type, strict=True)
        ]
        made = pa.StructArray.from_arrays(parts, fields=list(kind.value_type))
        found.append(pa.ListArray.from_arrays(pa.array([0, len(made)], pa.int32()), made))
    return pa.concat_arrays(found) if found else pa.array([], kind)


def _run_sql(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    batch: pa.Table,
    given: Mapping[str, object] | None = None,
) -> pa.Table:
    connection.register("batch", batch)
    try:
        return connection.sql(sql, params=dict(given) if given else None).to_arrow_table()
    finally:
        connection.unregister("batch")


def _collect_aggregates(
    connection: duckdb.DuckDBPyConnection, routine: Vectorised, lists: pa.Array
) -> pa.Array:
    """One value a list: of its elements, and of no element where it is empty."""
    elements = lists.flatten()
    fields = [elements.field(place) for place in range(elements.type.num_fields)]
    names = [f"a{place}" for place in range(len(fields))]
    rows = pc.list_parent_indices(lists)
    batch = pa.table([rows, *fields], names=["row", *names])
    found = _run_sql(connection, routine.sql, batch)
    values: dict[int, object] = dict(zip(found.column(0).to_pylist(), range(found.num_rows), strict=True))
    nothing = _run_sql(connection, routine.empty, batch.slice(0, 0)).column(0)
    every = pa.concat_arrays([found.column(1).combine_chunks(), nothing.combine_chunks()])
    places = [values.get(row, found.num_rows) for row in range(len(lists))]
    return every.take(pa.array(places, pa.int64()))
