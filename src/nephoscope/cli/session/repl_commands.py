"""REPL commands of the query prompt: run a query, list tables, show columns, set output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from nephoscope.cli.results import BINARY, FORMATS
from nephoscope.cli.session.list_output import show_list
from nephoscope.cli.session.query_session import QueryOptions, QuerySession, UsageError
from nephoscope.cli.session.result_output import show_results
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope_kql.catalog import Catalog

_SHOWN = tuple(form for form in FORMATS if form not in BINARY)


class QueryRepl:
    """One conversation: what is shown, and how."""

    def __init__(self, session: QuerySession, report_error: Callable[[KqlError, str], int]) -> None:
        self._session = session
        self._told = report_error
        self._options: QueryOptions = {**session.options, "output_file": None}
        if self._options["output"] in BINARY:
            self._options["output"] = "table"

    def catalog(self) -> Catalog:
        """Return what names there are now."""
        with self._session.open_catalog() as (catalog, _):
            return catalog

    def run(self, text: str) -> None:
        """Run a query and show what it gives, or what is wrong with it."""
        try:
            answer = self._session.run_query(text)
            for note in answer.notes:
                click.echo(f"note: {note}", err=True)
            show_results(answer.results, self._options)
        except KqlError as error:
            self._told(error, text)

    def command(self, word: str, rest: str) -> None:
        """Do what a line `.word rest` asks for."""
        commands = {
            "tables": self._list_tables,
            "schema": self._show_schema,
            "output": self._set_output,
            "rows": self._set_rows,
        }
        if word not in commands:
            click.echo(f"error: unknown command .{word}: see .help", err=True)
            return
        try:
            commands[word](rest)
        except UsageError as error:
            click.echo(f"error: {error}", err=True)

    def _list_tables(self, rest: str) -> None:
        """The tables with rows; with a text, every known table whose name holds it."""
        with self._session.open_catalog() as (catalog, below):
            names = set(catalog.names())
            known = set(self._session.lake.tables.by_name) if self._session.lake and below and rest else set()
            found = sorted(name for name in names | known if rest.lower() in name.lower())
            rows = [
                {"table": name, "columns": len(table.columns)}
                for name in found
                if (table := catalog.find_table(name))
            ]
        show_list(rows, ("table", "columns"), "table", "table not found")

    def _show_schema(self, rest: str) -> None:
        with self._session.open_catalog() as (catalog, _):
            table = catalog.find_table(rest)
        if table is None:
            raise UsageError(f"table {rest!r} not found")
        rows = [{"column": name, "type": kind.value} for name, kind in table.columns]
        show_list(rows, ("column", "type"), "table")

    def _set_output(self, rest: str) -> None:
        if rest not in _SHOWN:
            raise UsageError(f".output must be one of {', '.join(_SHOWN)}")
        self._options["output"] = rest

    def _set_rows(self, rest: str) -> None:
        if not rest.isdecimal() or not int(rest):
            raise UsageError(".rows requires a number")
        self._options["rows"] = int(rest)
