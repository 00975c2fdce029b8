"""Running a rule: its query over the lake in one window, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.detection.build_alerts import build_alerts
from nephoscope.alerts.detection.required_columns import describe_missing_columns
from nephoscope.alerts.detection.row_tenants import RowTenants
from nephoscope.alerts.rules.query_result import RuleResultRow, iterate_findings
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.alerts.suppression.rule_suppression import WORDS, YOUNG
from nephoscope.estate.tenant_stores import find_first_tenant
from nephoscope.model.alert import Alert
from nephoscope_kql.compile import compile_results
from nephoscope_kql.errors import ExternalDataError, KqlError, TooLargeError
from nephoscope_kql.plan.row_identity import UNKNOWN, RowIdentity
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.queries.consistent_queries import LakeReading
    from nephoscope_kql.compile import CompiledQuery

TIMEOUT = 600.0
MOST_ROWS = 10_000
"""Rows of a result that are looked at; how many there were is counted."""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """Outcome of a rule run: its alerts, or its error ('' = none), and the `seconds` that it took.

    A `fault` is an error that a later run may not meet (time, memory, disk); any other error is one of the query.
    `limited`: the query exceeded its limit of time or memory. `seen` maps each table that was read (`workspace/table`)
    to its version. `lacking` lists what the alerts lack because the query returns no such columns. `gaps` lists the
    data that was not collected in the estate tables that were read, so that a missing alert proves nothing there.
    """

    rule: AnalyticRule
    window: RuleWindow
    rows: int = 0
    alerts: tuple[Alert, ...] = ()
    error: str = ""
    seconds: float = 0.0
    fault: bool = False
    limited: bool = False
    seen: dict[str, int] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detector:
    """Runs rules over one workspace of a lake, all at the versions of a reading where there is one."""

    lake: Lake
    workspace: str
    timeout: float = TIMEOUT
    reading: LakeReading | None = None

    def run(
        self, rule: AnalyticRule, window: RuleWindow, now: datetime, *, is_empty: bool = False
    ) -> RuleOutcome:
        """Run a rule in a window; whatever goes wrong is an outcome, never an exception.

        `is_empty`: it is known that the query has no row there, so that it is compiled and not run.
        """
        began = time.perf_counter()
        found = self._build_outcome(rule, window, now, is_empty=is_empty)
        return replace(found, lacking=self._find_missing_columns(found), seconds=time.perf_counter() - began)

    def find_tables(self, rule: AnalyticRule) -> frozenset[str]:
        """The tables that a rule reads, as far as its text says; none where it does not compile."""
        with self.lake.catalog(workspace=self.workspace) as catalog:
            try:
                compile_results(rule.query, catalog)
            except KqlError:
                return frozenset()
            return frozenset(table for _, table in catalog.list_versions())

    def describe_gaps(self, rule: AnalyticRule, compiled: CompiledQuery | None = None) -> tuple[str, ...]:
        """Return what the tables of the estate that a rule reads lack because it was not collected; KqlError where it is wrong."""
        if self.reading is not None and compiled is not None:
            return self.reading.describe_gaps(compiled, rule.query)
        with self.lake.catalog(workspace=self.workspace) as catalog:
            compile_results(rule.query, catalog)
            return catalog.describe_gaps()

    def _build_outcome(
        self, rule: AnalyticRule, window: RuleWindow, now: datetime, *, is_empty: bool
    ) -> RuleOutcome:
        seen: dict[str, int] = {}
        compiled: CompiledQuery | None = None
        try:
            if self.reading is not None:
                compiled = self.reading.compile(rule.query, window.end)
                seen = self.reading.list_versions(compiled, rule.query)
            count, rows = (0, []) if is_empty else self._read_rows(rule, window, compiled)
            identity = self._find_identity(rule, window, compiled) if rows else UNKNOWN
            built = build_alerts(
                rule, window, rows, now, count, identity, self._load_row_tenants() if rows else RowTenants()
            )
            alerts = tuple(self._suppress_immature(rule, window, built))
            return RuleOutcome(
                rule, window, count, alerts, seen=seen, gaps=self.describe_gaps(rule, compiled)
            )
        except ExternalDataError as error:
            return RuleOutcome(rule, window, error=str(error), fault=error.passing, seen=seen)
        except KqlError as error:
            # what cannot be compiled is wrong or not supported; a text that took too long is quicker on a machine that is less busy
            compiling = self.reading is not None and compiled is None
            limited = error.kind != "invalid" and (not compiling or isinstance(error, TooLargeError))
            return RuleOutcome(rule, window, error=str(error), fault=limited, limited=limited, seen=seen)
        except Exception as error:  # noqa: BLE001 - a rule is a boundary: what goes wrong in one is told, and the others go on
            return RuleOutcome(rule, window, error=f"{type(error).__name__}: {error}", fault=True, seen=seen)

    def _load_row_tenants(self) -> RowTenants:
        """The tenants of the estate, as this run reads it."""
        if self.reading is not None:
            graph = self.reading.catalog.pin_graph()
        else:
            with self.lake.catalog(workspace=self.workspace) as catalog:
                graph = catalog.pin_graph()
        return RowTenants() if graph is None else RowTenants(graph.tenants, find_first_tenant(self.lake.data))

    def _find_missing_columns(self, found: RuleOutcome) -> tuple[str, ...]:
        """Return what the query does not give and the rule asks for, where that is missing in an alert now."""
        rule, end = found.rule, found.window.end
        if not found.alerts:
            return ()
        with self.lake.catalog(workspace=self.workspace) as catalog:
            compiled = (
                self.reading.compile(rule.query, end)
                if self.reading is not None
                else compile_results(rule.query, catalog, now=end)[-1]
            )
        return describe_missing_columns(rule, dict(compiled.columns)) if compiled.resume is None else ()

    def _find_identity(
        self, rule: AnalyticRule, window: RuleWindow, compiled: CompiledQuery | None
    ) -> RowIdentity:
        if compiled is not None:
            return compiled.identity
        return self.lake.find_row_identity(rule.query, workspace=self.workspace, now=window.end)

    def _suppress_immature(
        self, rule: AnalyticRule, window: RuleWindow, alerts: Sequence[Alert]
    ) -> Iterator[Alert]:
        """The alerts; those below high of a rule whose logs are too young to tell what is unusual are held back."""
        young = (
            bool(alerts) and rule.learning is not None and self._is_immature(rule, window.end - rule.learning)
        )
        for one in alerts:
            held = young and not one.held_by and one.severity.rank < Severity.HIGH.rank
            yield replace(one, held_by=YOUNG, held_as=WORDS[YOUNG]) if held else one

    def _is_immature(self, rule: AnalyticRule, since: datetime) -> bool:
        """Return whether no log that a rule names reaches back so far; a rule that names none has none that is young."""
        with self.lake.catalog(workspace=self.workspace) as catalog:
            first = [begin for name in rule.tables if (begin := catalog.begin(name)) is not None]
        return bool(first) and min(first) > since

    def _read_rows(
        self, rule: AnalyticRule, window: RuleWindow, compiled: CompiledQuery | None
    ) -> tuple[int, list[RuleResultRow]]:
        """The last result's rows."""
        span = window.get_row_span(rule)
        if self.reading is None or compiled is None:
            table = self.lake.rows(
                rule.query, workspace=self.workspace, now=window.end, timeout=self.timeout, span=span
            )
        elif self.reading.empty(compiled, span):
            return 0, []
        else:
            table = self.reading.rows(compiled, rule.query, span, self.timeout)
        return table.num_rows, list(iterate_findings(table, MOST_ROWS))
