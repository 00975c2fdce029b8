"""Installed Python distributions: the metadata in dist-info and egg-info folders, and within eggs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.archives import open_archive
from nephoscope.collect.inventory.inventory_file import InventoryFile, decode_text
from nephoscope.model.package import Package

TITLE = "Python distribution"
PATTERNS = (
    "**/*.dist-info/METADATA",
    "**/*.egg-info/PKG-INFO",
    "**/EGG-INFO/PKG-INFO",
    "**/*.egg-info",
    "**/*.egg",
)

_REQUIRED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)")
_LICENSE_CLASSIFIER = re.compile(r"License ::(?: OSI Approved ::)? (.+)")
_NAMED_LICENSE = 200


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the distribution; raises UnreadableInventoryError."""
    if file.content.startswith(b"PK\x03\x04"):
        with open_archive(file) as archive:
            for name in archive.names():
                if name.endswith("EGG-INFO/PKG-INFO"):
                    yield from _build_distribution(file, decode_text(file.path, archive.read(name)))
        return
    yield from _build_distribution(file, file.text)


def _build_distribution(file: InventoryFile, text: str) -> Iterator[Package]:
    fields: dict[str, list[str]] = {}
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            if fields:
                break
            continue
        if found := _FIELD.match(line):
            key = found[1].lower()
            fields.setdefault(key, []).append(found[2].strip())
            first = first or (number if key == "name" else 0)
    name, version = fields.get("name", [""])[0], fields.get("version", [""])[0]
    if not name or not version:
        raise file.make_error("the metadata has no Name or no Version")
    requirements = (
        _REQUIRED.match(entry) for entry in fields.get("requires-dist", ()) if "extra ==" not in entry
    )
    yield Package(
        type="pypi",
        name=name,
        version=version,
        path=file.path,
        line=first,
        licenses=_list_licenses(fields),
        dependencies=tuple(found[1] for found in requirements if found),
    )


def _list_licenses(fields: dict[str, list[str]]) -> tuple[str, ...]:
    if expression := fields.get("license-expression"):
        return (expression[0],)
    classified = [
        found[1] for entry in fields.get("classifier", ()) if (found := _LICENSE_CLASSIFIER.match(entry))
    ]
    written = fields.get("license", [""])[0]
    if written and written != "UNKNOWN" and len(written) <= _NAMED_LICENSE:
        return (written,)
    return tuple(classified)
