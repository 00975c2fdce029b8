"""Manage alert suppressions."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import build_command
from nephoscope.operations.detection.suppressions import OPERATIONS

command = build_command(OPERATIONS)
