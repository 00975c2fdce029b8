"""Manage trusted locations and egress ranges, which detections ignore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message

if TYPE_CHECKING:
    from nephoscope.estate.estate import Estate
    from nephoscope.service.watchlists import WatchlistStore

COLUMNS = ("range", "kind", "name", "trusted", "source")
EGRESS_COLUMNS = ("address", "kind", "name", "known", "resource")
ENTRA_COLUMNS = ("range", "name", "trusted", "known")
SUGGESTED = ("address", "accounts", "days", "failed")
_TOLD = 20
_WORKSPACE = add_workspace_option()


@click.group("locations")
def command() -> None:
    """Manage trusted locations and egress ranges, as returned by `_NamedLocations()` and
    `_IsTrustedAddress()`.
    """


@command.command("list")
@_WORKSPACE
@add_list_format_option
@click.pass_obj
def list_(data: Path, /, workspace: str, output: str) -> None:
    """List named locations and known egress addresses of the workspace."""
    text = "_NamedLocations() | project Range, Kind, Name, Trusted, Source | order by Source asc, Range asc"
    with open_lake(data) as (lake, state):
        found = lake.rows(text, workspace=find_workspace(state, workspace).name).to_pylist()
    rows = [{name.lower(): value for name, value in one.items()} for one in found]
    show_list(rows, COLUMNS, output, "no named locations")


@contextmanager
def _open_watchlist_store(data: Path, workspace: str) -> Iterator[WatchlistStore]:
    from nephoscope.lake.writing.outbox import deliver_outbox
    from nephoscope.service.watchlists import WatchlistStore

    with open_lake(data) as (lake, state):
        yield WatchlistStore(build_context(data, state), lake, find_workspace(state, workspace).name)
        deliver_outbox(lake, state)


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_WORKSPACE
@click.pass_obj
def import_(data: Path, /, file: Path, workspace: str) -> None:
    """Import Entra's named locations from FILE: the response of Graph's
    /identity/conditionalAccess/namedLocations. For other lists, use `watchlists update NamedLocations
    FILE.csv` with the columns Address, Name, Country, Trusted, Tags.
    """
    from nephoscope.alerts.tuning.named_locations import NAMED, NamedLocationError, read
    from nephoscope.service.watchlists import put_locations

    try:
        items = read(file)
    except NamedLocationError as error:
        exit_with_usage_error(str(error))
    with _open_watchlist_store(data, workspace) as store:
        print_message(f"{NAMED}: {put_locations(store, NAMED, items, 'import')}")


@command.command("suggest")
@_WORKSPACE
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=14,
    show_default=True,
    help="Days of sign-ins to analyze.",
)
@add_list_format_option
@click.pass_obj
def suggest(data: Path, /, workspace: str, days: int, output: str) -> None:
    """Suggest egress addresses: many users sign in from them on several days, with few failures."""
    from nephoscope.alerts.tuning.named_locations import suggest_locations

    now = datetime.now(UTC)
    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        found = suggest_locations(
            lake, find_workspace(state, workspace).name, now - timedelta(days=days), now
        )
    rows: list[dict[str, object]] = [
        {"address": one.address, "accounts": one.accounts, "days": one.days, "failed": round(one.failed, 3)}
        for one in found
    ]
    show_list(rows, SUGGESTED, output, "no unknown address is shared by many users")


@command.command("add")
@click.argument("addresses", nargs=-1, required=True)
@_WORKSPACE
@click.option("--name", default="", metavar="TEXT", help="Description of the addresses.")
@click.pass_obj
def add(data: Path, /, addresses: tuple[str, ...], workspace: str, name: str) -> None:
    """Add ADDRESSES (or ranges) to the watchlist KnownEgress."""
    from ipaddress import ip_network

    from nephoscope.alerts.tuning.named_locations import EGRESS
    from nephoscope.service.watchlists import put_locations

    for one in addresses:
        try:
            ip_network(one, strict=False)
        except ValueError:
            exit_with_usage_error(f"{one!r} is not an address or a range such as 203.0.113.0/24")
    items = [{"Address": one, "Name": name, "Tags": ""} for one in addresses]
    with _open_watchlist_store(data, workspace) as store:
        print_message(f"{EGRESS}: {put_locations(store, EGRESS, items, 'add')}")


@command.command("estate")
@_WORKSPACE
@click.option(
    "--take",
    is_flag=True,
    help="Update the watchlist KnownEgress, and remove addresses that no longer exist.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Include unattached addresses and addresses of single machines or load balancers.",
)
@add_list_format_option
@click.pass_obj
def estate(data: Path, /, workspace: str, take: bool, everything: bool, output: str) -> None:
    """List known egress addresses in the estate: public addresses of NAT and VPN gateways, firewalls, and
    sites behind a VPN. Addresses of single machines are excluded without --all, because an attacker on
    that machine would be trusted.
    """
    from nephoscope.alerts.tuning.named_locations import EGRESS
    from nephoscope.alerts.tuning.own_egress import TAG, list_egress_addresses

    found = [one for one in list_egress_addresses(_load_estates(data)) if one.shared or everything]
    with _open_watchlist_store(data, workspace) as store:
        if take:
            items = [{"Address": one.address, "Name": f"{one.kind} {one.name}", "Tags": TAG} for one in found]
            print_message(_apply_found(store, EGRESS, items))
        known = _list_addresses(store, EGRESS)
    rows: list[dict[str, object]] = [
        {"address": one.address, "kind": one.kind, "name": one.name, "known": one.address in known, "resource": one.resource}
        for one in found
    ]  # fmt: skip
    show_list(rows, EGRESS_COLUMNS, output, "the estate has no shared public address")


@command.command("entra")
@_WORKSPACE
@click.option(
    "--take",
    is_flag=True,
    help="Update the watchlist NamedLocations, and remove locations that no longer exist.",
)
@add_list_format_option
@click.pass_obj
def entra(data: Path, /, workspace: str, take: bool, output: str) -> None:
    """List Entra's named locations in the estate (`nephoscope collect` reads them)."""
    from nephoscope.alerts.tuning.named_locations import NAMED, NamedLocationError, merge_locations

    try:
        found = merge_locations(_load_estates(data))
    except NamedLocationError as error:
        exit_with_usage_error(str(error))
    with _open_watchlist_store(data, workspace) as store:
        if take:
            print_message(_apply_found(store, NAMED, found))
        known = _list_addresses(store, NAMED)
    rows: list[dict[str, object]] = [
        {"range": one["Address"], "name": one["Name"], "trusted": one["Trusted"], "known": one["Address"] in known}
        for one in found
    ]  # fmt: skip
    show_list(rows, ENTRA_COLUMNS, output, "the estate has no named locations")


def _load_estates(data: Path) -> tuple[Estate, ...]:
    """Return what was scanned or collected last of every tenant."""
    from nephoscope.estate.tenant_stores import load_newest

    found = load_newest(data)
    if not found:
        exit_with_usage_error(
            f"{data} has no estate yet: run `nephoscope scan` or `nephoscope collect` first"
        )
    return found


def _list_addresses(store: WatchlistStore, alias: str) -> set[str]:
    """The addresses that a watchlist holds."""
    rows = store.lake.rows(f"_GetWatchlist('{alias}') | project SearchKey", workspace=store.workspace)
    return {str(one["SearchKey"]) for one in rows.to_pylist()}


def _apply_found(store: WatchlistStore, alias: str, found: list[dict[str, str]]) -> str:
    """Put what the estate holds into a watchlist, drop what came from it before and is gone; what that came to."""
    from nephoscope.alerts.tuning import named_locations
    from nephoscope.alerts.tuning import own_egress as egress
    from nephoscope.service.watchlists import sync_locations

    tag = {named_locations.EGRESS: egress.TAG, named_locations.NAMED: named_locations.TAG}[alias]
    changed, dropped = sync_locations(store, alias, found, tag)
    return f"{alias}: {changed}, {dropped} removed that no longer exist in the estate"
