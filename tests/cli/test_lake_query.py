"""`nephoscope query` over the lake of the data folder, and its prompt."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.query_prompt import KqlCompleter, KqlLexer, is_incomplete, run_prompt
from nephoscope.cli.session.query_session import QuerySession
from nephoscope.cli.session.repl_commands import QueryRepl
from nephoscope.state import State
from nephoscope_kql import MemoryCatalog

Run = Callable[..., Result]


def answer(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("SigninLogs | count",), "Count\n48\n"),
        (("SigninLogs | count", "--workspace", "soc"), "Count\n6\n"),
        (("SigninLogs | count", "-w", "soc", "--at", "2026-01-01"), "Count\n6\n"),
        (("union SigninLogs, workspace('soc').SigninLogs | count",), "Count\n54\n"),
        (("SigninLogs | distinct Type",), "Type\nSigninLogs\n"),
        (("SigninLogs | summarize dcount(TenantId), dcount(_SubscriptionId)",), "dcount_TenantId,dcount__SubscriptionId\n1,2\n"),
    ],
)  # fmt: skip
def test_the_lake_is_asked(filled: Path, nephoscope: Run, arguments: tuple[str, ...], printed: str) -> None:
    assert answer(nephoscope(filled, "query", *arguments, "-o", "csv")) == printed


def test_a_workspace_is_named_by_its_id_too(filled: Path, nephoscope: Run) -> None:
    with State.open_folder(filled) as state:
        id_ = state.workspaces.get("soc").id
    assert answer(nephoscope(filled, "query", "SigninLogs | count", "-w", id_, "-o", "csv")) == "Count\n6\n"


def test_a_workspace_shows_its_subscriptions_alone(filled: Path, nephoscope: Run) -> None:
    one = "00000000-0000-4000-8000-000000000001"
    nephoscope(filled, "workspaces", "set", "default", "--subscription", one)
    assert answer(
        nephoscope(filled, "query", "SigninLogs | distinct _SubscriptionId", "-o", "csv")
    ).split() == [
        "_SubscriptionId",
        one,
    ]


def test_files_hide_the_lake_unless_a_workspace_is_named(
    filled: Path, nephoscope: Run, tmp_path: Path
) -> None:
    file = tmp_path / "vip.csv"
    file.write_text("Name\nu1@contoso.com\n")
    join = "vip | join kind=inner SigninLogs on $left.Name == $right.UserPrincipalName | count"
    refused = nephoscope(filled, "query", join, "--table", file)
    assert (refused.exit_code, "named 'SigninLogs'" in refused.stderr) == (2, True)
    assert (
        answer(nephoscope(filled, "query", join, "--table", file, "-w", "default", "-o", "csv"))
        == "Count\n16\n"
    )


def test_what_never_had_rows_is_told(filled: Path, nephoscope: Run) -> None:
    result = nephoscope(filled, "query", "AzureActivity | count", "-o", "csv")
    assert result.stdout == "Count\n0\n"
    assert result.stderr == "note: the workspace default has no rows of AzureActivity yet\n"


def test_without_a_lake_nothing_is_made(tmp_path: Path, nephoscope: Run) -> None:
    empty = tmp_path / "empty"
    assert answer(nephoscope(empty, "query", "print 1", "-o", "csv")) == "print_0\n1\n"
    lost = nephoscope(empty, "query", "SigninLogs")
    assert lost.exit_code == 2
    assert f"{empty} has no lake" in lost.stderr
    assert "`nephoscope scan` fills the tables of Resource Graph" in lost.stderr
    assert f"{empty} has no lake" in nephoscope(empty, "query", "print 1", "-w", "soc").stderr
    assert not empty.exists()


def test_a_query_comes_from_standard_input(filled: Path, nephoscope: Run) -> None:
    assert answer(nephoscope(filled, "query", "-o", "csv", given="SigninLogs\n| count\n")) == "Count\n48\n"
    assert answer(nephoscope(filled, "query", "--format", given="T|take 5")) == "T\n| take 5\n"


OPTIONS = {
    "schemas": (), "external": (), "tables": (), "watchlists": (), "functions": (),
    "now": None, "timeout": 60.0, "memory": "1GB", "output": "csv", "rows": 200, "output_file": None,
}  # fmt: skip


def talked(data: Path, typed: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What the prompt prints for keys; \x04 is Ctrl-D, \x03 Ctrl-C, \x1b\r Alt+Enter."""
    with open_lake(data) as (lake, _), create_pipe_input() as keys:
        keys.send_text(typed)
        told: list[str] = []
        talk = QueryRepl(
            QuerySession.from_options(OPTIONS, lake, "default"),
            lambda error, text: told.append(error.message) or 2,
        )
        run_prompt(talk, data, input=keys, output=DummyOutput())
    printed = capsys.readouterr()
    return printed.out, printed.err + "".join(told)


@pytest.mark.parametrize(
    ("typed", "out", "err"),
    [
        ("SigninLogs | count\r\x04", "Count\n48\n", ""),
        ("SigninLogs |\rcount\r\x04", "Count\n48\n", ""),
        ("print a = (1 +\r 1)\r.exit\r", "a\n2\n", ""),
        ("print 1\x1b\r; print 2\r\x04", "print_0\n1\n\nprint_0\n2\n", ""),
        ("nonsense\x03print 3\r\x04", "print_0\n3\n", ""),
        ("Nowhere | count\rprint 4\r\x04", "print_0\n4\n", "no table, function or variable is named 'Nowhere'"),
        (".output json\rprint 5\r\x04", '"rows": [\n[5]\n]}', ""),
        (".output parquet\r.what\r.rows x\r.schema Nowhere\r\x04", "", "error: .output must be one of"),
        (".schema SigninLogs\r\x04", "UserPrincipalName", ""),
        (".tables\r\x04", "SigninLogs", ""),
        (".tables azureact\r\x04", "AzureActivity", ""),
        (".help\r\r\x04", ".tables [TEXT]", ""),
    ],
)  # fmt: skip
def test_the_prompt(filled: Path, typed: str, out: str, err: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed, told = talked(filled, typed, capsys)
    assert printed == out if out.endswith("\n") else out in printed
    assert told == err or (err and err in told)


def test_the_history_is_the_owners_and_stays(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talked(filled, "print 'kept'\r\x04", capsys)
    file = filled / "query-history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "+print 'kept'" in file.read_text()
    again, _ = talked(filled, "\x1b[A\r\x04", capsys)
    assert again == "print_0\nkept\n"


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("T", False), ("T |", True), ("T | where", False), ("T | where x in (1", True), ("T | where x == ", True),
        ("T // | ", False), ("T | where x == '|'", False), ("datatable(a:long)[1,", True), (".tables |", False),
        ("let f = (x:long) {", True), ("", False),
        ("let x = 5;", True), ("let x = 5; T | count;", False), ("T; let x = 5;", True), ("T | count;", False),
        ("T | where x in (\n", False),
    ],
)  # fmt: skip
def test_where_a_query_goes_on(text: str, more: bool) -> None:
    assert is_incomplete(text) is more


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("T | wh", ("where", -2)),
        ("T | project ag", ("age", -2)),
        ("T | mv-ex", ("mv-expand", -5)),
        ("t", ("T", -1)),
    ],
)
def test_names_are_completed(text: str, first: tuple[str, int]) -> None:
    catalog = MemoryCatalog.of({"T": [("age", "long")]})
    completer = KqlCompleter(lambda: catalog)
    found = list(
        completer.get_completions(Document(text), type("Event", (), {"completion_requested": False})())
    )
    assert (found[0].text, found[0].start_position) == first


@pytest.mark.parametrize(
    "text", ["T | where a == 'x\n' // c\n| count", "T | extend x = 1.5 + 2h", "\x00 $ 'open", ""]
)
def test_colours_change_no_character(text: str) -> None:
    line = KqlLexer().lex_document(Document(text))
    assert (
        "\n".join("".join(part[1] for part in line(number)) for number in range(text.count("\n") + 1)) == text
    )


def test_bars_may_be_of_numbers(filled: Path, nephoscope: Run) -> None:
    query = "datatable(EventID:int, n:long)[4624, 8, 4625, 4] | render barchart"
    lines = answer(nephoscope(filled, "query", query, "-o", "chart")).splitlines()
    assert [line.split()[0] for line in lines] == ["4624", "4625"]
    assert [line.split()[-1] for line in lines] == ["8", "4"]
    assert lines[0].count("█") > 1.9 * lines[1].count("█")
