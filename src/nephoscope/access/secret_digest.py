"""Secret digests: what is stored of a secret, and what secrets of a kind start with."""

from __future__ import annotations

import hashlib

from nephoscope.state.access.principals import SecretKind

SECRET_PREFIXES = {
    SecretKind.TOKEN: "nepho_",
    SecretKind.CLIENT_SECRET: "nephc_",
    SecretKind.SESSION: "",
    SecretKind.LINK: "",
}


def hash_secret(secret: str) -> str:
    """Return how a secret is kept: SHA-256 in hexadecimal, which is enough for 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
