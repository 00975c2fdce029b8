"""Every function and aggregate by tables: tests/cases/functions, a file a family, `name: [[expression, type, value], ...]`."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
import yaml
from written import shown, together

import nephoscope_kql as kql
from nephoscope_kql.registry import load_aggregates, load_functions

TABLES = Path(__file__).parents[1] / "cases/functions"
FILES = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for path in sorted(TABLES.glob("*.yaml"))
}
CASES = [(name, case) for file in FILES.values() for name, cases in file.items() for case in cases]
REFUSED = {"hash_many", "geo_info_from_ip_address"}
"""Those that need what the project does not have: see tests of their own."""


@cache
def answers(file: str) -> dict[tuple[str, ...], tuple[str, object]]:
    """Type and value of every expression of a file, those over the same rows in one query."""
    wanted = defaultdict(list)
    for case in (case for cases in FILES[file].values() for case in cases):
        wanted[case[3] if len(case) > 3 else None].append(case[0])
    return {
        (text, rows): answer
        for rows, texts in wanted.items()
        for text, answer in zip(texts, together(texts, rows), strict=True)
    }


def same(got, wanted) -> bool:
    if isinstance(got, float) and isinstance(wanted, float):
        return math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-12)
    if type(got) is not type(wanted):
        return False
    if isinstance(got, list):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(got, dict):
        return got.keys() == wanted.keys() and all(same(got[key], wanted[key]) for key in got)
    return got == wanted


@pytest.mark.parametrize(("file", "name"), [(file, name) for file in FILES for name in FILES[file]])
def test_a_function_gives_what_its_table_says(file: str, name: str) -> None:
    for expression, kind, wanted, *rows in FILES[file][name]:
        found, value = answers(file)[expression, rows[0] if rows else None]
        assert found == kind, expression
        assert same(shown(found, value), wanted), (expression, shown(found, value))


def test_every_function_and_aggregate_has_a_case() -> None:
    tested = {name for name, _ in CASES}
    known = {item.name for item in (*load_functions().values(), *load_aggregates().values())}
    shown_ones = {item.name for item in load_functions().values() if not item.hidden}
    assert {
        name for name in shown_ones | {item.name for item in load_aggregates().values()} if name[0] != "_"
    } - tested == REFUSED
    assert tested <= known


@pytest.mark.parametrize(
    "name", [name for name, item in load_functions().items() if item.hidden and name.isidentifier()]
)
def test_a_query_cannot_name_what_operators_are_made_of(name: str) -> None:
    with pytest.raises(kql.KqlError) as caught:
        kql.run(f"print {name}('a', 1)")
    assert caught.value.kind == "invalid"
    assert caught.value.column == 7
    assert caught.value.message.startswith(("no function is named", "expected the name of a function"))


def test_most_tables_ask_for_null_or_empty_values() -> None:
    texts = {}
    for name, case in CASES:
        texts.setdefault(name, []).append(case)
    odd = [
        name for name, cases in texts.items() if any("null" in str(case) or "''" in case[0] for case in cases)
    ]
    assert len(odd) > len(texts) // 3
