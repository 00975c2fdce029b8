"""Configure, run and monitor log sources."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.filter_options import workspace_option
from nephoscope.cli.session.lake_access import lake_of, take_in
from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.secret_input import check_secret_names, pair, secret, secret_pair
from nephoscope.cli.session.service_context import acting, service_of
from nephoscope.cli.session.state_access import state_of
from nephoscope.cli.terminal.messages import tell, usage_error
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError
from nephoscope.state import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State
    from nephoscope.state.ingestion.sources import Source

COLUMNS: tuple[str, ...] = ("name", "kind", "workspace", "enabled", "lastSeen", "lag", "leftOut", "error")
HEALTH = (
    "source",
    "table",
    "status",
    "lastEvent",
    "rows",
    "lastHour",
    "expected",
    "delay",
    "quarantine",
    "untimed",
    "detail",
)
ERRORS = ("part", "error", "since", "last")
MISSING = ("resource", "type", "reason", "setting", "last")
FINDINGS = 1


@click.group("sources")
def command() -> None:
    """Configure, run and monitor log sources: storage containers, event hubs, Graph, the activity log,
    syslog, folders, and applications that send logs.
    """


@command.command("kinds")
@list_options
def kinds_(output: str) -> None:
    """List the kinds of sources with their settings and secrets."""
    from nephoscope.ingest.live.source_kinds import describe_kind, kinds

    rows = [
        {
            "kind": kind.name,
            "setting": one.name,
            "type": one.type,
            "default": one.default,
            "meaning": one.help,
        }
        for kind in kinds().values()
        for one in describe_kind(kind)
    ] + [
        {"kind": kind.name, "setting": name, "type": "secret", "default": "", "meaning": help_}
        for kind in kinds().values()
        for name, help_ in kind.secrets.items()
    ]
    columns = ("kind", "setting", "type", "default", "meaning")
    show_list(sorted(rows, key=lambda row: str(row["kind"])), columns, output)


_no_test = click.option(
    "--no-test", is_flag=True, help="Skip the connection test and the check of files and folders.",
)  # fmt: skip


@command.command("add")
@click.argument("name")
@click.option("--kind", required=True, metavar="KIND", help="Kind of source: see `nephoscope sources kinds`.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Setting of the source; separate list values by commas.",
)
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME[=env:VARIABLE|=file:PATH]",
    help=("Secret from an environment variable or a file; without either, you are prompted. " "Secrets are stored encrypted."),
)  # fmt: skip
@workspace_option("Destination workspace.")
@_no_test
@click.pass_obj
def add(
    data: Path,
    /,
    name: str,
    kind: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    workspace: str,
    no_test: bool,
) -> None:
    """Add the source NAME and test it."""
    from nephoscope.ingest.live import source_setup
    from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
    from nephoscope.service.sources import add_source
    from nephoscope.state.ingestion.sources import Source

    with _translate_errors():
        chosen = get_source_kind(kind)
        values = dict(pair(one) for one in settings)
        wanted = parse_settings(chosen, values)
        given = {name_: secret(name_, source) for name_, source in map(secret_pair, secrets)}
        check_secret_names(chosen.secrets, given)
        with _hint_at_later():
            source_setup.check(chosen, wanted, given, name, there=not no_test)
    with _translate_errors(), lake_of(data) as (lake, state):
        source = add_source(
            service_of(data, state),
            Source(name, kind, {}, workspace),
            values,
            given,
            there=not no_test,
            table=lake.tables.get,
        )
        click.echo(f"source {source.name} added")
        if kind == source_setup.TOKENS and not given:
            _new_token(service_of(data, state), source.name)
        told = source_setup.choice(state, source)
        if not no_test:
            try:
                told = _test_source(source, lake, state, data)
            except click.ClickException as error:
                tell(f"it is not reachable yet: {error.message}")
        if told:
            click.echo(told)


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List sources with their last event, backlog, dropped rows and last error. Rows are dropped if the
    source's workspace does not accept their table.
    """
    from nephoscope.cli.session.source_health import told_errors
    from nephoscope.ingest.live.source_setup import find_source_error

    with state_of(data) as state:
        health = {one.source: one for one in state.source_health.all() if not one.table}
        every = state.sources.all()
        errors = {one.name: find_source_error(state, one, health.get(one.name)) for one in every}
        rows = [
            {
                "name": one.name, "kind": one.kind, "workspace": one.workspace, "enabled": one.enabled,
                "lastSeen": health[one.name].last_seen if one.name in health else None,
                "lag": health[one.name].lag if one.name in health else None,
                "leftOut": health[one.name].left_out if one.name in health else 0,
                "error": errors[one.name], **told_errors(health.get(one.name)),
                "settings": dict(one.settings), "created": one.created,
            }
            for one in every
        ]  # fmt: skip
    show_list(rows, COLUMNS, output, "no sources: add one with nephoscope sources add NAME --kind KIND")


@command.command("show")
@click.argument("name")
@list_options
@click.pass_obj
def show(data: Path, /, name: str, output: str) -> None:
    """Show the errors of the source NAME: the last error of each part, and its start."""
    from nephoscope.cli.session.source_health import standing_errors

    with _translate_errors(), state_of(data) as state:
        rows = standing_errors(state, state.sources.get(name))
    show_list(rows, ERRORS, output, f"{name} has no errors")


@command.command("test")
@click.argument("name")
@click.pass_obj
def test(data: Path, /, name: str) -> None:
    """Test the connection of the source NAME without reading from it."""
    with _translate_errors(), lake_of(data) as (lake, state):
        click.echo(_test_source(state.sources.get(name), lake, state, data))


@command.command("set")
@click.argument("name")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Setting to change; other settings are preserved.",
)
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME[=env:VARIABLE|=file:PATH]",
    help="Secret that replaces the present one.",
)
@click.option(
    "--enable/--disable", "enabled", default=None, help="Enable or disable the source in `sources run`."
)
@_no_test
@click.pass_obj
def set_(
    data: Path,
    /,
    name: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    enabled: bool | None,
    no_test: bool,
) -> None:
    """Change the source NAME; `serve` and waiting sources apply the change automatically."""
    from nephoscope.ingest.live.source_kinds import get_source_kind
    from nephoscope.service.sources import change_source

    with _translate_errors(), state_of(data) as state:
        kind = get_source_kind(state.sources.get(name).kind)
        given = {name_: secret(name_, place) for name_, place in map(secret_pair, secrets)}
        check_secret_names(kind.secrets, given)
        values = dict(pair(one) for one in settings)
        wanted = values if settings or given else None
        with _hint_at_later():
            change_source(service_of(data, state), name, wanted, given, enabled=enabled, there=not no_test)
        click.echo(f"source {name} changed")


@command.command("token")
@click.argument("name")
@click.option("--revoke", is_flag=True, help="Revoke all previous tokens.")
@click.pass_obj
def token(data: Path, /, name: str, revoke: bool) -> None:
    """Create a token for the source NAME (of the kind logs_ingestion). It is shown once and stored as a
    hash.
    """
    with _translate_errors(), acting(data) as service:
        _new_token(service, name, revoke=revoke)


@command.command("remove")
@click.argument("name")
@click.pass_obj
def remove(data: Path, /, name: str) -> None:
    """Delete the source NAME with its checkpoints and secrets; ingested data is preserved."""
    from nephoscope.service.sources import remove_source

    with acting(data) as service:
        remove_source(service, name)
        click.echo(f"source {name} removed")


@command.command("run")
@click.argument("names", nargs=-1)
@click.pass_obj
def run(data: Path, /, names: tuple[str, ...]) -> None:
    """Run the sources NAMES, or all enabled sources, until SIGTERM or Ctrl-C; rows read by then are stored."""
    import signal

    from nephoscope.ingest.live.supervisor import SourceSupervisor
    from nephoscope.lake.writing.memory_release import give_back

    give_back()
    with _translate_errors(), lake_of(data, keeps=True) as (lake, state):
        chosen = [state.sources.get(name) for name in dict.fromkeys(names)]
        chosen = chosen or [one for one in state.sources.all() if one.enabled]
        if not chosen:
            usage_error("no sources: add one with nephoscope sources add NAME --kind KIND")
        supervisor = SourceSupervisor(lake, state, data, say=tell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stop.set())
        tell(f"running {', '.join(one.name for one in chosen)}")
        supervisor.run(chosen)
        tell("stopped")


@command.command("health")
@click.option(
    "--missing", is_flag=True, help="List resources in the estate whose diagnostic or flow logs never arrive."
)
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=1,
    show_default=True,
    help="With --missing: days without logs after which they count as missing.",
)
@list_options
@click.pass_obj
def health(data: Path, /, missing: bool, days: int, output: str) -> None:
    """Show ingestion health by source and table: last event, rate compared with the baseline, delay, and
    quarantined rows. Exits 1 if something is unusual, or with --missing if logs are missing.
    """
    from nephoscope.cli.session.source_health import health_rows, missing_rows, short

    with _translate_errors(), lake_of(data) as (lake, state):
        take_in(data, lake, state)
        rows = missing_rows(lake, state, data, days) if missing else health_rows(state)
    if missing and output == "table":
        show_list(*short(rows), output, "no resource is missing logs")
        sys.exit(FINDINGS if rows else 0)
    nothing = "no resource is missing logs" if missing else "no source has ingested anything yet"
    show_list(rows, MISSING if missing else HEALTH, output, nothing)
    if (missing and rows) or any(row.get("status") not in (None, "ok") for row in rows):
        sys.exit(FINDINGS)


#: How the command is told what a kind wants; other surfaces have fields for it.
HOW = "settings are given with --set NAME=VALUE, secrets with --secret NAME: see docs/reference/sources.md"


@contextmanager
def _hint_at_later() -> Iterator[None]:
    """What is missing now may come later: whoever is told of it is told how to go on without."""
    try:
        yield
    except SourceSettingsError:
        raise
    except SourceError as error:
        raise SourceError(f"{error}: fix it, or use --no-test") from error


def _test_source(source: Source, lake: Lake, state: State, data: Path) -> str:
    from nephoscope.ingest.live import source_setup

    try:
        return f"source {source.name}: {source_setup.test(lake, state, data, source.name)}"
    except (SourceError, StateError) as error:
        raise click.UsageError(f"source {source.name}: {error}") from error


@contextmanager
def _translate_errors() -> Iterator[None]:
    """End the command for what sources raise, with a sentence and exit code 2."""
    from nephoscope.ingest.source_failures import SourceError, SourceSettingsError

    try:
        yield
    except SourceSettingsError as error:
        usage_error(f"{error}; {HOW}")
    except SourceError as error:
        usage_error(str(error))


def _new_token(context: ServiceContext, name: str, *, revoke: bool = False) -> None:
    from nephoscope.service.sources import make_source_token

    try:
        made = make_source_token(context, name, revoke=revoke)
    except StateError as error:
        raise click.UsageError(str(error)) from error
    click.echo("token, shown only once (a running process accepts it after a restart):", err=True)
    click.echo(made)
