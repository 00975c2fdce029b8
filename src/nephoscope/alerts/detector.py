"""Running a rule: its query over the lake in one window, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.finding import Finding, findings
from nephoscope.alerts.raising import raised
from nephoscope.alerts.rule import Rule
from nephoscope.alerts.window import Window
from nephoscope.kql.compile import compile_results
from nephoscope.kql.errors import KqlError
from nephoscope.lake.errors import LakeError
from nephoscope.lake.span import Span
from nephoscope.model.alert import Alert

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

TIMEOUT = 600.0
MOST_ROWS = 10_000
"""Rows of a result that are looked at; how many there were is counted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of a rule came to: its alerts, or the error that it ended in ('' = none); `seconds` of work.

    A `fault` is an error that may be gone the next time (time, memory, disk); else the query itself is wrong.
    """

    rule: Rule
    window: Window
    rows: int = 0
    alerts: tuple[Alert, ...] = ()
    error: str = ""
    seconds: float = 0.0
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Detector:
    """Runs rules over one workspace of a lake."""

    lake: Lake
    workspace: str
    timeout: float = TIMEOUT

    def run(self, rule: Rule, window: Window, now: datetime) -> Outcome:
        """Run a rule in a window; a query that is wrong or cannot be run is an outcome, never an exception."""
        began = time.perf_counter()
        try:
            count, rows = self._rows(rule, window, now)
            alerts = tuple(raised(rule, window, rows, now, count))
            return Outcome(rule, window, count, alerts, "", time.perf_counter() - began)
        except (KqlError, LakeError, OSError) as error:
            fault = not isinstance(error, KqlError) or error.kind != "invalid"
            return Outcome(rule, window, 0, (), str(error), time.perf_counter() - began, fault)

    def tables(self, rule: Rule) -> frozenset[str]:
        """The tables that a rule reads, as far as its text says; none where it does not compile."""
        with self.lake.catalog(workspace=self.workspace) as catalog:
            try:
                compile_results(rule.query, catalog)
            except KqlError:
                return frozenset()
            return frozenset(table for _, table in catalog.versions())

    def _rows(self, rule: Rule, window: Window, now: datetime) -> tuple[int, list[Finding]]:
        """The last result's rows; rows that come while the rule runs wait for a later run."""
        span = Span(window.start, window.end, now)
        table = self.lake.rows(
            rule.query, workspace=self.workspace, now=window.end, timeout=self.timeout, span=span
        )
        return table.num_rows, list(findings(table, MOST_ROWS))
