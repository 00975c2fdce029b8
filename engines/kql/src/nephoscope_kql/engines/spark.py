"""Spark 4.1 or newer: a session in this process, a standalone cluster, or a server of Spark Connect (the extra `spark`).

The workers need this package: what Spark's SQL cannot say is evaluated there over Arrow batches.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nephoscope_kql.compile import CompiledQuery
from nephoscope_kql.deadline import Deadline, set_deadline_within
from nephoscope_kql.dialects.spark.sql_printer import format_node
from nephoscope_kql.engines.arrow_types import read_table_schema
from nephoscope_kql.engines.arrow_udf import evaluate_routine, get_spark_type
from nephoscope_kql.engines.duckdb import set_column_types
from nephoscope_kql.engines.externaldata_access import AllowedLocations
from nephoscope_kql.engines.spark_probing import SparkProbe
from nephoscope_kql.externaldata import ExternalReader, ExternalSource
from nephoscope_kql.externaldata import read_table as external_table
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Routine, Vectorised
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: How often a query that is late is interrupted, until it has ended.
AGAIN_SECONDS = 0.5
SETTINGS: Mapping[str, str] = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.variable.substitute": "false",
    "spark.sql.legacy.sizeOfNull": "false",
    "spark.sql.storeAssignmentPolicy": "ANSI",
}
"""What the SQL of the dialect takes for granted; set in the engine's own session."""
LOCAL: Mapping[str, str] = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
}
"""Defaults of a session that the engine starts itself on a URL; nothing listens outside this machine unless it is asked for."""
GROUP = ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel")
"""What setJobGroup() sets on the thread; it is put back after a run, so that a caller's group is his again."""


class SparkEngine:
    """Runs queries compiled for the dialect `spark`; close it when done, or use it with `with`.

    `session` is a SparkSession, whose settings stay as they are (the engine works in a new one beside it), or a URL (`local[2]`,
    `spark://host:7077`, `sc://host`): the engine starts and ends that session itself, with `settings` over its defaults.
    """

    dialect = "spark"

    def __init__(
        self,
        session: SparkSession | str,
        tables: Mapping[str, pa.Table] | None = None,
        settings: Mapping[str, str] | None = None,
        external: ExternalReader | None = None,
    ) -> None:
        self._owned = isinstance(session, str)
        started = _start_session(session, settings or {}) if isinstance(session, str) else session
        self._session = started.newSession() if hasattr(started, "newSession") else started
        for key, value in SETTINGS.items():
            self._session.conf.set(key, value)
        self._installed: set[str] = set()
        self._external = external or AllowedLocations()
        for name, table in (tables or {}).items():
            self.register(name, table)

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table's rows known under a name."""
        schema = read_table_schema(name, table)
        arrays = [
            _store_column(table.column(place), kind, how)
            for place, ((_, kind), how) in enumerate(zip(schema.columns, schema.storage, strict=True))
        ]
        rows = pa.table(arrays, names=list(schema.list_stored_names()))
        self._session.createDataFrame(rows).createOrReplaceTempView(_quote_name(name))

    def unregister(self, name: str) -> None:
        """Drop the rows that were registered under a name."""
        self._session.sql(f"DROP VIEW IF EXISTS {_quote_name(name)}")

    def explain(self, compiled: CompiledQuery) -> str:
        """Spark's physical plan of a query; KqlError where Spark refuses it."""
        if compiled.resume is not None:
            with closing(SparkProbe(self._run_sql, self._prepare_session, compiled.parameters)) as probe:
                return self.explain(compiled.resume(probe))
        self._prepare_session(compiled.routines, compiled.external)
        return str(self._run_sql(f"EXPLAIN {compiled.sql}", compiled.parameters).collect()[0][0])

    def run(self, compiled: CompiledQuery, timeout: float | None = None) -> pa.Table:
        """The rows of a compiled query; KqlError where it takes longer than `timeout` seconds."""
        with set_deadline_within(timeout) as deadline, self._interrupt_after_deadline(deadline) as late:
            try:
                return self._build_rows(compiled)
            except Exception as error:
                if late.is_set() and deadline is not None:
                    raise deadline.error from error
                limit = nodes.find_limit_error(error)
                if limit is None:
                    raise
                raise limit from error

    def _build_rows(self, compiled: CompiledQuery) -> pa.Table:
        if compiled.resume is not None:
            with closing(SparkProbe(self._run_sql, self._prepare_session, compiled.parameters)) as probe:
                return self._build_rows(compiled.resume(probe))
        self._prepare_session(compiled.routines, compiled.external)
        return set_column_types(self._run_sql(compiled.sql, compiled.parameters).toArrow(), compiled.columns)

    def _run_sql(self, sql: str, parameters: Mapping[str, object]) -> DataFrame:
        return self._session.sql(sql, args=dict(parameters)) if parameters else self._session.sql(sql)

    def _prepare_session(self, routines: Iterable[Routine], external: Iterable[ExternalSource]) -> None:
        """Make known what a query's SQL uses."""
        from pyspark.sql.pandas.functions import arrow_udf

        for source in external:
            self.register(source.name, external_table(source, self._external))
        made: Any = arrow_udf
        for routine in routines:
            if not isinstance(routine, Vectorised):
                raise TypeError(f"{routine.name} is not a routine of the dialect spark")
            if routine.name not in self._installed:
                self._session.udf.register(
                    routine.name, made(_make_body(routine), get_spark_type(routine.returns))
                )
                self._installed.add(routine.name)

    @contextmanager
    def _interrupt_after_deadline(self, deadline: Deadline | None) -> Iterator[threading.Event]:
        late = threading.Event()
        if deadline is None:
            yield late
            return
        name = f"kql-{uuid.uuid4()}"
        context = getattr(self._session, "_sc", None)

        def stop() -> None:
            late.set()
            if context is None:
                self._session.interruptTag(name)
            else:
                context.cancelJobGroup(name)

        over = threading.Event()

        def watch() -> None:
            wait = max(0.0, deadline.at - time.monotonic())
            # a job that begins after the deadline does not know that its group was cancelled
            while not over.wait(wait):
                stop()
                wait = AGAIN_SECONDS

        watching = threading.Thread(target=watch, name="spark deadline", daemon=True)
        before: dict[str, str | None] = {}
        if context is None:
            self._session.addTag(name)
        else:
            before = {key: context.getLocalProperty(key) for key in GROUP}
            context.setJobGroup(name, "kql", interruptOnCancel=True)
        watching.start()
        try:
            yield late
        finally:
            over.set()
            watching.join()
            if context is None:
                self._session.removeTag(name)
            else:
                for key, value in before.items():
                    context.setLocalProperty(key, value)

    def close(self) -> None:
        """End the session, where the engine started it."""
        if self._owned:
            self._session.stop()

    def __enter__(self) -> SparkEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _start_session(url: str, settings: Mapping[str, str]) -> SparkSession:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder: Any = SparkSession.builder
    if url.startswith("sc://"):
        remote: SparkSession = builder.remote(url).create()
        return remote
    builder = builder.appName("nephoscope").master(url)
    if url.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for key, value in {**LOCAL, **settings}.items():
        builder = builder.config(key, value)
    session: SparkSession = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _make_body(routine: Vectorised) -> Callable[..., pa.Array]:
    def run_body(*columns: pa.Array) -> pa.Array:
        return evaluate_routine(routine, columns)

    return run_body


def _quote_name(name: str) -> str:
    return format_node(nodes.build_stored_column(name))


def _store_column(column: pa.ChunkedArray, kind: KqlType, how: str) -> pa.ChunkedArray:
    """A column as Spark can hold it and the dialect reads it: it has no unsigned numbers, no nanoseconds, no durations."""
    if how == "timestamp_ns":
        return column.cast(pa.timestamp("ns")).cast(pa.int64())
    if how == "timestamp_tz":
        return column.cast(pa.timestamp("us", "UTC"))
    if how == "timestamp":
        return column.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    if how == "interval":
        return column.cast(pa.duration("us")).cast(pa.int64())
    if how == "nested":
        return column
    wanted = {
        KqlType.INT: pa.int32(),
        KqlType.LONG: pa.int64(),
        KqlType.DATETIME: pa.int64(),
        KqlType.TIMESPAN: pa.int64(),
        KqlType.REAL: pa.float64(),
        KqlType.DECIMAL: pa.decimal128(38, 17),
        KqlType.BOOL: pa.bool_(),
    }.get(kind, pa.string())
    return column if column.type == wanted else column.cast(wanted)
