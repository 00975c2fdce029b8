"""What stands beside a term is judged by small patterns as by the one of all letters and digits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest

from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.compile import compile_query
from nephoscope_kql.engines.arrow_types import read_table_schema
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.functions.term_boundaries import APART
from nephoscope_kql.functions.text_operators import build_any_term_pattern, build_term_pattern

#: Ideographs that Arrow's newer tables of Unicode know as letters.
_NEWER = range(0x2EBF0, 0x2EE5E)
_NOW = datetime(2026, 12, 1, tzinfo=UTC)


def _characters() -> Iterator[str]:
    """Every character up to the ideographs, and samples of the others."""
    for one in [*range(1, 0x3500), *range(0x3500, 0x110000, 37)]:
        if not 0xD800 <= one < 0xE000 and one not in _NEWER:
            yield chr(one)


_TEXTS = [text for one in _characters() for text in (f"{one}Net", f"net{one}", f"x {one}NET{one} net2")]
_CASES = (
    ("x has 'net'", build_term_pattern("net", "has", False)),
    ("x has_cs 'net'", build_term_pattern("net", "has", True)),
    ("x hasprefix 'net'", build_term_pattern("net", "hasprefix", False)),
    ("x hassuffix_cs 'Net'", build_term_pattern("Net", "hassuffix", True)),
    ("x has 'et2'", build_term_pattern("et2", "has", False)),
    ("x has_any ('net', 'user')", build_any_term_pattern(["net", "user"], APART)),
    (
        f"x has_any ('net', {', '.join(repr(f'user{n}') for n in range(9))})",
        build_any_term_pattern(["net", *(f"user{n}" for n in range(9))], APART),
    ),
    ("x has 'é'", build_term_pattern("é", "has", False)),
)


@pytest.mark.parametrize(("condition", "pattern"), _CASES, ids=[one.partition(",")[0] for one, _ in _CASES])
def test_every_character_beside_a_term_is_judged_as_by_all_of_unicode(condition: str, pattern: str) -> None:
    table = pa.table({"x": _TEXTS})
    query = f"T | extend Found = {condition}, Missing = not({condition})"
    filtered = f"T | where {condition} | count"
    catalog = MemoryCatalog({"T": read_table_schema("T", table)})
    with DuckDBEngine({"T": table}) as engine:
        rows = engine.run(compile_query(query, catalog, now=_NOW)).to_pydict()
        count = engine.run(compile_query(filtered, catalog, now=_NOW)).column(0).to_pylist()
    wanted = _matched(table, pattern)
    assert dict(zip(rows["x"], rows["Found"], strict=True)) == dict(zip(_TEXTS, wanted, strict=True))
    assert rows["Missing"] == [not one for one in rows["Found"]]
    assert count == [sum(wanted)]


def _matched(table: pa.Table, pattern: str) -> list[bool]:
    with duckdb.connect() as connection:
        connection.register("texts", table)
        return [
            one
            for (one,) in connection.execute(
                "SELECT regexp_matches(x, $pattern) FROM texts", {"pattern": pattern}
            ).fetchall()
        ]
