"""Scan options: checks beside packages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from nephoscope.collect.malware.malware_scanner import MalwareScanner


class LookedFor(msgspec.Struct, frozen=True):
    """The checks of a scan beside packages.

    `secret_key` is the key of the fingerprints of secrets, never empty where `secrets` is true and fingerprints are wanted.
    """

    secrets: bool = False
    permissions: bool = False
    malware: MalwareScanner | None = None
    secret_key: bytes = b""

    def __repr__(self) -> str:
        return f"LookedFor({self.secrets}, {self.permissions}, {self.malware!r})"  # the key is told nowhere

    @property
    def digest(self) -> str:
        """Return what tells the results of this scan from those of others; '' for packages alone."""
        if not (self.secrets or self.permissions or self.malware):
            return ""
        keyed = hashlib.sha256(b"nephoscope secrets\0" + self.secret_key).hexdigest()[:16]
        options = f"{self.secrets} {self.permissions} {self.malware.digest if self.malware else ''} {keyed}"
        return hashlib.sha256(options.encode()).hexdigest()[:16]


#: A scan for packages and nothing else.
PACKAGES = LookedFor()
