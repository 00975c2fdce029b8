"""Back up the data folder to a file while it is in use."""

from __future__ import annotations

from pathlib import Path

import click

from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.list_output import format_size
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import has_state
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.cli.terminal.sanitize_output import format_count


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--with-keys",
    is_flag=True,
    help=(
        "Include the key file and the server's certificates: anyone who has the backup can read "
        "credentials and impersonate the server."
    ),
)
@click.pass_obj
def command(data: Path, /, file: Path, with_keys: bool) -> None:
    """Write a backup of the data folder to FILE (a tar), which must not exist. The backup is consistent: it
    holds the state, one version of every table, spooled rows, the estate, imported content, and a hash of
    each file. Other processes can keep writing. The credential key file and the server's own certificates
    are excluded unless you include them.
    """
    from nephoscope.cli.session.session import show_progress_line
    from nephoscope.lake.backup.backup_contents import list_secret_folders
    from nephoscope.service.backups import write_backup

    if not has_state(data):
        exit_with_usage_error(f"{data} holds no lake to back up: set the data folder with --data")
    with open_lake(data) as (lake, state), show_progress_line() as tell:
        manifest = write_backup(build_context(data, state), lake, file, keys=with_keys, tell=tell)
        credentials = bool(state.credentials.names())
        certificates = "tls" in list_secret_folders(data)
    files = format_count(len(manifest.entries), "file")
    click.echo(
        f"{file}: {files}, {format_size(file.stat().st_size)}, {format_count(len(manifest.tables), 'table')} of the lake"
    )
    if credentials and not with_keys:
        click.echo(f"the credential key is not included: store {data / 'keys'} separately", err=True)
    if certificates and not with_keys:
        click.echo(
            (f"the server's certificates and authority are not included: store {data / 'tls'} separately"),
            err=True,
        )
