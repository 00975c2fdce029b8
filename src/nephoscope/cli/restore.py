"""Restore a data folder from a backup, after verifying every hash."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.state_access import find_state_url
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.cli.terminal.sanitize_output import escape_controls, format_count
from nephoscope.state import StateError

if TYPE_CHECKING:
    from nephoscope.lake.backup.backup_archive import BackupManifest
    from nephoscope.serve.restore_item import PolicyItem


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--check",
    "only_check",
    is_flag=True,
    help=("Verify FILE, compare its hashes and list the effects of a restore, without writing anything."),
)
@click.option(
    "--accept",
    default="",
    metavar="DIGEST",
    help="Accept the listed effects of FILE: the digest that --check prints below the list.",
)
@click.pass_obj
def command(data: Path, /, file: Path, only_check: bool, accept: str) -> None:
    """Restore the backup FILE into the data folder, which must be empty or absent; --state names an empty
    database. The restore is atomic: the folder appears when it is complete. Programs, receivers, users,
    sign-in providers, sources, certificates and suppressions in the backup that would take effect on this
    machine are listed. You confirm them by typing their digest or with --accept: hashes prove that a
    backup is complete, not who wrote it.
    """
    from nephoscope.lake.backup.backup_archive import BackupError

    try:
        manifest = _check_backup(file) if only_check else _restore_backup(data, file, accept)
    except (BackupError, StateError) as error:
        exit_with_usage_error(f"{file}: {error}" if isinstance(error, BackupError) else str(error))
    files = f"{format_count(len(manifest.entries), 'file')} as backed up at {manifest.made}"
    click.echo(f"{file}: {files}" if only_check else f"{data}: {files}")
    if not only_check and not manifest.keys:
        _print_left_out(data)


def _check_backup(file: Path) -> BackupManifest:
    """Compare the hashes of a backup, and list what it decides with the digest that accepts it."""
    manifest, items = _inspect_backup(file)
    if items:
        click.echo(
            f"to accept everything: restore {file} --accept {_compute_confirmation(manifest)}", err=True
        )
    return manifest


def _inspect_backup(file: Path) -> tuple[BackupManifest, list[PolicyItem]]:
    """The manifest of a backup and what it decides, which is listed on the error stream."""
    from nephoscope.cli.session.session import show_progress_line
    from nephoscope.lake.backup.backup_restore import check
    from nephoscope.serve.backup_policy import list_policy

    items: list[PolicyItem] = []
    with show_progress_line() as tell:
        manifest = check(file, tell, lambda folder, known: items.extend(list_policy(folder, known.names)))
    _print_policy_items(items)
    return manifest, items


def _restore_backup(data: Path, file: Path, accept: str) -> BackupManifest:
    """Restore a backup that decides nothing, or what somebody accepts."""
    from nephoscope.cli.session.session import show_progress_line
    from nephoscope.lake.backup.backup_archive import BackupError
    from nephoscope.lake.backup.backup_restore import check_empty
    from nephoscope.serve.backup_policy import list_policy
    from nephoscope.service.backups import restore_backup
    from nephoscope.service.local_user import LocalUser

    check_empty(data)
    if not accept and _is_at_terminal():
        accept = _prompt_for_digest(file)

    def admit(folder: Path, manifest: BackupManifest) -> None:
        items = list_policy(folder, manifest.names)
        if not items or accept.lower() == _compute_confirmation(manifest):
            return
        if accept:
            raise BackupError(f"--accept {accept} is not the digest of this backup: review it with --check")
        _print_policy_items(items)
        raise BackupError(
            "the backup has the effects listed above, and they were not accepted: if you trust the "
            f"author of the backup, restore it with --accept {_compute_confirmation(manifest)}"
        )

    with show_progress_line() as tell:
        return restore_backup(LocalUser.current(), file, data, find_state_url(), admit=admit, tell=tell)


def _is_at_terminal() -> bool:
    return sys.stdin.isatty()


def _prompt_for_digest(file: Path) -> str:
    """Return what somebody at the terminal types below the list; '' where there is nothing to accept."""
    manifest, items = _inspect_backup(file)
    if not items:
        return ""
    typed: str = click.prompt(f"Type {_compute_confirmation(manifest)} to accept everything listed", err=True)
    return typed.strip()


def _compute_confirmation(manifest: BackupManifest) -> str:
    """Return what accepts a backup: the begin of the hash over all that is in it."""
    from nephoscope.lake.backup.restored_audit import DIGITS

    return manifest.hash[:DIGITS]


def _print_policy_items(items: list[PolicyItem]) -> None:
    before = ""
    for one in items:
        if one.effect.value != before:
            before = one.effect.value
            click.echo(f"{before}:", err=True)
        # a name may hold a line end, behind which it would write a line of its own
        line = " ".join(f"{one.name} {one.does}".split())
        click.echo(escape_controls(f"  {line}"), err=True)


def _print_left_out(data: Path) -> None:
    click.echo(
        (
            f"credentials need their key: copy credentials.key to {data / 'keys'}, or set the "
            "credentials again"
        ),
        err=True,
    )
    click.echo(
        (
            f"the server's certificates are not included: copy them to {data / 'tls'}, or let clients "
            "trust the new authority"
        ),
        err=True,
    )
