"""`nephoscope query`: options, outputs, charts, errors."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.cli.results import BINARY, FORMATS

PEOPLE = "name,age\nAnn,31\nBob,\n=1+1,7\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def ask(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["query", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in BINARY | {"chart"}])
def test_every_format_holds_every_row(people: Path, form: str) -> None:
    result = ask("people | where age > 1 or isnull(age)", "--table", people, "-o", form)
    assert result.exit_code == 0
    for word in ("Ann", "Bob", "31", "1+1"):
        assert word in result.stdout


def test_json_is_an_answer_that_a_table_can_be_read_from(people: Path, tmp_path: Path) -> None:
    out = tmp_path / "answer.json"
    query = "people | extend t = datetime(2026-01-02 03:04:05.1234567), d = -1.5h, j = dynamic({'a': [1]}), r = real(nan)"
    assert ask(query, "-t", people, "-o", "json", "--output-file", out).exit_code == 0
    again = ask("answer | project name, age, t, d, j, r", "-t", out, "-o", "json")
    assert (
        json.loads(again.stdout)["tables"][0]["columns"]
        == json.loads(out.read_text())["tables"][0]["columns"]
    )
    row = json.loads(out.read_text())["tables"][0]["rows"][0]
    assert row == ["Ann", 31, "2026-01-02T03:04:05.1234567Z", "-01:30:00", {"a": [1]}, "NaN"]


def test_numbers_are_written_as_kql_writes_them() -> None:
    query = "print a = real(nan), b = real(-inf), c = decimal(1.50), d = decimal(200), e = 2.0"
    assert ask(query, "-o", "csv").stdout == "a,b,c,d,e\nNaN,-Infinity,1.5,200,2.0\n"


def test_csv_is_exact(tmp_path: Path) -> None:
    rows = [
        {"@text": text} for text in ("+49 170", "-1", "=1+1", "@a", "\tx", "\rx", 'a"b', "a\r\nb", "'x", "")
    ]
    (tmp_path / "T.json").write_text(json.dumps(rows))
    out = tmp_path / "out.csv"
    assert ask("T", "-t", tmp_path / "T.json", "-o", "csv", "--output-file", out).exit_code == 0
    with out.open(newline="", encoding="utf-8") as file:
        assert [{"@text": row["@text"]} for row in csv.DictReader(file)] == rows


def test_csv_for_a_spreadsheet_does_not_start_a_formula(people: Path) -> None:
    assert "'=1+1,7" in ask("people", "-t", people, "-o", "csv", "--csv-safe").stdout
    assert "\n=1+1,7" in ask("people", "-t", people, "-o", "csv").stdout
    assert ask("print x = -1, y = '-1'", "-o", "csv", "--csv-safe").stdout == "x,y\n-1,'-1\n"
    refused = ask("people", "-t", people, "--csv-safe")
    assert refused.exit_code == 2
    assert "--csv-safe requires --output csv" in refused.stderr


def test_html_and_markdown_escape(tmp_path: Path) -> None:
    hostile = tmp_path / "t.json"
    hostile.write_text(json.dumps([{"<b>": "<script>|a|\u001b[31m"}]))
    assert "<script>" not in ask("t", "-t", hostile, "-o", "html").stdout
    assert r"\<script\>\|a\|" in ask("t", "-t", hostile, "-o", "markdown").stdout
    assert "\x1b[31m" not in ask("t", "-t", hostile).stdout


def test_parquet_in_a_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        pq.write_table(pa.table({"n": [number], "when": [number * 10**6]}), tmp_path / f"{number}.parquet")
    result = ask("T | summarize sum(n), count()", "-t", f"T={tmp_path}", "-o", "csv")
    assert result.stdout == "sum_n,count_\n3,2\n"


def test_rows_of_many_columns_are_shown_value_by_value() -> None:
    columns = ", ".join(
        f"Column{number} = iff({number} % 2 == 0, '', 'value {number}')" for number in range(30)
    )
    lines = ask(f"print {columns}").stdout.splitlines()
    assert lines[0].split() == ["row", "1"]
    assert lines[1].split() == ["Column1", "value", "1"]
    assert len(lines) == 1 + 15 + 1  # the title, what is not empty, the count
    assert ask("print " + columns[: columns.index("Column9")].rstrip(", ")).stdout.startswith("Column0")


@pytest.mark.parametrize(
    ("number", "words"), [(30, ["columns:", "LongColumn0,"]), (3, ["LongColumn0", "LongColumn1"])]
)
def test_names_of_columns_are_whole_without_rows(number: int, words: list[str]) -> None:
    columns = ", ".join(f"LongColumn{one} = ''" for one in range(number))
    said = ask(f"print {columns} | where false").stdout.split()
    assert said[:2] == words
    assert said[-2:] == ["0", "rows"]
    assert [one.rstrip(",") for one in said if "Column" in one] == [
        f"LongColumn{one}" for one in range(number)
    ]


def test_only_so_many_rows_are_shown(people: Path) -> None:
    result = ask("range x from 1 to 500 step 1", "--rows", 3)
    assert "3 of 500 rows: --rows 500" in result.stdout
    assert len(ask("range x from 1 to 500 step 1", "-o", "csv").stdout.splitlines()) == 501


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("print a = 'x', n = 2.5 | render piechart", "█ 2.5"),
        ("range t from datetime(2026-01-01) to datetime(2026-01-03) step 1d | extend n = 1 | render timechart", "███ 1"),
        ("print a = 'x', n = 1 | render ladderchart", "(render ladderchart is not supported in a terminal)"),
        ("print a = 'x' | where false | render barchart", "(render barchart: no rows)"),
        ("print a = 'x', n = -3 | render barchart", "x   -3"),
        ("print a = 'x', n = real(nan) | render barchart", "x   nan"),
        ("print a = '東京本社営業部第一課長席東京本社', n = 1234567 | render barchart", "█ 1234567"),
        ("print a = 'a\x1b[31mZ', n = 1 | render barchart", "a\\u001b[31mZ  ██"),
        ("print a = 'a\x1b[31mZ', n = 1", "a\\u001b[31mZ  1"),
        ("print a = 'x', n = real(+inf) | render barchart", "x   inf"),
        ("print t = datetime(2026-01-01), n = real(nan) | render timechart", "(render timechart is not supported in a terminal)"),
    ],
)  # fmt: skip
def test_charts(query: str, line: str) -> None:
    assert line in ask(query).stdout


def test_all_errors_are_printed_with_their_places(people: Path) -> None:
    result = ask("people\n| where\n| take", "-t", people)
    assert result.exit_code == 2
    assert "error: line 2, column 8" in result.stderr or "error: line 3, column 1" in result.stderr
    assert result.stderr.count("error:") == 2
    assert "^" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("T", "-t", "T=nowhere.csv"), "nowhere.csv"),
        (("T", "--schema", "T=a:long"), "no --table has this name"),
        (("T", "--schema", "T=a:number"), "must be column:type (got 'a:number')"),
        (("T", "--schema", "a"), "NAME=column:type"),
        (("nowhere.kql",), "nowhere.kql"),
        (("T", "--external", "nowhere"), "must be a folder, a host"),
        (("T", "--external", "https://x.example/=nowhere"), "is not a folder"),
    ],
)
def test_options_that_cannot_be_used(arguments: tuple[str, ...], told: str) -> None:
    result = ask(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_watchlist_needs_its_key(people: Path) -> None:
    result = ask("_GetWatchlist('P')", "--watchlist", f"P={people}")
    assert result.exit_code == 2
    assert "no column SearchKey" in result.stderr


def test_a_note_is_no_part_of_the_output() -> None:
    result = ask("_GetWatchlist('P') | count", "-o", "csv")
    assert result.stdout == "Count\n0\n"
    assert result.stderr == "note: no watchlist is named 'P': it has no rows\n"


def test_a_query_that_takes_too_long_ends() -> None:
    result = ask(
        "range x from 1 to 100000000 step 1 | extend y = hash(x) | summarize dcount(y)", "--timeout", 0.01
    )
    assert result.exit_code == 2
    assert "took longer than 0.01 s" in result.stderr


def test_the_query_is_explained_and_laid_out(people: Path) -> None:
    explained = ask("people | project n = now()", "-t", people, "--explain")
    assert explained.stdout.startswith("SELECT ")
    assert "-- $now = " in explained.stdout
    assert ask("T|take 5", "--format").stdout == "T\n| take 5\n"
    assert ask("T|", "--format").exit_code == 2


def test_the_time_is_given() -> None:
    assert ask("print now()", "--at", "2026-01-02", "-o", "csv").stdout == "print_0\n2026-01-02T00:00:00Z\n"


TYPES = (
    "print t = datetime(2026-01-02 03:04:05.123456), d = -1.5h, j = dynamic({'a': [1]}), n = long(null), s = 'x', "
    "r = real(nan), g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), m = decimal(1.5), b = true, z = datetime(null)"
)


@pytest.mark.parametrize(("form", "read"), [("arrow", pa.ipc.open_file), ("parquet", pq.read_table)])
def test_bytes_for_other_programs(form: str, read: Callable[[Path], Any], tmp_path: Path) -> None:
    out = tmp_path / f"answer.{form}"
    assert ask(TYPES, "-o", form, "--output-file", out).exit_code == 0
    found = read(out)
    table = found.read_all() if form == "arrow" else found
    assert table.schema.field("t").type == pa.timestamp("us", "UTC")
    assert [table.schema.field(name).metadata[b"kql.type"] for name in "tdj"] == [
        b"datetime",
        b"timespan",
        b"dynamic",
    ]
    row = table.to_pylist()[0]
    assert row["t"] == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    assert (row["d"], row["j"], row["n"], row["s"], row["z"]) == (
        -54_000_000_000,
        '{"a":[1]}',
        None,
        "x",
        None,
    )
    assert ask(TYPES, "-o", form).stdout_bytes[:3] in (b"ARR", b"PAR")


def test_parquet_is_a_table_again(tmp_path: Path) -> None:
    out = tmp_path / "answer.parquet"
    ask(TYPES, "-o", "parquet", "--output-file", out)
    assert ask("answer", "-t", out, "-o", "json").stdout == ask(TYPES, "-o", "json").stdout


def test_what_bytes_cannot_hold_is_told() -> None:
    fine = ask("print t = datetime(2026-01-02 03:04:05.1234567)", "-o", "parquet")
    assert "note: 1 time truncated to microseconds" in fine.stderr
    several = ask("print 1; print 2", "-o", "arrow")
    assert (several.exit_code, several.stdout_bytes) == (2, b"")
    assert "--output arrow supports one result, but the query returns 2" in several.stderr


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("range t from datetime(2026-01-01) to datetime(2026-01-03) step 1d | extend n = 4 - dayofmonth(t)", {0: "3 ▏█", 11: "0 ▏█"}),
        ("print a = 'x', n = 2 | render timechart", {0: "(render timechart is not supported"}),
        ("print a = 'x', n = 2", {0: "x  █"}),
        ("print a = 'x', n = 2 | render piechart with (title='[b]Shares')", {0: "[b]Shares"}),
    ],
)  # fmt: skip
def test_a_chart_alone(query: str, lines: dict[int, str]) -> None:
    drawn = ask(query, "-o", "chart").stdout.split("\n")
    for place, begins in lines.items():
        assert drawn[place].startswith(begins)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_what_was_written_in_columns_is_a_table_again(tmp_path: Path, form: str) -> None:
    out = tmp_path / f"Y.{form}"
    made = (
        "print t = datetime(2026-01-02 03:04:05.123456), s = -1.5h, j = dynamic({'a': [1]}), n = long(null), b = true, "
        "g = guid(11111111-2222-4333-8444-555555555555), e = decimal(1.5), i = int(7), r = 2.5, x = '+1'"
    )
    assert ask(made, "-o", form, "--output-file", out).exit_code == 0
    again = ask("Y", "--table", f"Y={out}", "-o", "json")
    assert json.loads(again.stdout)["tables"] == json.loads(ask(made, "-o", "json").stdout)["tables"]


@pytest.mark.parametrize("at", ["0001-01-01", "1899-12-31T23:59:59Z", "9999-12-31"])
def test_a_time_to_which_no_day_can_be_added_is_refused(at: str) -> None:
    result = ask("print now()", "--at", at)
    assert result.exit_code == 2
    assert "must lie between 1900 and 8999" in result.stderr
