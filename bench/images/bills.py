"""Packages of bills in CycloneDX, as pairs that can be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

#: Types whose names package URLs have in lower case (purl-spec); syft leaves them as they are written.
_IN_LOWER_CASE = ("golang", "pypi")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A package as its package URL names it: type, namespace with name, version; for those of distributions with the epoch."""

    type: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.type}/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A package of a bill: the key, its places in the image, and what the scanner says that found it."""

    key: Key
    paths: frozenset[str] = field(default_factory=frozenset)
    by: frozenset[str] = field(default_factory=frozenset)


def key_of(url: str) -> Key:
    """Return the key of a package URL; what syft writes as a place in a Go module is the end of the module's name."""
    whole, _, place = url.partition("#")
    plain, _, query = whole.partition("?")
    kind, _, rest = plain.removeprefix("pkg:").partition("/")
    name, at, version = rest.rpartition("@") if "@" in rest.rpartition("/")[2] else (rest, "", "")
    epoch = parse_qs(query).get("epoch", ["0"])[0]
    prefix = f"{epoch}:" if kind in ("rpm", "deb") and epoch != "0" else ""
    if kind == "golang" and place:
        name = f"{name}/{place}"
    named = "/".join(unquote(part) for part in name.split("/"))
    return Key(
        kind.lower(),
        named.lower() if kind in _IN_LOWER_CASE else named,
        prefix + unquote(version) if at else "",
    )


def read_bill(path: Path) -> dict[Key, Listed]:
    """Return the packages of a bill by their keys."""
    document = json.loads(path.read_bytes())
    found: dict[Key, Listed] = {}
    for component in _components(document):
        url = component.get("purl", "")
        if not url or component.get("type") == "operating-system":
            continue
        key = key_of(url)
        properties = [
            (one.get("name", ""), str(one.get("value", ""))) for one in component.get("properties", ())
        ]
        paths = {
            value
            for name, value in properties
            if name.endswith((":path", ":FilePath", ":PkgPath")) or name == "nephoscope:path"
        }
        paths |= {one.get("location", "") for one in component.get("evidence", {}).get("occurrences", ())}
        by = {
            value
            for name, value in properties
            if name in ("syft:package:foundBy", "aquasecurity:trivy:PkgType")
        }
        known = found.get(key, Listed(key))
        found[key] = Listed(key, known.paths | {one.lstrip("/") for one in paths}, known.by | by)
    return found


def _components(document: dict[str, Any]) -> list[dict[str, Any]]:
    pending = list(document.get("components", ()))
    found = []
    while pending:
        component = pending.pop()
        found.append(component)
        pending += component.get("components", ())
    return found
