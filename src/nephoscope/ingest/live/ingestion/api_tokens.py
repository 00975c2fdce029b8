"""API tokens: made once, shown once, kept as hashes only."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from nephoscope.ingest.source_failures import SourceError

_PREFIX = "nepho_"


def create_token() -> tuple[str, str]:
    """(a new token of 256 random bits, its hash as it is kept)."""
    token = _PREFIX + secrets.token_urlsafe(32)
    return token, hash_token(token)


def hash_token(token: str) -> str:
    """SHA-256 in hexadecimal: enough for what is random and long; raises SourceError for what is short."""
    if len(token) < 32:
        raise SourceError("a token must have at least 32 characters: generate one")
    return hashlib.sha256(token.encode()).hexdigest()


class IngestionTokens:
    """The hashes of the tokens that are let in."""

    def __init__(self, kept: str) -> None:
        self._hashes = tuple(line.strip().lower().encode() for line in kept.split() if line.strip())

    def accepts_header(self, header: str) -> bool:
        """Return whether an Authorization header has one of the tokens; every hash is compared, each in constant time."""
        scheme, _, token = header.partition(" ")
        given = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest().encode()
        matches = sum(hmac.compare_digest(given, kept) for kept in self._hashes)
        return bool(matches) and scheme.lower() == "bearer"
