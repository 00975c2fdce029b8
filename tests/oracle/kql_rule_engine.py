"""One rule in a worker process: compiled, run on empty tables, on hostile rows, and beside the witness."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import kql_engine
import kql_recording
import kql_rule_files
from kql_compare import Result, UnreadableError, compare_rows
from kql_hostile import hostile
from rowwise import UnwitnessedError

import nephoscope_kql as kql
from nephoscope_kql.catalog import Catalog, MemoryCatalog, StoredFunction, TableSchema
from nephoscope_kql.engines.arrow_types import read_table_schema
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pyarrow as pa


PATIENCE = 60.0
"""Seconds for a query of a rule, planning included, on a loaded machine."""


class Asked:
    """A catalog that remembers which tables were asked for."""

    def __init__(self, catalog: MemoryCatalog) -> None:
        self.catalog = catalog
        self.tables: dict[str, TableSchema] = {}

    def find_table(self, name: str) -> TableSchema | None:
        found = self.catalog.find_table(name)
        if found is not None:
            self.tables[name] = found
        return found

    def find_function(self, name: str) -> StoredFunction | None:
        return self.catalog.find_function(name)

    def names(self) -> Iterable[str]:
        return self.catalog.names()

    def known_tables(self) -> Iterable[str]:
        return self.catalog.known_tables()

    def find_watchlist(self, alias: str) -> TableSchema | None:
        return self.catalog.find_watchlist(alias)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        return self.catalog.resolve_place(kind, name)


class NoFiles:
    """Every location of externaldata is an empty file: rules run on empty tables, without a network."""

    def read(self, location: str) -> bytes:
        return b""


def catalog(corpus: Path) -> MemoryCatalog:
    """The tables of table_schemas.json, stored as Arrow tables are, and the corpus's workspace functions."""
    schemas = json.loads((corpus / "kql/table_schemas.json").read_text(encoding="utf-8"))
    tables = {
        name: read_table_schema(name, kql_engine.arrow(Result(tuple(columns.items()), ())))
        for name, columns in schemas.items()
    }
    known = {
        name: StoredFunction(name, body, given) for name, given, body in kql_rule_files.functions(corpus)
    }
    return MemoryCatalog(tables, known)


def assess(
    corpus: Path, engine: str, rows: int, lacking: frozenset[str] = frozenset()
) -> Callable[[kql_rule_files.Rule], kql_rule_files.Outcome]:
    """What a worker does with a rule; `lacking` are functions that the recording did not have."""
    if engine == "empty":
        return lambda rule: columns_of(rule, ())
    if engine == "error":
        return lambda rule: kql_rule_files.Outcome("compile", "refused")
    known = catalog(corpus)
    recorded = kql_recording.without(known, lacking)

    def run(rule: kql_rule_files.Rule) -> kql_rule_files.Outcome:
        asked = Asked(known)
        try:
            compiled = kql.compile(rule.query, asked, now=kql_engine.NOW)
        except KqlError as error:
            return kql_rule_files.Outcome("compile", str(error))
        except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
            return kql_rule_files.Outcome("crash", f"{type(error).__name__}: {error}")
        why = failure(compiled, {name: Result(schema.columns, ()) for name, schema in asked.tables.items()})[
            1
        ]
        if why:
            return kql_rule_files.Outcome("run", why)
        outcome = columns_of(rule, compiled.columns)
        if lacking & kql_recording.named(rule.query):
            as_recorded(rule, recorded, outcome)
        if rows:
            on_hostile_rows(rule, compiled, asked, rows, outcome)
        return outcome

    return run


def as_recorded(rule: kql_rule_files.Rule, recorded: MemoryCatalog, outcome: kql_rule_files.Outcome) -> None:
    """Judge a rule that calls what the recording lacked: an error without it, or the columns that do not come from it."""
    outcome.lacked = True
    try:
        compiled = kql.compile(rule.query, recorded, now=kql_engine.NOW)
    except KqlError as error:
        if rule.errors:
            outcome.stage, outcome.why = "compile", str(error)
        return
    if rule.columns is not None:
        names = [name for name, _ in compiled.columns]
        bare = replace(rule, columns=kql_recording.resolved(rule.columns, names))
        found = columns_of(bare, compiled.columns)
        outcome.stage, outcome.why = found.stage, found.why


def failure(compiled: kql.CompiledQuery, tables: dict[str, Result]) -> tuple[pa.Table | None, str]:
    """The rows over tables, and why there are none."""
    given = {name: kql_engine.arrow(table) for name, table in tables.items()}
    try:
        with DuckDBEngine(given, threads=1, external=NoFiles()) as engine:
            return engine.run(compiled, timeout=PATIENCE), ""
    except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
        return None, f"{type(error).__name__}: {error}"


def columns_of(rule: kql_rule_files.Rule, columns: Iterable[tuple[str, str]]) -> kql_rule_files.Outcome:
    """Whether the columns are the recorded ones; a recorded `unknown` matches any type."""
    got = [(name, str(kind)) for name, kind in columns]
    if rule.columns is None:
        return kql_rule_files.Outcome("columns", "Microsoft's analyzer refuses it", columns=got)
    unknown = sum(kind == "unknown" for _, kind in rule.columns)
    names, wanted = [name for name, _ in got], [name for name, _ in rule.columns]
    if names != wanted:
        extra, lacking = (
            [name for name in names if name not in wanted],
            [name for name in wanted if name not in names],
        )
        difference = (
            f"not wanted {extra[:6]}, missing {lacking[:6]}" if extra or lacking else "in another order"
        )
        return kql_rule_files.Outcome("columns", f"names: {difference}", unknown, columns=got)
    wrong = [
        f"{name} {kind}, recorded {other}"
        for (name, kind), (_, other) in zip(got, rule.columns, strict=True)
        if other not in (kind, "unknown")
    ]
    return kql_rule_files.Outcome("columns" if wrong else "done", "; ".join(wrong[:6]), unknown, columns=got)


def on_hostile_rows(
    rule: kql_rule_files.Rule,
    compiled: kql.CompiledQuery,
    asked: Asked,
    count: int,
    outcome: kql_rule_files.Outcome,
) -> None:
    """Run on hostile rows and compare with the witness."""
    words = kql_rule_files.literals(rule.query)
    tables = {
        name: hostile(
            [(column, str(kind)) for column, kind in schema.columns], count, f"{rule.path}/{name}", words
        )
        for name, schema in asked.tables.items()
    }
    found, outcome.hostile = failure(compiled, tables)
    if found is None:
        return
    outcome.rows = found.num_rows
    outcome.witness = against_the_witness(rule, asked, tables, found)


def against_the_witness(
    rule: kql_rule_files.Rule, asked: Asked, tables: dict[str, Result], found: pa.Table
) -> str:
    """'agrees', 'differs: why', 'unknown: what the witness does not know', or 'open: why'.

    Open are those where the language leaves a choice (see Witness), and none that was tried gives the engine's rows.
    """
    from kql_witness import answers

    wrong, tried = "", 0
    try:
        got = kql_engine.read(found)
        for witness in answers(rule.query, tables, asked):
            why = difference(got, witness, rule.query)
            if not why:
                return "agrees"
            wrong, tried = wrong or why, tried + 1
    except UnwitnessedError as error:
        return f"unknown: {error}"
    except UnreadableError as error:
        return f"differs: {error}"
    except Exception as error:  # noqa: BLE001 - a runner's border: the witness's own failure is shown as a difference
        return f"differs: the witness fails: {type(error).__name__}: {error}"
    return f"differs: {wrong}" if tried == 1 else f"open: {wrong}"


def difference(got: Result, witness: Result, query: str) -> str:
    """Why the rows are not the witness's; '' where they are."""
    if len(got.rows) != len(witness.rows):
        return f"{len(got.rows)} rows, witness {len(witness.rows)}"
    return compare_rows(got, witness.rows, query)
