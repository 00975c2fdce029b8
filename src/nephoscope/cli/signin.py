"""Configure sign-in through OpenID providers (Entra ID, Keycloak and others), and who may sign in."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import build_command
from nephoscope.operations.access.sign_in_providers import OPERATIONS

command = build_command(OPERATIONS)
