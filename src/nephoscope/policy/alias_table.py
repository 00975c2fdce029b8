"""The alias table and the type capabilities that ship as content (src/nephoscope/content/aliases)."""

from __future__ import annotations

from typing import Any

from nephoscope.content.loader import Document, documents
from nephoscope.policy.aliases import Alias, Aliases, Capability
from nephoscope.policy.errors import PolicyError


def read() -> Aliases:
    """Merge every file of the folder: `{"aliases": {alias: path}}` and `{"capabilities": {type: "tags location"}}`.

    Raises PolicyError naming the file and the entry that has another shape.
    """
    table: dict[str, str | Alias] = {}
    capabilities: dict[str, Capability] = {}
    for document in documents(kind="aliases"):
        body = document.json()
        for name, path in _section(body, "aliases", document).items():
            table[name.lower()] = path
        for type_, words in _section(body, "capabilities", document).items():
            capabilities[type_.lower()] = Capability("tags" in words.split(), "location" in words.split())
    return Aliases(table, capabilities)


def _section(body: Any, name: str, document: Document) -> dict[str, str]:
    found = body.get(name, {}) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise PolicyError(f"'{name}' must be an object", name, "compile", document.place)
    for key, value in found.items():
        if not isinstance(value, str):
            raise PolicyError("must be a text", f"{name}.{key}", "compile", document.place)
    return found
