"""Query engine: open it in one place, from a principal's catalog and limits to results.

Access is in the catalog and in the scans that it gives: an engine sees no row and opens no file beside them. What runs many queries
on one engine (rules, cases of rules, aggregates of files) opens it here and does the steps by itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nephoscope_kql.compile import CompiledQuery, compile_results
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.engines.duckdb import DuckDBEngine, build_table
from nephoscope_kql.run import QueryResult, run_results

if TYPE_CHECKING:
    import pyarrow as pa

    from nephoscope_kql.binder.query_parameters import RequestProperties
    from nephoscope_kql.catalog import Catalog
    from nephoscope_kql.engines.parquet import FileScan
    from nephoscope_kql.engines.result_limit import ResultLimit
    from nephoscope_kql.externaldata import ExternalReader

QueryEngine: TypeAlias = DuckDBEngine
Work = Callable[[], list[QueryResult]]


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Limits of an engine and its results: memory and threads (default: a share of what this process has), the size of results.

    `external` reads what externaldata names (default: nothing); `small`: tables and results are a few rows.
    """

    memory: str = ""
    threads: int = 0
    most: ResultLimit | None = None
    external: ExternalReader | None = None
    small: bool = False


@dataclass(frozen=True, slots=True)
class EngineRows:
    """The rows that an engine sees, by relation: in memory, in files of any columns, in files as a scan lets them be seen.

    `readable`: files that a scan may name later, `folders`: with all files in them.
    """

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    scans: Mapping[str, FileScan] = field(default_factory=dict)
    readable: Iterable[Path] = ()
    folders: Iterable[Path] = ()

    def narrow(self, compiled: Collection[CompiledQuery]) -> EngineRows:
        """Return what queries read of these rows: DuckDB binds each column of a relation, read or not, and tables have hundreds.

        Everything where the columns of a query depend on rows, so that it is compiled again when some were read.
        """
        if any(one.resume is not None for one in compiled):
            return self
        read: dict[str, set[str]] = {}
        for one in compiled:
            for relation, columns in one.reads.items():
                read.setdefault(relation, set()).update(columns)
        scans = {name: scan.narrow(read[name]) for name, scan in self.scans.items() if name in read}
        return replace(self, scans=scans)

    def is_provably_empty(self, compiled: CompiledQuery) -> bool:
        """Return whether a query surely has no row: a relation of which it needs a row has none."""
        if compiled.resume is not None or compiled.external:
            return False
        needed = (self.scans.get(relation) for relation in compiled.needs)
        return any(scan is not None and scan.has_no_rows() for scan in needed)


def open_engine(rows: EngineRows, limits: EngineLimits = EngineLimits()) -> QueryEngine:
    """Open an engine over some rows and no others; whoever opens it closes it."""
    return DuckDBEngine(
        rows.tables,
        files=rows.files,
        scans=rows.scans,
        readable=rows.readable,
        folders=rows.folders,
        threads=limits.threads,
        memory=limits.memory,
        external=limits.external,
        most=limits.most,
        small=limits.small,
    )


def _run_immediately(engine: QueryEngine, work: Work) -> list[QueryResult]:  # noqa: ARG001 - the signature of who waits
    return work()


@dataclass(frozen=True, slots=True)
class QueryPipeline:
    """The way of queries over a catalog: compiled, then run on an engine of their own over the rows that `rows` gives.

    `rows` is asked when a query has been compiled, since a catalog knows then which tables are read. `wait` does the work with the
    engine at hand, by which it may be interrupted.
    """

    catalog: Catalog
    rows: Callable[[], EngineRows]
    limits: EngineLimits = field(default_factory=EngineLimits)
    wait: Callable[[QueryEngine, Work], list[QueryResult]] = _run_immediately

    def results(
        self,
        text: str,
        *,
        now: dt.datetime | None = None,
        timeout: float | None = None,
        given: RequestProperties | None = None,
    ) -> list[QueryResult]:
        """Compile a query and run it; its results in order. KqlError where it is wrong, has a place, or meets a limit."""
        with set_deadline_within(timeout):
            return self.run(compile_results(text, self.catalog, now=now, given=given), text, timeout)

    def run(
        self, compiled: Collection[CompiledQuery], text: str, timeout: float | None = None
    ) -> list[QueryResult]:
        """Run what was compiled of a text over the same catalog; results and errors as of `results`.

        Where no result can have a row, no engine is opened: that takes longer than most of what the product asks of a table.
        """
        rows = self.rows().narrow(compiled)
        if all(map(rows.is_provably_empty, compiled)):
            return [QueryResult(build_table((), one.columns), one.name, one.hint) for one in compiled]
        with open_engine(rows, self.limits) as engine:
            return self.wait(engine, lambda: run_results(engine, compiled, text, timeout))
