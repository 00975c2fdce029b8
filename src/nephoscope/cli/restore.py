"""Make a data folder of a backup, after every hash in it was found right."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--check", "only_check", is_flag=True, help="Only read FILE and compare its hashes; nothing is written."
)
@click.pass_obj
def command(data: Path, /, file: Path, only_check: bool) -> None:
    """Restore the backup FILE into the data folder, which must be empty or not there; --state names an empty database.

    The folder appears when everything is in it, or not at all.
    """
    from nephoscope.cli.session.checks import usage_error
    from nephoscope.cli.session.plain import counted
    from nephoscope.cli.session.session import progress_line
    from nephoscope.cli.session.stored import state_url
    from nephoscope.cli.session.who import who
    from nephoscope.lake.backup.archive import BackupError
    from nephoscope.lake.backup.restoring import check, restore
    from nephoscope.lake.state import StateError

    try:
        with progress_line() as tell:
            manifest = (
                check(file, tell) if only_check else restore(file, data, state_url(), tell, author=who())
            )
    except (BackupError, StateError) as error:
        usage_error(f"{file}: {error}" if isinstance(error, BackupError) else str(error))
    files = f"{counted(len(manifest.entries), 'file')} as backed up at {manifest.made}"
    click.echo(f"{file}: {files}" if only_check else f"{data}: {files}")
    if not only_check and not manifest.keys:
        click.echo(
            f"credentials need their key: put credentials.key into {data / 'keys'}, or set them again",
            err=True,
        )
        click.echo(
            f"the server's certificates are not in it: put them into {data / 'tls'}, or let clients trust the new authority",
            err=True,
        )
