"""Run KQL over the lake, or over Parquet, CSV and JSON files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.results import FORMATS
from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.state_access import find_workspace, has_state

if TYPE_CHECKING:
    from nephoscope.cli.session.query_session import QueryOptions, QuerySession
    from nephoscope_kql.errors import KqlError

INVALID = 2


@click.command("query")
@click.argument("query", required=False)
@click.option(
    "--table",
    "-t",
    "tables",
    multiple=True,
    metavar="[NAME=]PATH",
    help=(
        "Table from a file (.parquet .arrow .csv .tsv .psv .json .jsonl, also .gz) or a folder "
        "of files. Without it, the lake is queried."
    ),
)
@click.option(
    "--workspace",
    "-w",
    metavar="NAME",
    help="Workspace to query (default: default); with --table, its tables are available as well.",
)
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="NAME=COLUMNS",
    help="Column types, 'T=when:datetime, what:dynamic'; other types are inferred.",
)
@click.option(
    "--functions",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of stored functions: .kql files, and Sentinel parsers in .yaml files.",
)
@click.option(
    "--watchlist",
    "watchlists",
    multiple=True,
    metavar="ALIAS=PATH",
    help="Data for _GetWatchlist('ALIAS'): a file as for --table, with a column SearchKey.",
)
@click.option(
    "--external",
    multiple=True,
    metavar="DIR|HOST|URL=DIR",
    help=(
        "Sources that externaldata may read: a folder, a host (https), or a folder with the files of a URL."
    ),
)
@click.option(
    "--at", "now", type=Instant(), metavar="TIME", help="Value of now() (default: the current time)."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.001),
    default=300.0,
    show_default=True,
    help="Time limit in seconds, including compilation.",
)
@click.option(
    "--memory", default="2GB", show_default=True, metavar="SIZE", help="Memory limit of the engine."
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Output format of rows.",
)
@click.option(
    "--output-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to this file instead of the terminal.",
)
@click.option(
    "--rows", type=click.IntRange(min=1), default=200, show_default=True,
    help="Maximum number of rows in table, markdown and html output; csv and json are complete.",
)  # fmt: skip
@click.option(
    "--csv-safe",
    is_flag=True,
    help=("With -o csv: escape text that a spreadsheet would run as a formula (= + - @) with an apostrophe."),
)
@click.option("--format", "only_format", is_flag=True, help="Print the formatted query without running it.")
@click.option("--explain", is_flag=True, help="Print the compiled SQL without running it.")
@click.pass_obj
def command(
    data: Path, /, query: str | None, only_format: bool, explain: bool, **options: Unpack[QueryOptions]
) -> None:
    """Run QUERY (KQL text, a .kql file, or a rule in .yaml) on the lake or on tables in files.

    Without QUERY, it is read from standard input; a terminal opens a prompt with completion and history.

    \b
    nephoscope query 'SigninLogs | where ResultType != 0 | summarize count() by UserPrincipalName'
    nephoscope query 'T | where age > 30 | count' --table T=people.csv

    """
    from nephoscope.cli.session.query_session import UsageError

    if options["csv_safe"] and options["output"] != "csv":
        raise click.UsageError("--csv-safe requires --output csv")
    try:
        if query is None and sys.stdin.isatty() and not (only_format or explain):
            with _open_session(data, options) as session:
                _run_prompt(session, data)
            return
        text = sys.stdin.read() if query is None else _read_query(query)
        _run_query(text, data, options, only_format=only_format, explain=explain)
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def _run_query(text: str, data: Path, options: QueryOptions, *, only_format: bool, explain: bool) -> None:
    """One query: laid out, explained or run."""
    from nephoscope_kql.errors import KqlError

    try:
        if only_format:
            from nephoscope_kql import format_query

            click.echo(format_query(text), nl=False)
            return
        with _open_session(data, options) as session:
            if explain:
                click.echo(session.explain_query(text))
            else:
                _run_query_text(session, text, options)
    except KqlError as error:
        code = _print_errors(error, text)
        if not options["tables"] and any("no table" in one.message for one in error.all):
            _explain_missing_table(data)
        raise SystemExit(code) from error


def _explain_missing_table(data: Path) -> None:
    """A table was not found: say so where there is no lake that it could have been in."""
    if not has_state(data):
        click.echo(
            f"note: {data} has no lake: use --table with a file, or --data with another folder; "
            "`nephoscope scan` fills the tables of Resource Graph",
            err=True,
        )


def _run_query_text(session: QuerySession, text: str, options: QueryOptions) -> None:
    from nephoscope.cli.session.result_output import show_results

    answer = session.run_query(text)
    for note in answer.notes:
        click.echo(f"note: {note}", err=True)
    show_results(answer.results, options)


@contextmanager
def _open_session(data: Path, options: QueryOptions) -> Iterator[QuerySession]:
    """The files that were given, or the lake, or both where a workspace is named beside files."""
    from nephoscope.cli.session.query_session import QuerySession

    if options["tables"] and not options["workspace"]:
        yield QuerySession.from_options(options)
        return
    if not has_state(data):
        if options["workspace"]:
            from nephoscope.cli.session.query_session import UsageError

            raise UsageError(f"--workspace: {data} has no lake: set the data folder with --data")
        yield QuerySession.from_options(options)
        return
    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        workspace = find_workspace(state, options["workspace"] or "default")
        yield QuerySession.from_options(options, lake, workspace.name)


def _run_prompt(session: QuerySession, data: Path) -> None:
    """The prompt; what it shows and how can be changed in it."""
    try:
        from nephoscope.cli.session.query_prompt import run_prompt
    except ImportError as error:
        from nephoscope.cli.session.query_session import UsageError
        from nephoscope.model.extras import get_install_command

        raise UsageError(
            f"the prompt requires prompt_toolkit: {get_install_command('prompt')}; or pass a QUERY"
        ) from error
    from nephoscope.cli.session.repl_commands import QueryRepl

    run_prompt(QueryRepl(session, _print_errors), data)


def _read_query(query: str) -> str:
    """The query itself, or what the file of that name holds."""
    from nephoscope.cli.session.query_session import UsageError
    from nephoscope.files.function_files import FunctionFileError, read_query

    path = Path(query)
    if "\n" in query or "|" in query or path.suffix not in (".kql", ".txt", ".yaml", ".yml"):
        return query
    try:
        return read_query(path)
    except (OSError, FunctionFileError) as error:
        raise UsageError(str(error)) from error


def _print_errors(error: KqlError, text: str) -> int:
    """Print every error with its place; the exit code."""
    for one in error.all:
        where = f"line {one.line}, column {one.column}: " if one.line else ""
        label = "" if one.kind == "invalid" else "not supported: "
        click.echo(f"error: {where}{label}{one.message}", err=True)
        if one.line:
            click.echo("\n".join(f"  {line}" for line in one.format_caret(text).split("\n")), err=True)
        if one.hint:
            click.echo(f"hint: {one.hint}", err=True)
    return INVALID
