"""Configure sign-in through OpenID providers (Entra ID, Keycloak and others), and who may sign in."""

from __future__ import annotations

from nephoscope.cli.session.operation_commands import command_of
from nephoscope.operations.access.sign_in_providers import OPERATIONS

command = command_of(OPERATIONS)
