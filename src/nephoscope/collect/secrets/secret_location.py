"""Describe the kind and position of a secret in a file."""

from __future__ import annotations

from typing import Literal

import msgspec

SecretSeverity = Literal["High", "Medium", "Low"]


class SecretPlace(msgspec.Struct, frozen=True, order=True):
    """A secret that stands in a file, from its first to its last line; `rule` names its kind.

    `fingerprint` tells it from other secrets and is the same wherever it stands, by whoever has the key; '' where none was given.
    """

    path: str
    first_line: int
    last_line: int
    rule: str
    title: str
    severity: SecretSeverity
    fingerprint: str = ""
