"""List stored credentials without their secrets, and re-encrypt them with a new key."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import build_command
from nephoscope.operations.access.credentials import OPERATIONS

command = build_command(OPERATIONS)
