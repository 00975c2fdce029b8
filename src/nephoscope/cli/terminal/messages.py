"""Messages beside the output of a command, and its end with one."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from nephoscope.cli.terminal.sanitize_output import escape_controls


def exit_with_usage_error(message: str) -> NoReturn:
    """End with exit code 2 and a message."""
    click.echo(escape_controls(f"nephoscope: {message}"), err=True)
    sys.exit(2)


def print_message(message: str) -> None:
    """Say something beside the output."""
    click.echo(escape_controls(f"nephoscope: {message}"), err=True)
