"""Monitor the integrity of files."""

from __future__ import annotations

import sys
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Literal

import click

from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message

if TYPE_CHECKING:
    from nephoscope.protect.files.file_change import FileChange
    from nephoscope.protect.files.monitoring_settings import MonitoringSettings

COLUMNS = ("change", "path", "fields", "before", "after")
CHANGED = 1


@click.group("files")
def command() -> None:
    """Monitor files of hosts: hashes, owners, modes and extended attributes against an approved baseline."""


_NAME = click.argument("name", default="", metavar="[HOST]")
_SETTINGS = click.option(
    "--settings", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="JSON document of rules and maintenance windows (default: recommended paths).",
)  # fmt: skip


@command.command("paths")
@click.option(
    "--system",
    type=click.Choice(("linux", "windows")),
    default="linux",
    show_default=True,
    help="Operating system.",
)
@add_list_format_option
def paths(system: Literal["linux", "windows"], output: str) -> None:
    """List the paths that are recommended for an operating system."""
    from nephoscope.protect.files.monitored_paths import list_recommended_paths

    rows = [{"path": one.path, "exclude": ", ".join(one.exclude)} for one in list_recommended_paths(system)]
    show_list(rows, ("path", "exclude"), output)


@command.command("list")
@add_list_format_option
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List the monitored hosts."""
    from nephoscope.protect.files.monitored_host import MonitoredHostError, list_hosts, load_host

    try:
        hosts = [load_host(data, name) for name in list_hosts(data)]
    except MonitoredHostError as error:
        exit_with_usage_error(str(error))
    rows = [
        {
            "host": one.name, "root": one.root, "files": len(one.seen), "scannedAt": one.scanned_at, "approvedAt": one.approved_at,
            "approvedBy": one.approved_by,
        }
        for one in hosts
    ]  # fmt: skip
    show_list(
        rows, ("host", "root", "files", "scannedAt", "approvedAt", "approvedBy"), output, "no monitored hosts"
    )


@command.command("start")
@_NAME
@click.option(
    "--root",
    default="/",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Root of the host's files.",
)
@_SETTINGS
@click.pass_obj
def start(data: Path, /, name: str, root: Path, file: Path | None) -> None:
    """Approve the files of HOST (default: this host) as they are now as its baseline. A further start replaces it."""
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.protect.files.file_scan import MonitoringScanError
    from nephoscope.protect.files.monitored_host import MonitoredHostError
    from nephoscope.service.file_integrity import start_monitoring

    with open_context(data) as service:
        try:
            host = start_monitoring(
                service, name or gethostname(), root.absolute(), _read_monitoring_settings(file)
            )
        except (MonitoringScanError, MonitoredHostError) as error:
            exit_with_usage_error(str(error))
    click.echo(f"{host.name}: {len(host.approved):,} files in the baseline")
    if unread := sum(1 for one in host.approved.values() if one.problem):
        print_message(f"{unread:,} files cannot be read: run as root")


@command.command("set")
@click.argument("name", metavar="HOST")
@click.option(
    "--settings", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="JSON document of rules and maintenance windows.",
)  # fmt: skip
@click.pass_obj
def set_(data: Path, /, name: str, file: Path) -> None:
    """Change the rules and maintenance windows of HOST."""
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.protect.files.monitored_host import MonitoredHostError
    from nephoscope.service.file_integrity import change_settings

    with open_context(data) as service:
        try:
            change_settings(service, name, _read_monitoring_settings(file))
        except MonitoredHostError as error:
            exit_with_usage_error(str(error))


@command.command("scan")
@_NAME
@click.option("--resource", default="", metavar="ID", help="Resource ID of the machine, for its rows.")
@click.option("--workspace", default="default", show_default=True, help="Workspace of the rows.")
@click.option("--new", "only_new", is_flag=True, help="Show only changes since the last scan.")
@click.option("--fail-on-change", is_flag=True, help="Exit 1 if files differ from the baseline.")
@add_list_format_option
@click.pass_obj
def scan(
    data: Path, /, name: str, resource: str, workspace: str, only_new: bool, fail_on_change: bool, output: str
) -> None:
    """Compare the files of HOST with its baseline. Each new change is a row of
    MDCFileIntegrityMonitoringEvents; changes within a maintenance window are approved.
    """
    from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
    from nephoscope.cli.session.service_context import build_context
    from nephoscope.protect.files.file_scan import MonitoringScanError
    from nephoscope.protect.files.monitored_host import MonitoredHostError
    from nephoscope.service.file_integrity import scan_host

    with open_lake(data) as (lake, state):
        try:
            found = scan_host(build_context(data, state), name or gethostname(), resource, workspace)
        except (MonitoringScanError, MonitoredHostError) as error:
            exit_with_usage_error(str(error))
        flush_pending_rows(data, lake, state)
    show_list(
        [_build_row(one) for one in (found.new if only_new else found.open)], COLUMNS, output, "no changes"
    )
    maintenance = f"; maintenance: {found.window.reason or 'a window is open'}" if found.window else ""
    print_message(
        f"{found.files:,} files: {len(found.open):,} differ from the baseline, {len(found.new):,} new{maintenance}"
    )
    sys.exit(CHANGED if fail_on_change and found.open else 0)


@command.command("approve")
@click.argument("name", metavar="HOST")
@click.argument("patterns", nargs=-1, metavar="[PATH...]")
@click.option("--reason", default="", help="Justification, stored in the audit log.")
@click.pass_obj
def approve(data: Path, /, name: str, patterns: tuple[str, ...], reason: str) -> None:
    """Approve the changes at each PATH (with * as a wildcard; default: all) that the last scan of HOST saw."""
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.protect.files.monitored_host import MonitoredHostError
    from nephoscope.service.file_integrity import approve_changes

    with open_context(data) as service:
        try:
            found = approve_changes(service, name, patterns, reason)
        except MonitoredHostError as error:
            exit_with_usage_error(str(error))
    click.echo(f"{len(found):,} changes approved")


def _read_monitoring_settings(file: Path | None) -> MonitoringSettings:
    from nephoscope.protect.files.monitoring_settings import (
        MonitoringSettings,
        MonitoringSettingsError,
        read_settings,
    )

    if file is None:
        return MonitoringSettings()
    try:
        return read_settings(file.read_bytes())
    except MonitoringSettingsError as error:
        exit_with_usage_error(f"{file}: {error}")


def _build_row(one: FileChange) -> dict[str, object]:
    return {
        "change": one.change, "path": one.path, "fields": ", ".join(one.fields),
        "before": one.before.describe() if one.before else "", "after": one.after.describe() if one.after else "",
        "diff": list(one.diff),
    }  # fmt: skip
