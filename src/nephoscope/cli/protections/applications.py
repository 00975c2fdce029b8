"""Control applications of machines."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import build_command
from nephoscope.operations.protect import applications

command = build_command(applications.OPERATIONS)
command.name = "applications"
