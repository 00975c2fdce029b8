"""List stored credentials without their secrets, and re-encrypt them with a new key."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import command_of
from nephoscope.operations.access.credentials import OPERATIONS

command = command_of(OPERATIONS)
