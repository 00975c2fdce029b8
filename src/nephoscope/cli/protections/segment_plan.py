"""Keep the plan of network segments in force, and request the rules that close its violations."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import build_command
from nephoscope.operations.protect import segments

command = build_command(segments.OPERATIONS)
command.name = "segment-plan"
