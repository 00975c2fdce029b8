"""List output: a table for a terminal, JSON or CSV for a program."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

import click

#: Tables show the first digits of a digest, which name an image as well.
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
#: Characters that a column that is folded keeps at least, if there is room.
_FOLDED_WIDTH = 9
FORMATS = ("table", "json", "csv")
_Command = TypeVar("_Command", bound=Callable[..., object])
Row = Mapping[str, object]


def add_format_option(*forms: str, help: str = "Output format.") -> Callable[[_Command], _Command]:  # noqa: A002 - click's name
    """Make the option of the format of what a command shows; the first of the forms is the default."""
    return click.option(
        "--output", "-o", type=click.Choice(forms), default=forms[0], show_default=True, help=help
    )


def add_list_format_option(command: _Command) -> _Command:
    """Add the option of the format of a list."""
    return add_format_option(*FORMATS, help="Output format.")(command)


def to_file(command: _Command) -> _Command:
    """Add the option of the file that the output goes to."""
    option = click.option(
        "--output-file", type=click.Path(dir_okay=False), help="Write the output to this file."
    )
    return option(command)


def show_list(rows: Sequence[Row], columns: Sequence[str], form: str, nothing: str = "") -> None:
    """Print the rows; `columns` are the keys that all but JSON show, which shows all. `nothing` is said where there is no row."""
    if form == "json":
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(list(rows)), indent=2))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_to_csv_cell(row.get(name)) for name in columns] for row in rows)
    elif form == "markdown":
        _print_markdown(rows, columns)
    else:
        if rows:
            _print_table(rows, columns)
        elif nothing:
            click.echo(f"nephoscope: {nothing}", err=True)


def _print_markdown(rows: Sequence[Row], columns: Sequence[str]) -> None:
    click.echo(f"| {' | '.join(columns)} |")
    click.echo("|" + "---|" * len(columns))
    for one in rows:
        cells = ("" if one[name] is None else str(one[name]).replace("|", "\\|") for name in columns)
        click.echo(f"| {' | '.join(cells)} |")


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from nephoscope.cli.terminal.console import create_console

    table, console = Table(box=None, pad_edge=False, header_style="bold"), create_console(sys.stdout)
    cells = [[_format_for_person(name, row.get(name)) for name in columns] for row in rows]
    whole = _choose_unwrapped_columns(cells, columns, console.width)
    for at, name in enumerate(columns):
        numeric = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(
            escape(name), justify="right" if numeric else "left", overflow="fold", no_wrap=at in whole
        )
    for texts in cells:
        table.add_row(*map(escape, texts))
    console.print(table)


def _choose_unwrapped_columns(cells: Sequence[Sequence[str]], names: Sequence[str], width: int) -> set[int]:
    """Return the columns that are not folded, the narrowest first, as far as each of the others keeps a readable width."""
    widths = [max(map(len, texts)) + 2 for texts in zip(names, *cells, strict=True)]
    chosen: set[int] = set()
    for at in sorted(range(len(widths)), key=widths.__getitem__):
        taken = sum(widths[one] for one in chosen) + widths[at]
        if taken + _FOLDED_WIDTH * (len(widths) - len(chosen) - 1) > width:
            break
        chosen.add(at)
    return chosen


def _format_for_person(name: str, value: object) -> str:
    if name == "size" and isinstance(value, int):
        return format_size(value)
    if name == "firstSeen" and isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _DIGEST.sub(r"\1", _to_text(value))


def _to_csv_cell(value: object) -> str:
    from nephoscope.cli.results.csv import escape_formula

    return escape_formula(_to_text(value)) if isinstance(value, str | list | tuple) else _to_text(value)


def _to_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def format_size(size: int) -> str:
    """`1.5 MiB`."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
