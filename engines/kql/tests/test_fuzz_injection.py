"""Text of a query never reaches SQL but inside literals: hostile texts in every place where a text or a name stands."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlglot
import yaml
from sqlglot.tokens import TokenType

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.errors import KqlError

CASES = yaml.load(
    (Path(__file__).parent / "cases/injection.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
MARK = "zqx9"
"""A word that no SQL of ours holds."""
PAYLOADS = [payload.replace("MARK", MARK) for payload in CASES["payloads"]]
QUOTED = {TokenType.STRING, TokenType.NATIONAL_STRING}


def literal(text: str) -> str:
    """A KQL string that holds a text."""
    escaped = (
        text.replace("\\", "\\\\")
        .replace("'", "\\'")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\0", "\\0")
    )
    return f"'{escaped}'"


def rows() -> pa.Table:
    fields = [pa.field(name, kind) for name, kind in (("a", pa.string()), ("n", pa.int64()))]
    dynamic = pa.field("d", pa.string(), metadata={b"kql.type": b"dynamic"})
    values = [["x", f"' {MARK}"], [1, 2], ['{"k":1}', None]]
    return pa.Table.from_arrays([pa.array(one) for one in values], schema=pa.schema([*fields, dynamic]))


@pytest.fixture(scope="module")
def engine():
    with DuckDBEngine({"T": rows()}, threads=1) as made:
        yield made


@pytest.fixture(scope="module")
def catalog() -> MemoryCatalog:
    return build_arrow_catalog({"T": rows()})


def outside_literals(sql: str) -> list[str]:
    """The tokens of SQL that hold the mark and are no string literals."""
    tokens = sqlglot.tokenize(sql, dialect="duckdb")
    return [token.text for token in tokens if MARK in token.text.lower() and token.token_type not in QUOTED]


def checked(query: str, engine: DuckDBEngine, catalog: MemoryCatalog) -> pa.Table | None:
    """The rows of a query whose SQL is one SELECT with the mark in literals alone; None where the query is refused."""
    try:
        compiled = kql.compile(query, catalog)
    except KqlError:
        return None
    assert outside_literals(compiled.sql) == []
    statements = duckdb.extract_statements(compiled.sql or "SELECT 1")
    assert [str(one.type).rpartition(".")[2] for one in statements] == ["SELECT"]
    for routine in compiled.routines:
        assert MARK not in getattr(routine, "create", "")
    try:
        return engine.run(compiled, timeout=20)
    except KqlError:
        return None


@pytest.mark.sampled(4)
@pytest.mark.parametrize("template", CASES["templates"])
def test_texts_stay_literals(template, engine, catalog):
    ran = 0
    for payload in PAYLOADS:
        found = checked(template.replace("PAYLOAD", literal(payload)), engine, catalog)
        ran += found is not None
    assert ran or template in CASES["refused"]


@pytest.mark.parametrize("template", CASES["names"])
def test_names_stay_out_of_sql(template, engine, catalog):
    for payload in PAYLOADS:
        found = checked(template.replace("NAME", f"[{literal(payload)}]"), engine, catalog)
        if found is not None:
            assert payload in found.column_names or payload not in template


@pytest.mark.parametrize("template", CASES["raw"])
def test_raw_text_is_refused_or_harmless(template, engine, catalog):
    for payload in PAYLOADS:
        checked(template.replace("PAYLOAD", payload), engine, catalog)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_comes_back_as_it_was(payload, engine, catalog):
    query = f"print a = {literal(payload)}, b = strcat({literal(payload)}, ''), c = tostring(dynamic([{literal(payload)}])[0])"
    found = checked(query, engine, catalog)
    assert found is not None
    assert found.to_pylist() == [{"a": payload, "b": payload, "c": payload}]


@pytest.mark.parametrize("payload", [one for one in PAYLOADS if "\0" not in one])
def test_stored_names_are_quoted(payload):
    table = pa.table({payload: ["v"]})
    with DuckDBEngine({"T": table, payload: table}, threads=1) as engine:
        known = build_arrow_catalog({"T": table, payload: table})
        for query in (f"T | where [{literal(payload)}] == 'v'", f"[{literal(payload)}] | count"):
            compiled = kql.compile(query, known)
            assert len(duckdb.extract_statements(compiled.sql)) == 1
            assert engine.run(compiled).num_rows == 1
