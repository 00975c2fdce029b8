"""Import, list and remove threat intelligence, and monitor its feeds."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import build_command
from nephoscope.operations.detection.threat_intelligence import OPERATIONS

command = build_command(OPERATIONS)
