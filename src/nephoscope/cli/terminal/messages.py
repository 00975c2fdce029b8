"""Messages beside the output of a command, and its end with one."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from nephoscope.cli.terminal.sanitize_output import plain


def usage_error(message: str) -> NoReturn:
    """End with exit code 2 and a message."""
    click.echo(plain(f"nephoscope: {message}"), err=True)
    sys.exit(2)


def tell(message: str) -> None:
    """Say something beside the output."""
    click.echo(plain(f"nephoscope: {message}"), err=True)
