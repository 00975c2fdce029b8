"""Result output: write query results to a terminal, pipe or file in the chosen format."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nephoscope.cli.results import BINARY, STYLED, load_renderer
from nephoscope.cli.session.output_stream import open_binary_output, open_output
from nephoscope.cli.session.query_session import ShownOptions, UsageError
from nephoscope.cli.terminal.sanitize_output import format_count

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult


def show_results(results: Sequence[QueryResult], options: ShownOptions) -> None:
    """Write results as `output`, `output_file` and `rows` of the options say; UsageError where the format cannot hold them."""
    form = options["output"]
    if form in BINARY:
        _write_bytes(results, options)
        return
    with open_output(options["output_file"], styled=form in STYLED or _is_for_program(options)) as out:
        if form == "csv" and options.get("csv_safe"):
            from nephoscope.cli.results.csv import render_escaped_rows

            render_escaped_rows(results, out)
        else:
            load_renderer(form)(results, out, options["rows"])


def _is_for_program(options: ShownOptions) -> bool:
    """Return whether a program reads it, by which control characters in values are kept: CSV that goes to no terminal."""
    for_program = options["output"] == "csv" and not options.get("csv_safe")
    return for_program and (options["output_file"] is not None or not sys.stdout.isatty())


def _write_bytes(results: Sequence[QueryResult], options: ShownOptions) -> None:
    form = options["output"]
    if len(results) != 1:
        raise UsageError(
            f"--output {form} supports one result, but the query returns {len(results)}: use json"
        )
    from nephoscope.cli.results.arrow_results import count_truncated_times

    lost = count_truncated_times(results[0].table)
    if lost:
        click.echo(
            (
                f"note: {format_count(lost, 'time')} truncated to microseconds, the precision of {form} "
                "and the lake"
            ),
            err=True,
        )
    try:
        with open_binary_output(options["output_file"]) as out:
            load_renderer(form)(results, out, options["rows"])
    except ValueError as error:
        raise UsageError(f"--output {form}: {error}") from error
