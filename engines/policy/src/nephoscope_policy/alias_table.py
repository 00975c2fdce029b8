"""The alias table and the type capabilities that ship as content (engines/policy/src/nephoscope_policy/content/aliases)."""

from __future__ import annotations

from msgspec.structs import replace

from nephoscope_policy.alias import Alias, Capability
from nephoscope_policy.documents import ContentDocument, read_shipped_documents
from nephoscope_policy.errors import PolicyError


def read() -> tuple[dict[str, str | Alias], dict[str, Capability]]:
    """Merge every file of the folder: `{"aliases": {alias: path}}`, `{"types": {type: {alias: path}}}` for the
    aliases whose path depends on the type, and `{"capabilities": {type: "tags location"}}`; what Aliases is made of.

    Raises PolicyError naming the file and the entry that has another shape.
    """
    table: dict[str, str | Alias] = {}
    capabilities: dict[str, Capability] = {}
    typed: list[tuple[str, str, str]] = []
    for document in read_shipped_documents("aliases"):
        body = document.json()
        for name, path in _read_section(body, "aliases", document).items():
            table[name.lower()] = path
        for type_, paths in _require_objects(body, "types", document).items():
            typed += [
                (type_.lower(), name.lower(), path)
                for name, path in _read_section({type_: paths}, type_, document).items()
            ]
        for type_, words in _read_section(body, "capabilities", document).items():
            capabilities[type_.lower()] = Capability("tags" in words.split(), "location" in words.split())
    for type_, name, path in typed:
        known = table.get(name, path)
        alias = Alias(name, known) if isinstance(known, str) else known
        table[name] = replace(alias, types={**alias.types, type_: path})
    return table, capabilities


def _require_objects(body: object, name: str, document: ContentDocument) -> dict[str, object]:
    found = body.get(name, {}) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise PolicyError(f"'{name}' must be an object", name, "compile", document.place)
    return found


def _read_section(body: object, name: str, document: ContentDocument) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in _require_objects(body, name, document).items():
        if not isinstance(value, str):
            raise PolicyError("must be a string", f"{name}.{key}", "compile", document.place)
        found[key] = value
    return found
