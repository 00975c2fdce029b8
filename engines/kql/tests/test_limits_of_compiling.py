"""What compiling a query may take: a deadline for its text, its names and its SQL, and texts that would grow without bounds."""

from __future__ import annotations

import pyarrow as pa
import pytest

import nephoscope_kql as kql
from nephoscope_kql.deadline import get_deadline, set_deadline_within
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine

ROWS = {"T": pa.table({"a": pa.array([1, 2], pa.int64()), "s": pa.array(["x", "y"])})}
CATALOG = build_arrow_catalog(ROWS)
TICK = 1e-9


def counted(text: str, count: int, between: str = ", ") -> str:
    """The text so many times, # in it the number and ` a quote."""
    return between.join(text.replace("`", "'").replace("#", str(number)) for number in range(count))


def doubled(first: str, text: str, last: str, count: int) -> str:
    """let x0 = first; let x1 = text; ... last, where `<` and `#` are the number before and the number."""
    lets = [f"let x0 = {first};"]
    lets += [f"let x{at} = {text.replace('<', str(at - 1)).replace('#', str(at))};" for at in range(1, count)]
    return "\n".join([*lets, last.replace("#", str(count - 1))])


LARGE = {
    "parentheses": "print " + "(" * 5000 + "1" + ")" * 5000,
    "functions in functions": "T | extend y = " + "substring(" * 60 + "s" + ", a)" * 60,
    "an unclosed nest": "T | where a in (" * 2000,
    "pipes": "T" + "|" * 5000,
    "members": "print a" + ".b" * 5000,
    "signs": "print " + "-" * 5000 + "1",
    "quotes": "print '" * 5000,
    "terms of in": f"T | where s in ({counted('`t#`', 10_000)})",
    "terms of has_any": f"T | where s has_any ({counted('`t#`', 10_000)})",
    "terms of has_all": f"T | where s has_all ({counted('`t#`', 10_000)})",
    "patterns": f"T | where {counted('s matches regex `a#.*b`', 3000, ' or ')}",
    "ranges": f"T | where ipv4_is_in_any_range(s, {counted('`10.1.0.#/32`', 256)}, {counted('`10.#.0.0/24`', 256)})",
    "columns": f"T | extend {counted('c# = a + #', 5000)}",
    "columns that are gone": f"T | extend {counted('c# = a', 3000)} | project-away {counted('c#', 3000)}",
    "steps": f"T {counted('| extend c# = a + #', 400, ' ')}",
    "unions": f"union {counted('(T | where a == #)', 500)}",
    "joins": f"T {counted('| join kind=inner T on a', 60, ' ')}",
    "branches of case": f"T | extend y = case({counted('a == #, `v#`', 3000)}, 'z')",
    "statements": f"{counted('let v# = #', 3000, ';')}; print v2999",
    "results": counted('T | where a == #', 300, ";"),
    "mistakes": f"T | where {counted('zz# == `#`', 3000, ' or ')}",
    "tables that double": doubled("T", "union x<, x<", "x# | count", 20),
    "joins that double": doubled("T", "x< | join x< on a | project a", "x# | count", 13),
    "values that double": doubled("now()", "x< + (x< - x<)", "print x#", 30),
    "functions that double": doubled("(x: long) { x + 1 }", "(x: long) { x<(x) + x<(x) }", "T | extend y = x#(a)", 30),
    "rows that double": doubled("(t: (a: long)) { t }", "(t: (a: long)) { x<(t) | union x<(t) }", "x#(T) | count", 30),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_large_query_is_compiled_or_refused(name: str) -> None:
    try:
        ended = kql.compile(LARGE[name], CATALOG).sql
    except kql.KqlError as error:
        ended = str(error)
    assert ended


@pytest.mark.parametrize("name", ["terms of in", "columns", "tables that double", "results", "steps"])
def test_compiling_ends_at_its_deadline(name: str) -> None:
    with pytest.raises(kql.KqlError, match=r"took longer than 1e-09 s") as late:
        kql.compile(LARGE[name], CATALOG, timeout=TICK)
    assert late.value.kind == "unsupported"


@pytest.mark.parametrize("query", ["T | where a > 1 | count", "T | evaluate bag_unpack(parse_json(s))"])
def test_a_run_counts_compiling(query: str) -> None:
    with pytest.raises(kql.KqlError, match=r"took longer than 1e-09 s"):
        kql.run(query, tables=ROWS, timeout=TICK)
    with pytest.raises(kql.KqlError, match=r"took longer than 1e-09 s"):
        kql.results(query, tables=ROWS, timeout=TICK)


def test_the_earlier_of_two_deadlines_holds() -> None:
    with set_deadline_within(1000) as outer:
        with set_deadline_within(2000) as later:
            assert later is outer
        with set_deadline_within(10) as earlier:
            assert get_deadline() is earlier
            assert earlier is not None
            assert earlier.seconds == 10
        with set_deadline_within(None) as same:
            assert same is outer
    assert get_deadline() is None


def test_a_value_of_rows_is_computed_once() -> None:
    query = doubled("toscalar(T | count)", "toscalar(T | where a > x< + x< | count)", "print x#", 40)
    compiled = kql.compile(query, CATALOG)
    assert len(compiled.sql) < 20_000
    rows = kql.run(query.replace("a >", "a <"), tables=ROWS)
    assert rows.column(0).to_pylist() == [2]


def test_values_of_rows_that_read_each_other() -> None:
    query = """
    let n = toscalar(T | count);
    let m = toscalar(T | where a < n | summarize sum(a));
    let k = toscalar(T | where a >= n - m | summarize make_list(strcat(s, m)));
    print a = m + n, b = k, c = toscalar(T | where a == m | project strcat(s, n)), d = n + m + array_length(k)
    """
    assert kql.run(query, tables=ROWS).to_pylist() == [{"a": 3, "b": '["x1","y1"]', "c": "x2", "d": 5}]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("joins that double", "more than 1,000 joins"),
        ("terms of has_all", "more than 2,000 patterns"),
        ("patterns", "more than 2,000 patterns"),
        ("values that double", "more than 50,000 parts"),
    ],
)
def test_sql_that_would_take_long_to_plan_is_refused(name: str, message: str) -> None:
    with pytest.raises(kql.KqlError, match=message) as refused:
        kql.compile(LARGE[name], CATALOG)
    assert refused.value.kind == "unsupported"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (f"print n = strlen(strcat({counted('`a`', 2000)}))", [2000]),
        (f"T | where s in ({counted('`t#`', 10_000)}, 'x') | project n = s", ["x"]),
        (f"T | extend {counted('c# = a + #', 3000)} | project n = c2999", [3000, 3001]),
        (
            f"print n = ipv4_is_in_any_range('10.0.77.9', {counted('`10.0.#.0/24`', 250)}), m = 1 | project n",
            [True],
        ),
        (
            f"print n = ipv4_is_in_any_range('10.1.77.9', {counted('`10.0.#.0/24`', 250)}), m = 1 | project n",
            [False],
        ),
        (f"print n = ipv4_is_in_any_range('no', {counted('`10.0.#.0/24`', 250)})", [None]),
    ],
)
def test_a_large_query_runs(query: str, wanted: list[object]) -> None:
    assert kql.run(query, tables=ROWS)["n"].to_pylist() == wanted


@pytest.mark.full
def test_many_wide_tables_are_searched() -> None:
    tables = {f"T{at}": pa.table({f"c{at}_{n}": [f"v{n} of {at}"] for n in range(150)}) for at in range(40)}
    with DuckDBEngine(tables) as engine:
        found = engine.run(kql.compile("search 'v149' and '7' | project $table", build_arrow_catalog(tables)))
    assert found["$table"].to_pylist() == ["T7"]


@pytest.mark.parametrize("count", [2, 7, 8, 200])
def test_the_terms_of_has_any_are_one_pattern(count: int) -> None:
    compiled = kql.compile(f"T | where s has_any ({counted('`t#`', count)})", CATALOG)
    # two cheap patterns of all terms decide most texts, and one of all Unicode the rest
    assert (compiled.sql.count("REGEXP_MATCHES"), compiled.sql.count("KQL_TERM_FOUND")) == (2, 1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a -enc b", True), ("ENC", True), ("encode", False), ("xenc", False), ("\u00e9enc", False), ("enc\u4e2d", False),
        ("\u201cenc\u201d", True), ("encode xdec dec", True), ("run /add", True), ("run/add", True), ("run /adds", False), ("", False),
    ],
)  # fmt: skip
def test_has_any_finds_whole_terms(text: str, found: bool) -> None:
    tables = {"T": pa.table({"s": pa.array([text])})}
    assert kql.run("T | where s has_any ('enc', 'Dec', '/add')", tables=tables).num_rows == found
