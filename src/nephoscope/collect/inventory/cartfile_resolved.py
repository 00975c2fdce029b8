"""Frameworks for Apple's systems that Carthage resolved: Cartfile.resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Cartfile.resolved"
PATTERNS = ("**/Cartfile.resolved",)

_ENTRY = re.compile(r'(github|git|binary)\s+"([^"]+)"\s+"([^"]+)"')
_ADDRESS = re.compile(r"(?:[a-z+]+://)?(?:[^@/]+@)?([^:/]+)[:/]+(.+?)(?:\.git)?/?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the resolved frameworks by their address, as Swift packages have it; raises UnreadableInventoryError."""
    for number, line in enumerate(file.text.split("\n"), 1):
        text = line.partition("#")[0].strip() if '"' not in line else line.strip()
        if not text or text.startswith("#"):
            continue
        found = _ENTRY.match(text)
        if found is None:
            file.record_left_out_entry(
                number, f"`github`, `git` or `binary` with an address and a version is wanted: {text[:60]!r}"
            )
            continue
        yield Package(
            type="carthage" if found[1] == "binary" else "swift",
            name=_read_name(found[1], found[2]),
            version="" if _COMMIT.fullmatch(found[3]) else found[3],
            path=file.path,
            line=number,
        )


def _read_name(kind: str, address: str) -> str:
    if kind == "github" and "://" not in address and address.count("/") == 1:
        return f"github.com/{address}"
    found = _ADDRESS.fullmatch(address) if len(address) <= 2_000 else None
    return f"{found[1]}/{found[2]}" if found else address
