"""Running a query over tables in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.compile import CompiledQuery, compile_results
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.errors import locate_errors
from nephoscope_kql.plan.relations import ResultHint

if TYPE_CHECKING:
    import pyarrow as pa

    from nephoscope_kql.externaldata import ExternalReader


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One result of a query: its rows, its name (`as`, a branch of fork; '' = none), and what render asks for.

    `gaps` say of what rows may be missing, a sentence each; who gives the tables knows.
    """

    table: pa.Table
    name: str = ""
    hint: ResultHint = field(default_factory=ResultHint)
    gaps: tuple[str, ...] = ()


def run(
    text: str,
    tables: Mapping[str, pa.Table] | None = None,
    now: dt.datetime | None = None,
    timeout: float | None = None,
    functions: Iterable[StoredFunction] = (),
    external: ExternalReader | None = None,
) -> pa.Table:
    """Run a query over Arrow tables and give its last result; `now` is what now() gives, `timeout` in seconds (compiling included).

    `functions` are stored functions, `external` reads what externaldata names (default: nothing is allowed).
    Every field's metadata has b"kql.type". datetime and timespan are 100 ns ticks (since 0001-01-01), dynamic is JSON text,
    a string is never null. KqlError where the query is wrong or cannot be run.
    """
    given = tables or {}
    with set_deadline_within(timeout):
        compiled = _compile_tables(text, given, now, functions)[-1]
        with DuckDBEngine(given, external=external) as engine:
            return run_compiled_query(engine, compiled, text)


def results(
    text: str,
    tables: Mapping[str, pa.Table] | None = None,
    now: dt.datetime | None = None,
    timeout: float | None = None,
    functions: Iterable[StoredFunction] = (),
    external: ExternalReader | None = None,
) -> tuple[QueryResult, ...]:
    """Run a query and give all its results in order: one a tabular statement, several of fork and facet; arguments as run()."""
    given = tables or {}
    with set_deadline_within(timeout):
        compiled = _compile_tables(text, given, now, functions)
        with DuckDBEngine(given, external=external) as engine:
            return tuple(run_results(engine, compiled, text))


def _compile_tables(
    text: str, tables: Mapping[str, pa.Table], now: dt.datetime | None, functions: Iterable[StoredFunction]
) -> tuple[CompiledQuery, ...]:
    known = {function.name: function for function in functions}
    return compile_results(text, replace(build_arrow_catalog(tables), functions=known), now=now)


def run_compiled_query(
    engine: DuckDBEngine, compiled: CompiledQuery, text: str, timeout: float | None = None
) -> pa.Table:
    """The rows of a compiled query; a KqlError says where in its text it arose."""
    with locate_errors(text):
        return engine.run(compiled, timeout)


def run_results(
    engine: DuckDBEngine, compiled: Iterable[CompiledQuery], text: str, timeout: float | None = None
) -> list[QueryResult]:
    """Run every compiled result of a query, in order; a KqlError says where in its text it arose."""
    return [
        QueryResult(run_compiled_query(engine, one, text, timeout), one.name, one.hint) for one in compiled
    ]
