"""Run hunting queries as a set, and bookmark rows of their results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from nephoscope.cli.session.filter_options import add_limit_option, add_workspace_option
from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.operations.detection import bookmarks as bookmark_operations

if TYPE_CHECKING:
    from nephoscope.alerts.library.hunting import HuntingFilter, HuntingRange, HuntingResult, HuntingRunner
    from nephoscope.alerts.rules.query_result import RuleResultRow
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.state import State

FAULT = 3
DAY = timedelta(days=1)
COLUMNS = ("query", "hits", "delta", "tactics", "techniques", "seconds", "error")
BOOKMARKS = ("id", "created", "name", "entities", "tags", "notes", "incident")
_Command = TypeVar("_Command", bound=Callable[..., object])


_workspace = add_workspace_option()


def _add_range_options(command: _Command) -> _Command:
    """The options of what is looked at, and by which queries."""
    for option in (
        click.option("--until", type=Instant(), metavar="TIME", help="End of the time range (default: now)."),
        click.option("--since", type=Instant(), metavar="TIME", help="Start of the time range (default: a day before --until)."),
        click.option(
            "--queries", "folders", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
            help="File or folder of hunting queries, instead of shipped and imported queries.",
        ),
    ):  # fmt: skip
        command = option(command)
    return _workspace(command)


class _HuntingOptions(TypedDict):
    workspace: str
    folders: tuple[Path, ...]
    since: datetime | None
    until: datetime | None


class _HuntFilterOptions(_HuntingOptions):
    names: tuple[str, ...]
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    tables: tuple[str, ...]
    every: bool
    output: str


class _BookmarkOptions(_HuntingOptions):
    notes: str
    tags: tuple[str, ...]
    title: str


@click.group("hunt", invoke_without_command=True)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="TEXT",
    help="Run only queries whose name or ID contains this text.",
)
@click.option(
    "--tactic", "tactics", multiple=True, metavar="NAME", help="Run only queries with this ATT&CK tactic."
)
@click.option(
    "--technique",
    "techniques",
    multiple=True,
    metavar="ID",
    help="Run only queries with this technique or one of its sub-techniques.",
)
@click.option(
    "--table", "tables", multiple=True, metavar="NAME", help="Run only queries that read this table."
)
@click.option("--all", "every", is_flag=True, help="Include queries without results.")
@_add_range_options
@add_list_format_option
@click.pass_context
def command(context: click.Context, /, **options: Unpack[_HuntFilterOptions]) -> None:
    """Run hunting queries over a time range: number of results, and change since the last run. Queries with
    their own time filter (such as ago()) see all rows before --until; other queries see only the range.
    Exits 3 if a query could not run.
    """
    if context.invoked_subcommand is not None:
        return
    data: Path = context.obj
    with _open_hunting_run(data, options["workspace"]) as (hunt, state):
        now, over = _resolve_range(options)
        chosen = hunt.choose(_load_queries(data, options["folders"]), _make_choice(options))
        if not chosen:
            exit_with_usage_error(
                "no hunting query matches: load others with --queries DIR or `content import`"
            )
        last = state.hunting_runs.last(hunt.workspace)
        found = list(hunt.run(chosen, over, last, now))
        state.hunting_runs.put(one.run for one in found)
    _print_hunting_results(found, options["output"], every=options["every"])
    if any(one.run.error for one in found):
        sys.exit(FAULT)


def _make_choice(options: _HuntFilterOptions) -> HuntingFilter:
    from nephoscope.alerts.library.hunting import HuntingFilter

    return HuntingFilter(options["names"], options["tactics"], options["techniques"], options["tables"])


def _print_hunting_results(found: list[HuntingResult], form: str, *, every: bool) -> None:
    for line in dict.fromkeys(f"{one.query.name}: {gap}" for one in found for gap in one.gaps):
        print_message(line)
    rows = [_build_row(one) for one in sorted(found, key=lambda one: (-one.run.hits, one.query.name))]
    if form == "table":
        hits = sum(one.run.hits > 0 for one in found)
        errors = sum(bool(one.run.error) for one in found)
        print_message(f"{len(rows):,} queries run, {hits:,} with hits, {errors:,} failed")
        rows = rows if every else [row for row in rows if row["hits"] or row["error"] or row["delta"]]
        rows = [{**row, "error": str(row["error"]).partition("\n")[0][:120]} for row in rows]
    show_list(rows, COLUMNS, form)


def _build_row(one: HuntingResult) -> dict[str, object]:
    return {
        "query": one.query.name,
        "id": one.query.id,
        "hits": one.run.hits,
        "delta": one.delta,
        "tactics": list(one.query.tactics),
        "techniques": list(one.query.techniques),
        "since": one.run.since,
        "until": one.run.until,
        "seconds": round(one.run.seconds, 3),
        "gaps": list(one.gaps),
        "error": one.run.error,
    }


@command.command("run")
@click.argument("name")
@click.option(
    "--most", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Maximum number of rows."
)
@_add_range_options
@add_list_format_option
@click.pass_obj
def run(data: Path, /, name: str, most: int, output: str, **options: Unpack[_HuntingOptions]) -> None:
    """Show the results of the hunting query NAME (a name, an ID, or a unique part of either). Each row has a
    mark; `hunt bookmark` saves rows by their mark.
    """
    with _open_hunting_run(data, options["workspace"]) as (hunt, _):
        rows = _fetch_rows(hunt, _require_query(data, name, options["folders"]), *_resolve_range(options))
    shown = [
        {"mark": mark, **{key: _to_cell(value) for key, value in row.document().items()}}
        for mark, row in rows[:most]
    ]
    columns = tuple(shown[0]) if shown else ()
    show_list(shown, columns, output, "no rows")
    if len(rows) > most:
        print_message(f"{len(rows) - most:,} more rows: use --most to show them")


def _to_cell(value: object) -> object:
    import json

    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


@command.command("bookmark")
@click.argument("name")
@click.argument("marks", nargs=-1, required=True)
@click.option("--note", "notes", default="", metavar="TEXT", help="Note.")
@click.option("--tag", "tags", multiple=True, metavar="TEXT", help="Tag; may be repeated.")
@click.option(
    "--as", "title", default="", metavar="NAME", help="Name of the bookmark (default: the name of the query)."
)
@_add_range_options
@click.pass_obj
def bookmark(data: Path, /, name: str, marks: tuple[str, ...], **options: Unpack[_BookmarkOptions]) -> None:
    """Save results of the hunting query NAME as bookmarks, by the marks that `hunt run` shows for the same
    range.
    """
    from nephoscope.lake.writing.outbox import deliver_outbox
    from nephoscope.service.bookmarks import keep_row

    with _open_hunting_run(data, options["workspace"]) as (hunt, state):
        query = _require_query(data, name, options["folders"])
        now, over = _resolve_range(options)
        rows = dict(reversed(_fetch_rows(hunt, query, now, over)))
        if missing := [one for one in marks if one not in rows]:
            exit_with_usage_error(
                f"no row of {query.name} has the mark {missing[0]} in this range: see the marks in `hunt run`"
            )
        context = build_context(data, state)
        for one in marks:
            kept = keep_row(
                context, hunt.workspace, query, rows[one], over,
                mark=one, name=options["title"], notes=options["notes"], tags=options["tags"],
            )  # fmt: skip
            click.echo(kept.id)
        deliver_outbox(hunt.lake, state)


@command.command("bookmarks")
@_workspace
@add_limit_option()
@add_list_format_option
@click.pass_obj
def bookmarks(data: Path, /, workspace: str, most: int, output: str) -> None:
    """List bookmarks, newest first."""
    with open_state(data) as state:
        found = state.bookmarks.list_newest(find_workspace(state, workspace).name, most)
    rows = [
        {
            "id": one.id if output != "table" else one.id[:8],
            "created": one.created,
            "name": one.name,
            "query": one.query_name,
            "entities": one.entities if output == "json" else _list_entity_titles(one.entities),
            "tags": one.tags,
            "notes": one.notes,
            "incident": one.incident,
            "author": one.author,
            "eventTime": one.event_time,
            "row": one.row,
        }
        for one in found
    ]
    show_list(rows, BOOKMARKS, output, "no bookmarks")


def _list_entity_titles(entities: list[dict[str, object]]) -> list[str]:
    from nephoscope.model.entity import Entity

    return [Entity.read(one).title for one in entities]


def _resolve_range(options: _HuntingOptions) -> tuple[datetime, HuntingRange]:
    """Now, and the range that the options say."""
    from nephoscope.alerts.library.hunting import HuntingRange

    now = datetime.now(UTC)
    until = options["until"] or now
    since = options["since"] or until - DAY
    if since >= until:
        exit_with_usage_error(
            f"the range from {since:%Y-%m-%dT%H:%M:%SZ} to {until:%Y-%m-%dT%H:%M:%SZ} is empty"
        )
    return now, HuntingRange(since, until)


def _load_queries(data: Path, folders: tuple[Path, ...]) -> list[AnalyticRule]:
    """The queries; each file that cannot be used is told."""
    from nephoscope.alerts.library.content_packs import PackError, RulePacks
    from nephoscope.alerts.library.hunting import collect_queries, load_queries, load_shipped_queries

    try:
        several = [load_queries(one) for one in folders] or [
            load_shipped_queries(),
            collect_queries(RulePacks(data).all()),
        ]
    except PackError as error:
        exit_with_usage_error(str(error))
    for one in (one for each in several for one in each.refused):
        print_message(f"{one.place}: {'; '.join(one.reasons)}")
    known: dict[str, AnalyticRule] = {}
    for query in (query for each in several for query in each.rules):
        known.setdefault(query.id, query)
    return list(known.values())


def _require_query(data: Path, name: str, folders: tuple[Path, ...]) -> AnalyticRule:
    from nephoscope.alerts.rules.renamed_rules import choose_rules

    queries = _load_queries(data, folders)
    found = choose_rules(queries, name) or [one for one in queries if name.casefold() in one.name.casefold()]
    if len(found) != 1:
        names = ", ".join(sorted(one.name for one in found)[:5])
        exit_with_usage_error(
            f"{len(found) or 'no'} hunting queries match {name!r}{': ' if names else ''}{names}"
        )
    return found[0]


def _fetch_rows(
    hunt: HuntingRunner, query: AnalyticRule, now: datetime, over: HuntingRange
) -> list[tuple[str, RuleResultRow]]:
    from nephoscope_kql.errors import KqlError

    try:
        return hunt.run_query(query, over, now)
    except KqlError as error:
        print_message(f"{query.name}: {error}")
        sys.exit(FAULT)


@contextmanager
def _open_hunting_run(data: Path, workspace: str) -> Iterator[tuple[HuntingRunner, State]]:
    """What hunts in a workspace; what waited for the lake is in it."""
    from nephoscope.alerts.library.hunting import HuntingRunner

    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        yield HuntingRunner(lake, find_workspace(state, workspace).name), state


add_operations(command, bookmark_operations.OPERATIONS)
