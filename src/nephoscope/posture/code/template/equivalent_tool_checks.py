"""The rules of other tools that mean what a policy means, so that their suppressions can be read (content/foreign_checks.json)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec


@cache
def load_foreign_checks() -> dict[str, tuple[str, ...]]:
    """The names of other tools' rules (`checkov:CKV_AZURE_3`) by the key of the policy that asks the same."""
    text = (files("nephoscope.content") / "foreign_checks.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, tuple[str, ...]])
