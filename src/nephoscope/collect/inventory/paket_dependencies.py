""".NET packages that Paket is asked for: paket.dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "paket.dependencies"
PATTERNS = ("**/paket.dependencies",)

_COMMENT = re.compile(r"(?:^|\s)#.*|(?<!:)//.*")
_NUGET = re.compile(r"nuget\s+(\S+)\s*(.*)", re.IGNORECASE)
_GITHUB = re.compile(r"github\s+([\w.-]+/[\w.-]+)(?::(\S+))?.*", re.IGNORECASE)
_BOUND = re.compile(r"(~>|>=|==|=|<=|<|>)?\s*(\d[\w.+-]*)")
_COMMIT = re.compile(r"[0-9a-f]{30,40}")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages, those without one version with their range as `constraint`."""
    group = ""
    for number, text in enumerate(file.text.split("\n"), 1):
        line = _COMMENT.sub("", text).strip()
        if line.lower().startswith("group "):
            group = line.split()[1]
        elif nuget := _NUGET.fullmatch(line):
            bound = _BOUND.match(nuget[2])
            is_exact = bound is not None and bound[1] in (None, "==", "=")
            yield Package(
                type="nuget",
                name=nuget[1],
                version=bound[2] if bound else "",
                path=file.path,
                line=number,
                groups=(group,) if group else (),
                relationship="declared",
                constraint="" if is_exact else bound[0] if bound else "*",
            )
        elif github := _GITHUB.fullmatch(line):
            version = github[2] or ""
            yield Package(
                type="github",
                name=github[1],
                version="" if _COMMIT.fullmatch(version) else version,
                path=file.path,
                line=number,
                groups=(group,) if group else (),
                relationship="declared",
            )
