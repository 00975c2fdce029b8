"""Runs the rows that lie beside rules (`<name>.test.yaml`): those a rule must raise alerts for, and those it must leave alone.

A test file is `cases`: each with a `note`, `tables` (table -> rows), `alerts` (how many; 0 = none) and, where they matter, the
`entities` of all alerts together ("Account kim@contoso.com") and their `severity`. `watchlists` (alias -> search keys) is what
_GetWatchlist reads. `now` is when the window ends. In a column of datetimes a text such as -10m is that long before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from nephoscope.alerts.duration import duration
from nephoscope.alerts.finding import findings
from nephoscope.alerts.raising import raised
from nephoscope.alerts.rule import Rule, RuleError
from nephoscope.alerts.rules import document_of, found
from nephoscope.alerts.window import at
from nephoscope.lake.rows import arrow_of
from nephoscope.lake.shipped_functions import shipped_functions
from nephoscope.lake.tables import Tables
from nephoscope.state.workspace import Workspace
from nephoscope_kql.bind_tables import WATCHLIST
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.compile import compile_results
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType
from nephoscope_policy.model.place import Place

if TYPE_CHECKING:
    from nephoscope.alerts.rules import Refused
    from nephoscope.lake.table import Table
    from nephoscope.model.alert import Alert
    from nephoscope_kql.compile import Compiled

SUFFIX = ".test.yaml"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEYS = frozenset({"note", "tables", "watchlists", "alerts", "entities", "now", "severity"})


@dataclass(frozen=True, slots=True)
class Checked:
    """One case of a rule, or what is wrong with its file (`note` is then ''); `problem` is '' where it passed."""

    place: Place
    rule: str
    note: str = ""
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem


def check(folder: Path) -> list[Checked]:
    """Run the cases of every rule below a folder; a rule needs one that raises an alert and one that raises none."""
    known = found(folder)
    checked = [_refused(one) for one in known.refused]
    with Ground() as ground:
        for rule in known.rules:
            checked += _rule(rule, Path(rule.place.file), ground)
    return checked


def _refused(one: Refused) -> Checked:
    return Checked(one.place, Path(one.place.file).stem, problem="; ".join(one.reasons))


def _rule(rule: Rule, path: Path, ground: Ground) -> Iterator[Checked]:
    beside = path.with_name(path.stem + SUFFIX)
    if not beside.exists():
        yield Checked(
            rule.place, rule.name, problem=f"no rows to test it with: write {beside.name} beside it"
        )
        return
    try:
        document = document_of(beside)
    except RuleError as error:
        yield Checked(error.place, rule.name, problem="; ".join(error.reasons))
        return
    cases = document.get("cases") if isinstance(document, dict) else None
    place = Place(str(beside))
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        yield Checked(place, rule.name, problem="a test file is `cases:`, a list")
        return
    for number, case in enumerate(cases):
        yield _case(rule, case, replace(place, path=f"cases[{number}]"), ground)
    if not any(case.get("alerts") for case in cases) or all(case.get("alerts") for case in cases):
        yield Checked(place, rule.name, problem="it needs rows that raise an alert, and rows that raise none")


def _case(rule: Rule, case: Mapping[str, Any], place: Place, ground: Ground) -> Checked:
    note = str(case.get("note", ""))
    if unknown := sorted(case.keys() - KEYS):
        return Checked(
            place, rule.name, note, f"unknown key {unknown[0]}: a case has {', '.join(sorted(KEYS))}"
        )
    try:
        return Checked(place, rule.name, note, _problem(rule, case, ground))
    except (KqlError, ValueError) as error:
        return Checked(place, rule.name, note, str(error))


def _problem(rule: Rule, case: Mapping[str, Any], ground: Ground) -> str:
    alerts = ground.alerts_of(rule, case)
    if len(alerts) != case.get("alerts"):
        return f"{len(alerts)} alerts, wanted {case.get('alerts')}"
    names = sorted({f"{entity.kind} {entity.title}" for alert in alerts for entity in alert.entities})
    if "entities" in case and names != sorted(case["entities"]):
        return f"entities {', '.join(names) or 'none'}, wanted {', '.join(case['entities'])}"
    severities = sorted({alert.severity.value for alert in alerts})
    if "severity" in case and severities != [case["severity"]]:
        return f"severity {', '.join(severities)}, wanted {case['severity']}"
    return ""


class Ground:
    """What cases are run on, one after another: an engine, and what is known of tables; close it when done, or use it with `with`."""

    def __init__(self) -> None:
        self._engine = DuckDBEngine(threads=1)
        self._tables = Tables.builtin()
        # rows in memory lie in no folders of days
        self._known = {one.name: replace(one.seen_as(one.name), day=("", "")) for one in self._tables}
        self._compiled: dict[tuple[str, datetime, tuple[str, ...]], Compiled] = {}

    def alerts_of(self, rule: Rule, case: Mapping[str, Any], later: timedelta = timedelta()) -> list[Alert]:
        """The alerts that a case raises in a window that ends `later` than the case says, over the same rows."""
        now = datetime.fromisoformat(str(case["now"])).astimezone(UTC) if "now" in case else NOW
        end = now + later
        return raised(rule, at(rule, end), list(findings(self._result(rule, case, now, end))), end)

    def _result(self, rule: Rule, case: Mapping[str, Any], now: datetime, end: datetime) -> pa.Table:
        """What the query gives over the rows; every other table that is known is there and empty."""
        tables, given, lists = self._tables, case.get("tables") or {}, case.get("watchlists") or {}
        if unknown := sorted(given.keys() - tables.by_name.keys()):
            raise ValueError(f"no table is named {unknown[0]}")
        compiled = self._query(rule.query, end, tuple(sorted(lists)))
        # shipped functions read tables that the rule does not name
        used = {name for name in tables.by_name if name in rule.query or name in compiled.reads}
        rows = {name: _rows(tables[name], given.get(name, ()), now) for name in sorted({*used, *given})}
        rows |= {f"watchlist/{alias}": _listed(keys, now) for alias, keys in lists.items()}
        with self._engine.lent(rows):
            return self._engine.run(compiled)

    def _query(self, query: str, end: datetime, lists: tuple[str, ...]) -> Compiled:
        """A rule's query, compiled once for its cases."""
        kept = self._compiled.get((query, end, lists))
        if kept is None:
            listed = {alias: TableSchema(alias, WATCHLIST, f"watchlist/{alias}") for alias in lists}
            catalog = MemoryCatalog(self._known, shipped_functions(), listed)
            kept = self._compiled[query, end, lists] = compile_results(query, catalog, now=end)[-1]
        return kept

    def close(self) -> None:
        """Give up the engine."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _listed(keys: Sequence[object], now: datetime) -> pa.Table:
    """The rows of a watchlist with nothing but search keys."""
    stamps = pa.array([now.replace(tzinfo=None)] * len(keys), pa.timestamp("us"))
    names = pa.array([str(key) for key in keys], pa.string())
    return pa.table([names, stamps, names], names=[name for name, _ in WATCHLIST])


def _rows(table: Table, given: Any, now: datetime) -> pa.Table:
    rows = [
        {name: _moment(table.types.get(name), value, now) for name, value in row.items()} for row in given
    ]
    made = arrow_of(table, rows, workspace=Workspace.named("test"), now=now)
    if made.bad:
        place, reason = made.bad[0]
        raise ValueError(f"{table.name}[{place}]: {reason}")
    strange = sorted({name for row in rows for name in row} - table.types.keys())
    if strange:
        raise ValueError(f"{table.name} has no column {strange[0]}")
    return made.table


def _moment(kind: KqlType | None, value: Any, now: datetime) -> Any:
    """`-10m` in a column of datetimes as the moment it means."""
    if kind is KqlType.DATETIME and isinstance(value, str) and value.startswith("-"):
        return now - duration(value[1:])
    return value
