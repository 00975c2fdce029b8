"""Running a query over tables in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nephoscope.kql.compile import compile_query
from nephoscope.kql.engines.duckdb import DuckDBEngine
from nephoscope.kql.engines.fields import catalog_of

if TYPE_CHECKING:
    import pyarrow as pa


def run(
    text: str,
    tables: Mapping[str, pa.Table] | None = None,
    now: dt.datetime | None = None,
    timeout: float | None = None,
) -> pa.Table:
    """Run a query over Arrow tables; `now` is what now() gives, `timeout` in seconds.

    Every field's metadata has b"kql.type". datetime and timespan are 100 ns ticks (since 0001-01-01), dynamic is JSON text,
    a string is never null. KqlError where the query is wrong or cannot be run.
    """
    given = tables or {}
    compiled = compile_query(text, catalog_of(given), now=now)
    with DuckDBEngine(given) as engine:
        return engine.run(compiled, timeout)
