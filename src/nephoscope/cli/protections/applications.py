"""Control applications of machines."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import command_of
from nephoscope.operations.protect import applications

command = command_of(applications.OPERATIONS)
command.name = "applications"
