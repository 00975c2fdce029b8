"""Print the versions of nephoscope and of its runtime."""

from __future__ import annotations

import platform
from importlib.metadata import version

import click

from nephoscope import __version__


@click.command("version")
def command() -> None:
    """Print the versions of nephoscope, Python and the libraries that affect results."""
    click.echo(f"nephoscope {__version__}")
    click.echo(f"python {platform.python_version()}")
    for library in ("deltalake", "duckdb", "msgspec", "pyarrow"):
        click.echo(f"{library} {version(library)}")
