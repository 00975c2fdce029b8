"""Stored functions that call themselves are refused with the way on which they do; one inside an argument of itself is none."""

from __future__ import annotations

import pytest

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog, StoredFunction
from nephoscope_kql.errors import CycleError
from nephoscope_kql.types import KqlType

FUNCTIONS = {
    "A": ("", "B | take 1"),
    "B": ("", "T | union A"),
    "Own": ("", "Own"),
    "Count": ("n: long", "Count(n - 1)"),
    "Inner": ("", "let f = () { Outer(1) }; f()"),
    "Outer": ("x: long", "Inner | extend y = x"),
    "Next": ("x: long", "x + 1"),
    "First": ("X: (id: long), n: long = 5", "X | take n"),
    "Twice": ("", "First(T) | union First(T, 2)"),
}
CATALOG = MemoryCatalog.of(
    {"T": {"id": KqlType.LONG}.items()},
    [StoredFunction(name, body, parameters) for name, (parameters, body) in FUNCTIONS.items()],
)


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ("A", "A -> B -> A"),
        ("T | union (A | where id > 1)", "A -> B -> A"),
        ("T | where id in (A)", "A -> B -> A"),
        ("Own()", "Own -> Own"),
        ("print Count(5)", "Count -> Count"),
        ("Outer(1)", "Outer -> Inner -> Outer"),
        ("T | invoke Inner()", "Inner -> Outer -> Inner"),
    ],
)
def test_the_way_is_told(query: str, way: str) -> None:
    with pytest.raises(CycleError, match=f"calls itself: {way}"):
        kql.compile(query, CATALOG)


@pytest.mark.parametrize(
    "query", ["print Next(Next(Next(1)))", "First(First(T), 1)", "Twice | invoke First(3)"]
)
def test_a_call_in_an_argument_is_no_cycle(query: str) -> None:
    kql.compile(query, CATALOG)


@pytest.mark.parametrize(
    "name", ["ago", "now", "prev", "materialize", "toscalar", "_GetWatchlist", "count", "strcat", "typeof"]
)
def test_a_stored_function_takes_the_place_of_nothing_in_the_language(name: str) -> None:
    catalog = MemoryCatalog.of({"T": {"id": KqlType.LONG}.items()}, [StoredFunction(name, "Missing", "")])
    for query in (
        "T | where now() > ago(1h) | sort by id | extend p = prev(id), s = strcat('a', id)",
        "let x = materialize(T); print toscalar(x | summarize count()), typeof(long)",
        "_GetWatchlist('a')",
    ):
        kql.compile(query, catalog)
