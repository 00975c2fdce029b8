"""The Ed25519 key by which the server signs the agents that it hands out."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.service_context import ServiceContext

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from nephoscope.state import State

_KEY = "agents.signing-key"
_WRITE = "Nephoscope/agents/signingKey/write"


def get_public_key(context: ServiceContext) -> str:
    """Return the public key in hexadecimal that agents check updates with; the key is made where there is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if _KEY not in context.state.credentials.names():
        from nephoscope.service.product_actor import ProductActor

        made = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
        own = ServiceContext(ProductActor("agents"), context.state, context.data, context.clock)
        with own.transact(_WRITE, ROOT_SCOPE, _KEY, keeps_secret=True):
            context.state.credentials.put(_KEY, made)
    return _load_private_key(context.state).public_key().public_bytes_raw().hex()


def sign_content(context: ServiceContext, content: bytes) -> str:
    """Return the signature of content in hexadecimal."""
    get_public_key(context)
    return _load_private_key(context.state).sign(content).hex()


def _load_private_key(state: State) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(state.credentials.get(_KEY).reveal()))
