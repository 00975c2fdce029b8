"""Memory and time that a query may take: what would take gigabytes ends in a KqlError, and the process stays small."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

import nephoscope_kql as kql
from nephoscope_kql.cancellation import Cancellation, CancelledError, run_with_cancellation
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.cell_formatting import iterate_rows
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.engines.memory_accounting import (
    BESIDE,
    LEDGER,
    ChargedQuery,
    MemoryLedger,
    measure_resident_memory,
    parse_allowance,
)
from nephoscope_kql.engines.query_limits import watch_limits
from nephoscope_kql.engines.resource_limits import compute_core_share, compute_memory_share, share_limits
from nephoscope_kql.functions import declaration

pytestmark = pytest.mark.system

QUERIES = yaml.load(
    (Path(__file__).parent / "cases/memory.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
MOST = 1500
"""MiB by which the process may grow: 200 MB and half of that, 256 MiB, and what one step makes before anything can look."""
ROOM = "at most 134,217,728 bytes of text or elements in a batch of rows"
SMALL = 600
"""MiB that nothing is near where nothing large is made."""
HUNGRY = """
import json, resource, sys
import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.engines.duckdb import DuckDBEngine

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024 if sys.platform == "darwin" else 1024)

before, found = most(), []
for query in json.load(sys.stdin):
    with DuckDBEngine(threads=2, memory="200MB") as engine:
        try:
            engine.run(kql.compile(query, MemoryCatalog({})), timeout=300)
            found.append(["rows", "", most() - before])
        except kql.KqlError as error:
            found.append([error.kind, error.message, most() - before])
json.dump(found, sys.stdout)
"""


def ended(queries: list[str]) -> list[tuple[str, str, int]]:
    """How each query ends in one process, in 200 MB: a kind, a message, and MiB that the process has grown by until then."""
    told = subprocess.run(
        [sys.executable, "-c", HUNGRY], input=json.dumps(queries), capture_output=True, text=True, check=True
    )
    return [(kind, message, grown) for kind, message, grown in json.loads(told.stdout)]


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.full)])
def test_what_would_take_gigabytes_ends_and_the_process_stays_small(every: int) -> None:
    queries = QUERIES[::every]
    for query, (kind, message, grown) in zip(queries, ended(queries), strict=True):
        assert kind == "unsupported", (query, message)
        assert "memory" in message or "134,217,728 bytes" in message, (query, message)
        assert grown < MOST, (query, message, grown)


def test_constants_that_would_take_gigabytes_are_not_made() -> None:
    """An engine computes them ahead, also in a branch that is never come to."""
    repeated, added, real, text, numbers = ended(
        [
            "print repeat('a', 1e9)",
            "range n from 1000000000 to 1000000000 step 1 | project repeat('a', n)",
            "print range(1.0, 1e9)",
            "print strrep(strrep(strrep('x', 1024), 1024), 1024)",
            "print range(1, 1000000000)",
        ]
    )
    assert repeated[:2] == ("invalid", "repeat() makes arrays of at most 1,048,576 elements")
    assert {added[0], real[0], numbers[0]} == {"rows"}
    assert "memory" in text[1] or text[1] == ROOM
    assert numbers[2] < SMALL


def test_constants_that_make_a_text_long_are_refused_before_they_are_made() -> None:
    """Also where no row comes to them: an engine computes them ahead."""
    long = "repeat(strrep('a', 1024), 1048576)"
    found = ended(
        [
            f"print {long}",
            f"print iff(1 == 2, strlen(tostring({long})), 1)",
            "print strlen(strcat_array(repeat('a', 1048576), strrep('b', 1024)))",
        ]
    )
    assert {one[0] for one in found} == {"unsupported"}
    assert all("memory" in one[1] or one[1] == ROOM for one in found)
    assert max(one[2] for one in found) < SMALL


def test_a_text_of_columns_asks_for_room_only_where_it_repeats_them() -> None:
    given = pa.table({"a": ["x"], "b": ["y"], "j": ['{"k":[1,2]}']})
    catalog = build_arrow_catalog({"T": given})

    def asks(query: str) -> bool:
        return "KQL_ROOM" in kql.compile(query, catalog).sql.upper()

    assert not asks(
        "T | extend c = strcat(a, '-', b, '-', a) | extend d = strcat(c, b), e = pack_array(a, b, c)"
    )
    assert not asks(
        "T | extend p = parse_json(j) | extend s = strcat(p.k[0], p.k[1], p.a, p.b, p.c, p.d, p.e, p.f, p.g, p.h)"
    )
    nine = ", ".join("a" * 9)
    assert asks(f"T | extend c = strcat({nine})")
    assert asks("T | extend c = strcat(a, a, a) | summarize n = count() by c | extend d = strcat(c, c, c)")
    assert asks("T | extend c = strcat(a, a, a) | union T | extend d = pack_array(c, c, c)")
    assert asks(
        "T | extend c = strcat(a, a, a) | as Q | join kind=inner Q on b | extend d = strcat(c, c1, c)"
    )
    assert asks("T | sort by a | scan declare (s: string = 'x') with (step u: true => s = strcat(u.s, u.s);)")


def test_what_asks_for_room_again_and_again_is_measured_in_steps() -> None:
    given = pa.table({"a": ["x"]})
    chain = "| extend a = tostring(pack_array(a)) " * 12
    assert len(kql.compile(f"T {chain}", build_arrow_catalog({"T": given})).sql) < 10_000


@pytest.mark.parametrize(
    ("expression", "length"),
    [
        ("strcat('ab', 1, strcat('c', true, 'd'), '', 'ef')", 11),
        ("strcat_array(dynamic(['a', 'bc', 1, null]), strcat('-', strrep('+', 2)))", 13),
        ("strcat_array(dynamic(['a', 'b', 'c']), ' a delimiter longer than most ')", 63),
        ("strcat_array(dynamic([]), strrep('b', 2))", 0),
        ("strcat_array(dynamic({'a': 1}), strrep('b', 2))", 0),
        ("strrep('ab', 3, '-')", 8),
        ("strrep('x', 1000000)", 1024),
        ("strrep(strrep('x', 1024), 1024)", 1024 * 1024),
        ("strrep('x', -1)", 0),
        ("replace_string('a,b,c', ',', strrep('-', 1000))", 2003),
        ("replace_string('abc', '', 'x')", 3),
        ("replace_regex('a1b22c', '[0-9]+', 'a text that is rather long')", 55),
        ("replace_regex('a1b2', '([a-z])([0-9])', 'it was \\\\2 and then \\\\1, so')", 46),
        ("range(1, 100000)", 588_896),
        ("repeat(7, 100000)", 200_001),
        ("repeat('a', 1048576)", 4 * 1048576 + 1),
    ],
)
def test_what_is_large_but_not_too_large_is_made(expression: str, length: int) -> None:
    rows = kql.run(f"print n = strlen(tostring({expression}))")
    assert rows["n"].to_pylist() == [length]


def test_room_that_a_query_was_refused_is_not_missing_in_the_next() -> None:
    wide = pa.table({"s": pa.array(["x" * 100_000] * 2000)})
    with DuckDBEngine({"T": wide}) as engine:
        catalog = build_arrow_catalog({"T": wide})
        with pytest.raises(kql.KqlError, match="at most 134,217,728 bytes"):
            engine.run(kql.compile("T | extend s = strrep(s, 1024) | summarize max(strlen(s))", catalog))
        rows = engine.run(
            kql.compile("T | take 1 | extend s = strrep(s, 10) | project n = strlen(s)", catalog)
        )
    assert rows["n"].to_pylist() == [1_000_000]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("476.8 MiB", int(476.8 * 2**20 * 1.5) + BESIDE),
        ("1.0 KiB", 1536 + BESIDE),
        ("512 bytes", 768 + BESIDE),
        ("2.0 GiB", 3 * 2**30 + BESIDE),
    ],
)
def test_what_a_limit_allows(words: str, wanted: int) -> None:
    assert parse_allowance(words) == wanted


def test_a_limit_in_other_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_allowance("much")


def test_the_process_holds_memory() -> None:
    assert measure_resident_memory() > 10 * 2**20


class TestLedger:
    def test_a_query_alone_is_charged_with_all_growth(self) -> None:
        ledger, query = MemoryLedger(), ChargedQuery(100)
        ledger.start_query(query, 1000)
        assert not ledger.is_termination_required(query, 1100)
        assert ledger.is_termination_required(query, 1101)

    def test_what_was_there_before_is_charged_to_nobody(self) -> None:
        ledger, first, second = MemoryLedger(), ChargedQuery(100), ChargedQuery(100)
        ledger.start_query(first, 0)
        ledger.end_query(first, 90)
        ledger.start_query(second, 5000)
        assert not ledger.is_termination_required(second, 5100)

    def test_of_several_the_one_that_ran_while_it_grew_has_to_end(self) -> None:
        ledger, greedy, small = MemoryLedger(), ChargedQuery(100), ChargedQuery(100)
        ledger.start_query(greedy, 0)
        assert not ledger.is_termination_required(greedy, 95)
        ledger.start_query(small, 95)
        assert not ledger.is_termination_required(greedy, 200)
        assert not ledger.is_termination_required(small, 210)
        assert ledger.is_termination_required(greedy, 210)

    def test_what_an_ended_query_gives_back_is_no_credit(self) -> None:
        ledger, ended, stays = MemoryLedger(), ChargedQuery(100), ChargedQuery(100)
        ledger.start_query(ended, 0)
        assert not ledger.is_termination_required(ended, 80)
        ledger.start_query(stays, 80)
        ledger.end_query(ended, 80)
        assert not ledger.is_termination_required(stays, 0)
        assert not ledger.is_termination_required(stays, 100)
        assert ledger.is_termination_required(stays, 101)


def test_an_interrupt_that_nothing_heard_is_repeated() -> None:
    heard, calls = threading.Event(), []

    def interrupt() -> None:
        calls.append(1)
        if len(calls) == 3:
            heard.set()

    with watch_limits(interrupt, 0.001, 2**40, lambda: False) as watch:
        assert heard.wait(60)
    assert watch.reason is not None
    assert watch.reason.kind == "unsupported"
    assert watch.reason.message == "the query took longer than 0.001 s"


def test_a_query_that_takes_long_ends_in_time() -> None:
    numbers = "range x from 1 to 100000000 step 1 | extend y = x % 7"
    query = f"{numbers} | join kind=inner (range y from 1 to 6 step 1) on y | summarize sum(x * y)"
    with pytest.raises(kql.KqlError, match=r"took longer than 0.05 s"):
        kql.run(query, timeout=0.05)


def test_what_does_not_fit_into_memory_lies_in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spill))
    rows = pa.table({"a": pa.array(range(2_000_000)), "t": pa.array(["a text that takes room"] * 2_000_000)})
    with DuckDBEngine({"T": rows}, threads=1, memory="60MB") as engine:
        (folder,) = spill.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        query = kql.compile(
            "T | extend u = strcat(t, a) | sort by u desc | count", build_arrow_catalog({"T": rows})
        )
        assert engine.run(query).to_pylist() == [{"Count": 2_000_000}]
    assert [path.name for path in tmp_path.iterdir()] == ["spill"]
    assert list(spill.iterdir()) == []


def test_a_cancelled_query_ends_in_the_middle_of_its_python_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DuckDB calls them from threads of its own, for thousands of rows at a time."""
    token, calls, check = Cancellation(), [], declaration.check_deadline

    def counted() -> None:
        calls.append(1)
        if len(calls) == 5:
            token.cancel()
        check()

    monkeypatch.setattr(declaration, "check_deadline", counted)
    query = "range n from 1 to 100000 step 1 | summarize dcount(geo_point_to_geohash(n % 180, n % 90, 12))"
    with run_with_cancellation(token), pytest.raises(CancelledError, match="cancelled"):
        kql.run(query)
    assert len(calls) < 100


def test_rows_of_a_cancelled_query_are_not_written() -> None:
    rows, token = kql.run("range n from 1 to 30000 step 1"), Cancellation()
    with run_with_cancellation(token):
        several = iterate_rows(rows)
        next(several)
        token.cancel()
        with pytest.raises(CancelledError):
            list(several)


def test_several_queries_share_a_limit_of_their_process() -> None:
    ledger, first, second = MemoryLedger(most=100, base=1000), ChargedQuery(1000), ChargedQuery(1000)
    ledger.start_query(first, 1000)
    assert not ledger.is_termination_required(first, 1090)
    ledger.start_query(second, 1090)
    assert not ledger.is_termination_required(second, 1100)
    assert ledger.is_termination_required(first, 1102)
    assert not ledger.is_termination_required(second, 1102)


def test_what_ended_queries_left_counts_but_ends_none_that_grows_little() -> None:
    ledger, first, second = MemoryLedger(most=100, base=1000), ChargedQuery(1000), ChargedQuery(1000)
    ledger.start_query(first, 1000)
    ledger.end_query(first, 1110)
    ledger.start_query(second, 1110)
    assert not ledger.is_termination_required(second, 1112)
    assert ledger.is_termination_required(second, 1120)


def test_a_query_has_its_share_of_the_memory_of_a_process_with_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert compute_memory_share("2GB") == "2GB"
    monkeypatch.setattr(LEDGER, "most", 2 << 30)
    assert compute_memory_share("2GB") == "1024MiB"
    with share_limits(4):
        assert compute_memory_share("2GB") == "512MiB"
        with DuckDBEngine() as engine:
            assert engine.run(kql.compile("print n = 1", MemoryCatalog({})))["n"].to_pylist() == [1]


def test_several_queries_share_the_cores() -> None:
    assert compute_core_share() == 0
    with share_limits(1):
        assert compute_core_share() == 0
    with share_limits(10_000):
        assert compute_core_share() == 1
