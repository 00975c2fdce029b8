"""The shipped detections over one recording: its text goes through the real formats, and each rule that reads its tables is run."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from cases_together import find_together

from nephoscope.alerts.detection.build_alerts import build_alerts
from nephoscope.alerts.rules.query_result import iterate_findings
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.window import build_window
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.model.alert import Alert
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.cache import CompileCache
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.compile import CompiledQuery
from nephoscope_kql.engines.duckdb import DuckDBEngine, build_table

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FOREVER = Workspace(name="test", days=36_500)

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


class DetectionEngine:
    """The shipped rules over the rows of one recording."""

    def __init__(self) -> None:
        self.tables = Tables.builtin()
        self._catalog = MemoryCatalog(
            {one.name: replace(one.to_schema(one.name), day=("", "")) for one in self.tables},
            load_shipped_functions(),
        )
        self._cache = CompileCache()
        self._formats = load_formats()
        self._empty: dict[str, pa.Table] = {}
        self.rules = load_shipped_rules().rules

    def rows_of(self, data: bytes, place: str) -> dict[str, list[dict[str, Any]]]:
        """The rows that the formats make of a text, by table."""
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        context = StreamContext(source=place, now=NOW)
        for batch in read_batches(io.BytesIO(data), self._formats, context):
            for table, placed in batch.rows.items():
                rows[table] += [dict(one.row.values) for one in placed]
        return rows

    def alerts(
        self, rows: Rows, wanted: Callable[[AnalyticRule], bool] = lambda _: True
    ) -> dict[str, tuple[AnalyticRule, list[Alert]]]:
        """The rules that raise alerts over the rows, by id, with these alerts; a rule that reads none of the tables is not run."""
        given = {name: self.to_arrow(name, several) for name, several in rows.items() if name in self.tables}
        asked = [rule for rule in self.rules if wanted(rule) and given.keys() & set(self.reads(rule))]
        return {
            rule.id: (rule, found)
            for rule, found in self._run(asked, given).items()
            if found
        }  # fmt: skip

    def alerts_together(self, several: Sequence[Rows]) -> list[dict[str, tuple[AnalyticRule, list[Alert]]]]:
        """The alerts of each of several recordings, which do not see each other; a rule is planned once for all of them."""
        given = [
            {
                name: self.to_arrow(name, found)
                for name, found in rows.items()
                if name in self.tables and found
            }
            for rows in several
        ]
        raised: list[dict[str, tuple[AnalyticRule, list[Alert]]]] = [{} for _ in several]
        names = sorted({name for tables in given for name in tables})
        with DuckDBEngine({}, threads=1) as engine:
            for rule in self.rules:
                compiled = self.compiled(rule.query)
                if not set(names) & set(compiled.reads):
                    continue
                for number, found in enumerate(self._turns(engine, compiled, given)):
                    alerts = list(
                        build_alerts(rule, build_window(rule, NOW), list(iterate_findings(found)), NOW)
                    )
                    if alerts:
                        raised[number][rule.id] = (rule, alerts)
        return raised

    def _turns(
        self, engine: DuckDBEngine, compiled: CompiledQuery, given: Sequence[Mapping[str, pa.Table]]
    ) -> Iterator[pa.Table]:
        """What a query finds in each of several sets of tables; nothing where it reads none of them."""
        reads = set(compiled.reads)
        asked = [tables for tables in given if tables.keys() & reads]
        found = iter(self._find(engine, compiled, asked))
        for tables in given:
            yield next(found) if tables.keys() & reads else self._nothing(compiled)

    def _find(
        self, engine: DuckDBEngine, compiled: CompiledQuery, given: Sequence[Mapping[str, pa.Table]]
    ) -> list[pa.Table]:
        several = [
            {name: tables[name] if name in tables else self._none(name) for name in compiled.reads}
            for tables in given
        ]
        if compiled.resume is not None or compiled.parts is not None:
            return [self._apart(compiled, tables) for tables in several]
        return find_together(engine, compiled, several) if several else []

    def _apart(self, compiled: CompiledQuery, tables: Mapping[str, pa.Table]) -> pa.Table:
        with DuckDBEngine(dict(tables), threads=1) as engine:
            return engine.run(compiled)

    def _nothing(self, compiled: CompiledQuery) -> pa.Table:
        return build_table([], compiled.columns)

    def reads(self, rule: AnalyticRule) -> Iterable[str]:
        """The tables that the query of a rule reads."""
        return self.compiled(rule.query).reads

    def count(self, query: str, rows: Rows) -> int:
        """How many rows a query finds."""
        compiled = self.compiled(query)
        given = {
            name: self.to_arrow(name, rows[name]) if name in rows else self._none(name)
            for name in compiled.reads
        }
        with DuckDBEngine(given, threads=1) as engine:
            return engine.run(compiled).num_rows

    def compiled(self, query: str) -> CompiledQuery:
        """A query, compiled once."""
        return self._cache.compile(query, self._catalog, now=NOW)

    def to_arrow(self, name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Rows as the lake would hold them."""
        return to_arrow_rows(self.tables[name], rows, workspace=FOREVER, now=NOW).table

    def _run(
        self, asked: Sequence[AnalyticRule], given: Mapping[str, pa.Table]
    ) -> dict[AnalyticRule, list[Alert]]:
        used = {name for rule in asked for name in self.reads(rule)}
        tables = {name: given[name] if name in given else self._none(name) for name in sorted(used)}
        with DuckDBEngine(tables, threads=1) as engine:
            return {rule: self._raised(rule, engine) for rule in asked}

    def _raised(self, rule: AnalyticRule, engine: DuckDBEngine) -> list[Alert]:
        rows = list(iterate_findings(engine.run(self.compiled(rule.query))))
        return list(build_alerts(rule, build_window(rule, NOW), rows, NOW))

    def _none(self, name: str) -> pa.Table:
        if name not in self._empty:
            self._empty[name] = self.to_arrow(name, [])
        return self._empty[name]
