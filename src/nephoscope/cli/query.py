"""Ask KQL of files: Parquet, CSV, JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nephoscope.cli.results import FORMATS
from nephoscope.cli.session.options import Instant

INVALID = 2


@click.command("query")
@click.argument("query")
@click.option(
    "--table",
    "-t",
    "tables",
    multiple=True,
    metavar="[NAME=]PATH",
    help="A table: a file (.parquet .csv .tsv .psv .json .jsonl, also .gz) or a folder of such files.",
)
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="NAME=COLUMNS",
    help="Types of columns, 'T=when:datetime, what:dynamic'; the others have the type that their values have.",
)
@click.option(
    "--functions",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of stored functions: .kql files, and .yaml files as Sentinel's parsers.",
)
@click.option(
    "--watchlist",
    "watchlists",
    multiple=True,
    metavar="ALIAS=PATH",
    help="What _GetWatchlist('ALIAS') gives: a file as of --table, with a column SearchKey.",
)
@click.option(
    "--external",
    multiple=True,
    metavar="DIR|HOST|URL=DIR",
    help="What externaldata may read: a folder, a host (https), or a folder that holds the files of a URL.",
)
@click.option("--at", "now", type=Instant(), metavar="TIME", help="What now() is (default: this moment).")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.001),
    default=300.0,
    show_default=True,
    help="Seconds for a result.",
)
@click.option(
    "--memory", default="2GB", show_default=True, metavar="SIZE", help="Memory that the engine may use."
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How rows are shown.",
)
@click.option(
    "--output-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write there instead of to the terminal.",
)
@click.option(
    "--rows", type=click.IntRange(min=1), default=200, show_default=True,
    help="How many rows of a result table, markdown and html show; csv and json hold all.",
)  # fmt: skip
@click.option("--format", "only_format", is_flag=True, help="Print the query laid out, and do not run it.")
@click.option("--explain", is_flag=True, help="Print the SQL that the query becomes, and do not run it.")
def command(query: str, only_format: bool, explain: bool, **options: Any) -> None:
    """Run QUERY, a text in KQL or a file that holds one (.kql, or a rule in .yaml), on tables in files.

    \b
    nephoscope query 'T | where age > 30 | count' --table T=people.csv
    """
    from nephoscope.cli.session.asking import Asked, UsageError
    from nephoscope.cli.session.showing import show
    from nephoscope.kql.errors import KqlError

    text = query
    try:
        text = _text(query)
        if only_format:
            from nephoscope.kql import formatted

            click.echo(formatted(text), nl=False)
            return
        asked = Asked.of(text, options)
        if explain:
            click.echo(asked.explained())
            return
        found = asked.results()
        for note in asked.notes:
            click.echo(f"note: {note}", err=True)
        show(found, options)
    except KqlError as error:
        raise SystemExit(_told(error, text)) from error
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def _text(query: str) -> str:
    """The query itself, or what the file of that name holds."""
    from nephoscope.cli.session.asking import UsageError
    from nephoscope.sources.functions import FunctionError, query_of

    path = Path(query)
    if "\n" in query or "|" in query or path.suffix not in (".kql", ".txt", ".yaml", ".yml"):
        return query
    try:
        return query_of(path)
    except (OSError, FunctionError) as error:
        raise UsageError(str(error)) from error


def _told(error: Any, text: str) -> int:
    """Print every error with its place; the exit code."""
    for one in error.all:
        where = f"line {one.line}, column {one.column}: " if one.line else ""
        label = "" if one.kind == "invalid" else "not supported: "
        click.echo(f"error: {where}{label}{one.message}", err=True)
        if one.line:
            click.echo("\n".join(f"  {line}" for line in one.caret(text).split("\n")), err=True)
        if one.hint:
            click.echo(f"hint: {one.hint}", err=True)
    return INVALID
