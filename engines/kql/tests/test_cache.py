"""The compile cache: one compilation a query, and never an answer that another catalog would have given."""

import datetime as dt

import pytest

import nephoscope_kql as kql
from nephoscope_kql.cache import CompileCache
from nephoscope_kql.catalog import MemoryCatalog, StoredFunction

SMALL = MemoryCatalog.of({"T": [("a", "long")], "T2": [("b", "long")]})
WIDE = MemoryCatalog.of({"T": [("a", "long"), ("b", "string")], "T2": [("b", "long")]})


def test_the_second_use_compiles_nothing() -> None:
    cache = CompileCache()
    first = cache.compile("T | where a > 1", SMALL)
    assert cache.compile("T | where a > 1", SMALL) == first == kql.compile("T | where a > 1", SMALL)
    assert (cache.hits, cache.misses, len(cache)) == (1, 1, 1)


def test_an_equal_catalog_is_as_good() -> None:
    cache = CompileCache()
    cache.compile("T", SMALL)
    cache.compile("T", MemoryCatalog.of({"T": [("a", "long")]}))
    assert cache.hits == 1


@pytest.mark.parametrize(
    ("query", "before", "after"),
    [
        ("T", SMALL, WIDE),
        ("union T*", SMALL, MemoryCatalog.of({"T": [("a", "long")], "T3": [("c", "real")]})),
        (
            "F",
            MemoryCatalog(functions={"F": StoredFunction("F", "print 1")}),
            MemoryCatalog(functions={"F": StoredFunction("F", "print 'x'")}),
        ),
        (
            "union isfuzzy=true T, Later",
            SMALL,
            MemoryCatalog.of({"T": [("a", "long")], "Later": [("z", "long")]}),
        ),
    ],
)
def test_a_catalog_that_answers_otherwise_is_asked_anew(
    query: str, before: MemoryCatalog, after: MemoryCatalog
) -> None:
    cache = CompileCache()
    cache.compile(query, before)
    found = cache.compile(query, after)
    assert cache.hits == 0
    assert found.columns == kql.compile(query, after).columns != kql.compile(query, before).columns


def test_now_is_that_of_the_use() -> None:
    cache = CompileCache()
    moments = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2)]
    found = [cache.compile("print now()", SMALL, now=moment).parameters["now"] for moment in moments]
    assert found[1] - found[0] == 864_000_000_000
    assert cache.hits == 1


def test_a_table_that_is_gone_is_an_error() -> None:
    cache = CompileCache()
    cache.compile("T2", SMALL)
    with pytest.raises(kql.KqlError, match="T2"):
        cache.compile("T2", MemoryCatalog.of({"T": [("a", "long")]}))


def test_the_least_recently_used_goes_first() -> None:
    cache = CompileCache(capacity=2)
    for query in ("print 1", "print 2", "print 1", "print 3", "print 1"):
        cache.compile(query, SMALL)
    assert (cache.hits, cache.misses, len(cache)) == (2, 3, 2)


def test_columns_that_depend_on_rows_are_compiled_at_each_use() -> None:
    cache = CompileCache()
    tables = MemoryCatalog.of({"B": [("bag", "dynamic")]})
    moments = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2)]
    found = [cache.compile("B | evaluate bag_unpack(bag)", tables, now=moment) for moment in moments]
    assert all(one.resume is not None for one in found)
    assert (cache.hits, len(cache)) == (0, 0)
