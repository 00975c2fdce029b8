"""duckdb-kql in an environment of its own: a job a line on stdin, an answer a line on stdout. Imports nothing of nephoscope.

A job is {"query", "now", "tables": {name: {"columns": [[name, KQL type]], "rows": [[cell]]}}}; datetime and timespan cells are 100 ns
ticks, dynamic cells JSON texts. The answer is {"refused": text} or {"failed": text} or {"columns": [name], "rows": [[cell]]}.
"""

import datetime as dt
import decimal
import json
import math
import sys
from typing import Any

import duckdb
import duckdb_kql
import pyarrow as pa

EPOCH = 621_355_968_000_000_000
TYPES = {
    "bool": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "decimal": "DECIMAL(38,17)",
    "string": "VARCHAR",
    "guid": "UUID",
    "dynamic": "JSON",
    "datetime": "TIMESTAMP",
    "timespan": "INTERVAL",
}
ARROW = {
    "bool": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "real": pa.float64(),
    "datetime": pa.timestamp("us"),
    "timespan": pa.duration("us"),
}


def arrow(kind: str, cells: list[Any]) -> Any:
    """A column as DuckDB takes it in."""
    if kind == "datetime":
        cells = [None if cell is None else (cell - EPOCH) // 10 for cell in cells]
        return pa.array(cells, pa.int64()).cast(pa.timestamp("us"))
    if kind == "timespan":
        cells = [None if cell is None else cell // 10 for cell in cells]
        return pa.array(cells, pa.int64()).cast(pa.duration("us"))
    return pa.array(cells, ARROW.get(kind, pa.string()))


def filled(connection: Any, tables: dict[str, Any]) -> None:
    """The tables of a job, typed as duckdb-kql wants them."""
    for name, table in tables.items():
        columns = [column for column, _ in table["columns"]]
        cells = [[row[at] for row in table["rows"]] for at in range(len(columns))]
        kinds = [kind for _, kind in table["columns"]]
        plain = [f"c{at}" for at in range(len(columns))]
        arrays = [arrow(kind, column) for kind, column in zip(kinds, cells, strict=False)]
        connection.register("incoming", pa.table(arrays, names=plain))
        listed = ", ".join(
            f'CAST({one} AS {TYPES[kind]}) AS "{column}"'
            for one, kind, column in zip(plain, kinds, columns, strict=False)
        )
        connection.execute(f'CREATE TABLE "{name}" AS SELECT {listed} FROM incoming')
        connection.unregister("incoming")


def cell(value: Any) -> Any:
    """A cell as JSON; times are {"ticks": n}, what JSON lacks is {"real": text}."""
    if isinstance(value, dt.datetime):
        passed = value.replace(tzinfo=None) - dt.datetime(1, 1, 1)
        return {"ticks": (passed.days * 86_400 + passed.seconds) * 10_000_000 + passed.microseconds * 10}
    if isinstance(value, dt.date):
        return {"ticks": (value - dt.date(1, 1, 1)).days * 864_000_000_000}
    if isinstance(value, dt.timedelta):
        return {"ticks": (value.days * 86_400 + value.seconds) * 10_000_000 + value.microseconds * 10}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": str(value)}
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, (list, tuple)):
        return {"list": [cell(item) for item in value]}
    if isinstance(value, dict):
        return {"bag": {str(key): cell(item) for key, item in value.items()}}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def answer(job: dict[str, Any]) -> dict[str, Any]:
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})
    try:
        filled(connection, job["tables"])
        functions = None
        try:
            relation = duckdb_kql.query(
                connection, job["query"], query_now=dt.datetime.fromisoformat(job["now"]), functions=functions
            )
        except duckdb_kql.KqlError as error:
            return {"refused": f"{type(error).__name__}: {error}"[:300]}
        return {
            "columns": list(relation.columns),
            "rows": [[cell(one) for one in row] for row in relation.fetchall()],
        }
    except Exception as error:  # noqa: BLE001 - a process boundary: the answer says what failed
        return {"failed": f"{type(error).__name__}: {error}"[:300]}
    finally:
        connection.close()


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
