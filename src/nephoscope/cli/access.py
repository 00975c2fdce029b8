"""Manage principals, roles and tokens, and read the audit log."""

from __future__ import annotations

import click

from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.operations.access import audit, people


@click.group("access")
def command() -> None:
    """Manage access: users sign in by link, programs by token or client secret; roles are Azure's."""


add_operations(command, people.OPERATIONS, audit.OPERATIONS)
