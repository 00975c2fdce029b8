"""Plugins beyond their cases: the registry, the probe, what compiling knows, searches against trying everything."""

from __future__ import annotations

import itertools
from typing import Any

import pyarrow as pa
import pytest
import rowwise_mining
from hypothesis import given, settings
from hypothesis import strategies as st

import nephoscope_kql as kql
from nephoscope_kql.bind import bind_query_tree
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.parser import parse
from nephoscope_kql.plan.relations import Materialized
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.plugin_reference_page import render_page
from nephoscope_kql.plugin_registry import load_plugins
from nephoscope_kql.plugins.pattern_plugins import find_baskets, find_clusters, find_differences

UNPACKED = "print d = dynamic({'a': 1, 'b': 'x'}) | evaluate bag_unpack(d)"


def test_every_plugin_says_what_it_is() -> None:
    for name, plugin in load_plugins().items():
        assert plugin.signature.startswith(f"{name}(")
        assert plugin.summary.endswith((".", "()."))
        assert (plugin.bind is None) == bool(plugin.reason)
        assert (
            plugin.is_internal
            or f"| `{plugin.signature}` | {plugin.summary} | {plugin.status} |" in render_page()
        )


@pytest.mark.parametrize("name", sorted(name for name, one in load_plugins().items() if one.bind is None))
def test_a_refused_plugin_is_refused_by_name(name: str) -> None:
    with pytest.raises(kql.KqlError) as caught:
        kql.compile(f"print a = 1 | evaluate {name}('x')", MemoryCatalog())
    assert caught.value.kind == "unsupported"
    assert f"the plugin {name}" in str(caught.value)
    assert (caught.value.line, caught.value.column) == (1, 24)


def test_compiling_knows_the_columns_that_do_not_depend_on_rows() -> None:
    compiled = kql.compile(f"{UNPACKED} | extend n = 1 | where c == 5", MemoryCatalog())
    assert compiled.columns == (("n", "long"), ("c", "dynamic"))
    assert compiled.sql == ""
    assert compiled.resume is not None


def test_a_declared_schema_needs_no_rows() -> None:
    compiled = kql.compile(f"{UNPACKED} : (*, a: long)", MemoryCatalog())
    assert compiled.columns == (("a", "long"),)
    assert compiled.resume is None
    assert compiled.sql


def test_an_engine_finishes_what_compiling_left_open_and_forgets_what_it_kept() -> None:
    text = (
        "T | summarize d = make_bag(bag_pack(k, v)) | evaluate bag_unpack(d) | extend n = 1 "
        "| evaluate pivot(y, sum(n)) | count"
    )
    table = pa.table({"k": ["x", "y"], "v": [1, 2]})
    with DuckDBEngine({"T": table}) as engine:
        compiled = kql.compile(text, build_arrow_catalog({"T": table}))
        assert engine.run(compiled).to_pylist() == [{"Count": 1}]
        assert engine.run(compiled).to_pylist() == [{"Count": 1}]
        left = kql.compile("T | count", build_arrow_catalog({"T": table}))
        assert engine.run(left).to_pylist() == [{"Count": 2}]
        assert engine._connection.sql("SELECT * FROM duckdb_tables()").fetchall() == []


def test_an_error_behind_a_plugin_has_its_place() -> None:
    with pytest.raises(kql.KqlError) as caught:
        kql.run(f"{UNPACKED}\n| extend n = b + 1d")
    assert caught.value.line == 2


class Recorder:
    """A probe that says which relations were kept."""

    def __init__(self) -> None:
        self.kept: list[Relation] = []

    def fetch_rows(self, relation: Relation) -> list[tuple[Any, ...]]:
        return [("a", "BIGINT")]

    def materialize(self, relation: Relation) -> Relation:
        self.kept.append(relation)
        return Materialized(columns=relation.columns, order=relation.order, name="kept")


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("T", 0),
        ("T | where n > 1 | extend m = n + 1", 0),
        ("T | extend r = rand()", 1),
        ("T | extend p = parse_json(tostring(d))", 1),
        ("T | summarize d = take_any(d)", 1),
        ("T | join (T | project n) on n", 1),
        ("T | take 5", 1),
    ],
)
def test_rows_are_kept_where_reading_them_again_costs_more(before: str, kept: int) -> None:
    catalog = MemoryCatalog.of({"T": [("n", "long"), ("d", "dynamic")]})
    probe = Recorder()
    bound = bind_query_tree(parse(f"{before} | evaluate bag_unpack(d)"), catalog, probe=probe)
    assert len(probe.kept) == kept
    assert "a" in [column.name for column in bound.relation.columns]
    assert not bound.unseen


ROWS = st.lists(st.tuples(*[st.sampled_from(["a", "b", "c"])] * 4), min_size=1, max_size=12, unique=True)
WEIGHTS = st.integers(1, 4)


def arrays(rows: list[tuple[str, ...]], *weights: list[int]) -> list[pa.Array]:
    cells = [pa.array([row[place] for row in rows]) for place in range(4)]
    return [*cells, *(pa.array([float(item) for item in one]) for one in weights)]


def listed(columns: list[pa.Array]) -> list[list[Any]]:
    return [list(row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]


def close(found: list[list[Any]], wanted: list[list[Any]]) -> bool:
    return len(found) == len(wanted) and all(
        one == pytest.approx(other) if isinstance(one, float) else one == other
        for mine, yours in zip(found, wanted, strict=True)
        for one, other in zip(mine, yours, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_search_finds_what_trying_everything_finds(data: st.DataObject) -> None:
    rows = data.draw(ROWS)
    one, other = ([data.draw(WEIGHTS) for _ in rows] for _ in range(2))
    most, wildcards = data.draw(st.integers(1, 4)), ("", "", "", "*")
    weighted = [[*row, float(weight)] for row, weight in zip(rows, one, strict=True)]
    found = find_baskets(arrays(rows, one), 0.2, most, wildcards)
    assert close(listed(found), rowwise_mining.basket(weighted, 0.2, most, wildcards))
    both = [[*row, float(a), float(b)] for row, a, b in zip(rows, one, other, strict=True)]
    apart = find_differences(arrays(rows, one, other), 0.1, most, wildcards)
    assert close(listed(apart), rowwise_mining.diffpatterns(both, 0.1, most, wildcards))


@settings(max_examples=30, deadline=None)
@given(ROWS, st.floats(0.2, 0.8))
def test_a_cluster_is_a_pattern_of_the_rows(rows: list[tuple[str, ...]], size: float) -> None:
    found = listed(find_clusters(arrays(rows, [1] * len(rows)), size, 5, (None,) * 4))
    assert 1 <= len(found) <= 5
    for _, count, share, *cells in found:
        matching = [
            row for row in rows if all(cell in (None, value) for cell, value in zip(cells, row, strict=True))
        ]
        assert count == len(matching) > 0
        assert share == pytest.approx(100 * count / len(rows))


def test_a_search_of_too_many_sets_raises_its_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nephoscope_kql.plugins.frequent_patterns.MAX_SETS", 20)
    rows = list(itertools.product("ab", "cd", "ef", "gh"))
    found = listed(find_baskets(arrays(rows, [1] * 16), 0.05, 4, ("",) * 4))
    assert found
    assert all(count >= 4 for _, count, *_ in found)
