"""List stored credentials without their secrets, and re-encrypt them with a new key."""

from __future__ import annotations

from pathlib import Path

import click

from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.service_context import acting
from nephoscope.cli.session.state_access import state_of
from nephoscope.cli.terminal.sanitize_output import format_count

COLUMNS = ("name", "key", "changed", "opens", "usedBy")


@click.group("credentials")
def command() -> None:
    """Manage the credentials of log sources; `sources` sets and removes them."""


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List credentials: encryption key, whether the key file decrypts them, and the sources that use them."""
    with state_of(data) as state:
        sources = state.sources.all()
        rows = [
            {
                "name": one.name,
                "key": one.key,
                "changed": one.changed,
                "opens": one.opens,
                "usedBy": [source.name for source in sources if source.credential == one.name],
            }
            for one in state.credentials.all()
        ]
    show_list(rows, COLUMNS, output, "no credentials")


@command.command("rotate")
@click.pass_obj
def rotate(data: Path, /) -> None:
    """Encrypt every credential with a new key and delete the old keys. Backups of the old key file become
    useless.
    """
    from nephoscope.service.credentials import rotate_credentials

    with acting(data) as service:
        count = rotate_credentials(service)
    click.echo(f"{format_count(count, 'credential')} encrypted with a new key")
