"""The credentials that sources, tenants and sign-in providers are used with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.service.actors import ROOT_SCOPE

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

WRITE = "Nephoscope/secrets/write"


def rotate_credentials(context: ServiceContext) -> int:
    """Encrypt every credential with a new key and drop the old keys; return how many there are. Raises DeniedError, StateError."""
    with context.change(WRITE, ROOT_SCOPE, "credentials", act="rotate"):
        return context.state.credentials.rotate()
