"""Packages of Debian and its children: the status file of dpkg, and the single files of distroless images."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.control_paragraphs import Paragraph, parse_paragraphs
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "dpkg status"
PATTERNS = ("**/var/lib/dpkg/status", "**/var/lib/dpkg/status.d/*")

#: States of packages that are whole on disk, configured or not, and of those that may be there in part.
_INSTALLED = frozenset({"installed", "triggers-pending", "triggers-awaited", "half-configured"})
_PARTIAL = frozenset({"unpacked", "half-installed"})
_SOURCE = re.compile(r"(\S+)(?:\s+\(([^)]+)\))?")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the installed packages; raises UnreadableInventoryError."""
    if not file.name.endswith(".md5sums"):
        yield from read_installed_packages(file, "deb")


def read_installed_packages(file: InventoryFile, kind: str) -> Iterator[Package]:
    """Give the installed packages of a control file as packages of a type; raises UnreadableInventoryError."""
    for paragraph in parse_paragraphs(file):
        if (found := _find_package(file, paragraph, kind)) is not None:
            yield found


def _find_package(file: InventoryFile, paragraph: Paragraph, kind: str) -> Package | None:
    name, version, status = paragraph.get("package"), paragraph.get("version"), paragraph.get("status")
    state = (status.split() or ["installed" if "status.d/" in file.path else "not-installed"])[-1]
    if state in _PARTIAL:
        file.record_left_out_entry(
            paragraph.line, f"{name} {version} is {state}: only some of its files may be there"
        )
    if state not in _INSTALLED:
        return None
    if not name or not version:
        file.record_left_out_entry(paragraph.line, "the paragraph has no Package or no Version")
        return None
    source = _SOURCE.match(paragraph.get("source"))
    return Package(
        type=kind,
        name=name,
        version=version,
        namespace=file.system.family if file.system else "",
        distribution_version=file.system.version if file.system else "",
        architecture=paragraph.get("architecture"),
        source_name=source[1] if source else "",
        source_version=(source[2] or "") if source else "",
        path=file.path,
        line=paragraph.lines["package"],
        dependencies=_parse_names(paragraph.get("pre-depends")) + _parse_names(paragraph.get("depends")),
    )


def _parse_names(text: str) -> tuple[str, ...]:
    first = (part.partition("|")[0].partition("(")[0].partition(":")[0].strip() for part in text.split(","))
    return tuple(name for name in first if name)
