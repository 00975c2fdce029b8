"""Runs the cases of rules (`<name>.test.yaml` beside each): those a rule must raise alerts for, and those it must leave alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from nephoscope.alerts.detection.build_alerts import build_alerts
from nephoscope.alerts.documents.duration import parse_duration
from nephoscope.alerts.rule_tests.rule_test_file import RuleTestCase, build_cases_path, find_line, read_cases
from nephoscope.alerts.rules.query_result import iterate_findings
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError
from nephoscope.alerts.rules.rule_files import find_rules
from nephoscope.alerts.rules.window import build_window
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.query_engine import EngineLimits, EngineRows, open_engine
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.binder.tables import WATCHLIST
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.compile import compile_results
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType
from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule_files import RefusedRule
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.model.alert import Alert
    from nephoscope_kql.compile import CompiledQuery

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """One case of a rule, or what is wrong with its file (`note` is then ''); `problem` is '' where it passed."""

    place: Place
    rule: str
    note: str = ""
    problem: str = ""

    @property
    def has_passed(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problem


class CaseRowError(ValueError):
    """A row of a case that its table cannot hold."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(reason)
        self.place = place


def check_folder(folder: Path) -> list[RuleTestResult]:
    """Run the cases of every rule below a folder; a rule needs one that raises an alert and one that raises none."""
    with RuleTestRunner() as ground:
        return run_folder_tests(ground, folder)


def run_folder_tests(ground: RuleTestRunner, folder: Path) -> list[RuleTestResult]:
    """Run the cases of every rule below a folder on an engine that others use too."""
    known = find_rules(folder)
    checked = [_build_refused_result(one) for one in known.refused]
    for rule in known.rules:
        checked += check_rule(ground, rule)
    return checked


def _build_refused_result(one: RefusedRule) -> RuleTestResult:
    return RuleTestResult(one.place, Path(one.place.file).stem, problem="; ".join(one.reasons))


def check_rule(ground: RuleTestRunner, rule: AnalyticRule) -> Iterator[RuleTestResult]:
    """Run the cases of one rule."""
    beside = build_cases_path(Path(rule.place.file))
    if not beside.exists():
        yield RuleTestResult(
            rule.place, rule.name, problem=f"no rows to test it with: write {beside.name} beside it"
        )
        return
    try:
        cases = read_cases(beside)
    except AnalyticRuleError as error:
        yield RuleTestResult(error.place, rule.name, problem="; ".join(error.reasons))
        return
    for case in cases:
        yield _run_case(rule, case, ground)
    if not any(case.alerts for case in cases) or all(case.alerts for case in cases):
        yield RuleTestResult(
            Place(str(beside)),
            rule.name,
            problem="it needs rows that raise an alert, and rows that raise none",
        )


def _run_case(rule: AnalyticRule, case: RuleTestCase, ground: RuleTestRunner) -> RuleTestResult:
    try:
        problem = _find_case_problem(rule, case, ground)
    except CaseRowError as error:
        return RuleTestResult(find_line(error.place), rule.name, case.note, str(error))
    except (KqlError, ValueError) as error:
        problem = str(error)
    return RuleTestResult(find_line(case.place) if problem else case.place, rule.name, case.note, problem)


def _find_case_problem(rule: AnalyticRule, case: RuleTestCase, ground: RuleTestRunner) -> str:
    return find_problem(case, ground.raise_alerts(rule, case))


def find_problem(case: RuleTestCase, alerts: Sequence[Alert]) -> str:
    """Return what is wrong with the alerts that a case raised ('' = nothing)."""
    if len(alerts) != case.alerts:
        return f"{len(alerts)} alerts, wanted {case.alerts}"
    names = sorted({f"{entity.kind} {entity.title}" for alert in alerts for entity in alert.entities})
    if case.entities is not None and names != sorted(case.entities):
        return f"entities {', '.join(names) or 'none'}, wanted {', '.join(case.entities)}"
    severities = sorted({alert.severity.value for alert in alerts})
    if case.severity is not None and severities != [case.severity]:
        return f"severity {', '.join(severities)}, wanted {case.severity}"
    return ""


class RuleTestRunner:
    """Runner of rule test cases, one at a time: an engine and the table schemas; close it, or use it with `with`.

    `small`: run queries without optimization, which is faster for few rows.
    """

    def __init__(self, *, small: bool = True) -> None:
        self.engine = open_engine(EngineRows(), EngineLimits(threads=1, small=small))
        self._tables = Tables.builtin()
        self._known = {one.name: _build_schema(one) for one in Tables.from_definitions()}
        self._compiled: dict[tuple[str, datetime, tuple[str, ...]], CompiledQuery] = {}

    def raise_alerts(
        self, rule: AnalyticRule, case: RuleTestCase, later: timedelta = timedelta()
    ) -> list[Alert]:
        """The alerts that a case raises in a window that ends `later` than the case says, over the same rows."""
        now = find_case_end(case)
        compiled = self.compile(rule, case, now + later)
        with self.engine.register_temporarily(self.build_case_tables(rule, case, compiled)):
            found = self.engine.run(compiled)
        return raise_alerts(rule, found, now + later)

    def compile(self, rule: AnalyticRule, case: RuleTestCase, end: datetime) -> CompiledQuery:
        """Return a rule's query for a window's end and the watchlists of a case, compiled once for all such cases."""
        lists = tuple(sorted(case.watchlists))
        kept = self._compiled.get((rule.query, end, lists))
        if kept is None:
            listed = {alias: TableSchema(alias, WATCHLIST, f"watchlist/{alias}") for alias in lists}
            catalog = MemoryCatalog(
                self._known | self._find_published_tables(rule), load_shipped_functions(), listed
            )
            kept = self._compiled[rule.query, end, lists] = compile_results(rule.query, catalog, now=end)[-1]
        return kept

    def _find_published_tables(self, rule: AnalyticRule) -> dict[str, TableSchema]:
        """The tables that a query names and that have no definition here; a wildcard does not match others of these."""
        names = set(_WORD.findall(rule.query)) & self._tables.by_name.keys() - self._known.keys()
        return {name: _build_schema(self._tables[name]) for name in names}

    def build_case_tables(
        self, rule: AnalyticRule, case: RuleTestCase, compiled: CompiledQuery
    ) -> dict[str, pa.Table]:
        """Return the rows of a case by table; the other tables that the query reads are there and empty."""
        tables, now = self._tables, find_case_end(case)
        if unknown := sorted(case.tables.keys() - tables.by_name.keys()):
            raise ValueError(f"table {unknown[0]!r} not found")
        # shipped functions read tables that the rule does not name
        words = set(_WORD.findall(rule.query))
        used = {name for name in tables.by_name if name in words or name in compiled.reads}
        rows = {name: _build_rows(tables[name], case, now) for name in sorted({*used, *case.tables})}
        return rows | {
            f"watchlist/{alias}": _make_watchlist_rows(keys, now) for alias, keys in case.watchlists.items()
        }

    def close(self) -> None:
        """Give up the engine."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def find_case_end(case: RuleTestCase) -> datetime:
    """Return when the window of a case ends."""
    return datetime.fromisoformat(case.now).astimezone(UTC) if case.now else NOW


def raise_alerts(rule: AnalyticRule, found: pa.Table, end: datetime) -> list[Alert]:
    """Return the alerts of what a rule's query found in a window."""
    return build_alerts(rule, build_window(rule, end), list(iterate_findings(found)), end)


def _build_schema(table: LakeTable) -> TableSchema:
    """The schema of rows in memory: they lie in no folders of days."""
    return replace(table.to_schema(table.name), day=("", ""))


def _make_watchlist_rows(keys: Sequence[object], now: datetime) -> pa.Table:
    """The rows of a watchlist with nothing but search keys."""
    stamps = pa.array([now.replace(tzinfo=None)] * len(keys), pa.timestamp("us"))
    names = pa.array([str(key) for key in keys], pa.string())
    return pa.table([names, stamps, names], names=[name for name, _ in WATCHLIST])


def _build_rows(table: LakeTable, case: RuleTestCase, now: datetime) -> pa.Table:
    rows = [
        {name: _resolve_time(table.types.get(name), value, now) for name, value in row.items()}
        for row in case.tables.get(table.name, ())
    ]
    for number, row in enumerate(rows):
        if strange := sorted(row.keys() - table.types.keys()):
            raise CaseRowError(
                case.find_row_place(table.name, number), f"{table.name} has no column {strange[0]}"
            )
    made = to_arrow_rows(table, rows, workspace=Workspace.from_name("test"), now=now)
    if made.bad:
        number, reason = made.bad[0]
        raise CaseRowError(case.find_row_place(table.name, number), f"{table.name}: {reason}")
    return made.table


def _resolve_time(kind: KqlType | None, value: object, now: datetime) -> object:
    """`-10m` in a column of datetimes as the moment it means."""
    if kind is KqlType.DATETIME and isinstance(value, str) and value.startswith("-"):
        return now - parse_duration(value[1:])
    return value
