"""npm packages that pnpm locked: pnpm-lock.yaml of every version of the format.

Keys of packages are `/name/1.0.0_peer` (up to 5), `/name@1.0.0(peer)` (6) and `name@1.0.0` (9), and addresses of archives, whose
entries have a name and a version of their own. Source: the lock file documents of pnpm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.formats.yaml_text import map_key_lines, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "pnpm-lock.yaml"
PATTERNS = ("**/pnpm-lock.yaml", "**/pnpm-lock.yml")

_SLASHED = re.compile(r"/((?:@[^/]+/)?[^/@]+)/([^/_(]+).*")
_AT = re.compile(r"/?((?:@[^/@]+/)?[^/@(]+)@([^(]+)(?:\(.*)?")
_REGISTRY = re.compile(r"[\w.-]+\.[a-z]{2,}(?::\d+)?/((?:@[^/]+/)?[^/@]+)/(\d[^/_(]*).*")
_VERSION = re.compile(r"\d[\w.+-]*")
_ADDRESS = re.compile(r"@?[\w.-]+\.[a-z]{2,}/.+|@?file:.+|[a-z+]+://.+|.+\.tgz")
_KINDS = ("dependencies", "optionalDependencies", "devDependencies")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    document = require_table(parse_yaml_tables(file))
    is_split = require_word(document.get("lockfileVersion")).startswith("9")
    entries = require_table(document.get("packages"))
    snapshots = require_table(document.get("snapshots")) if is_split else entries
    graph = _DependencyGraph(document, snapshots)
    lines = map_key_lines(file.text, 2)
    for key, value in entries.items():
        entry = require_table(value)
        named = _parse_package_name(key, entry)
        if named is None:
            file.record_left_out_entry(lines.get(key, 1), f"this is no path of a package: {key[:80]!r}")
            continue
        name, version = named
        is_development = entry.get("dev") == "true" if not is_split else not graph.is_used(key)
        yield Package(
            type="npm",
            name=name,
            version=version,
            path=file.path,
            line=lines.get(key, 1),
            groups=("dev",) if is_development else (),
            is_development=is_development,
            relationship="declared" if graph.is_declared(key) else "transitive",
            dependencies=tuple(graph.list_needed_packages(key, entries)),
        )


def _parse_package_name(key: str, entry: dict[str, object]) -> tuple[str, str] | None:
    own, given = require_word(entry.get("name")), require_word(entry.get("version"))
    found = _AT.fullmatch(key) or _SLASHED.fullmatch(key) or _REGISTRY.fullmatch(key)
    if own and (given or not found):
        return own, given
    if found is None:
        if not _ADDRESS.fullmatch(key):
            return None
        return own or key, given
    version = (
        found[2].split("_")[0] if key.startswith("/") and "@" not in key.rpartition("/")[2] else found[2]
    )
    if given:
        return found[1], given
    return found[1], version if _VERSION.match(version) else ""


class _DependencyGraph:
    """Which packages the project asks for, and which it needs for more than its development."""

    def __init__(self, document: dict[str, object], snapshots: dict[str, object]) -> None:
        self._snapshots = snapshots
        self._by_package: dict[str, list[str]] = {}
        for key in snapshots:
            self._by_package.setdefault(key.partition("(")[0], []).append(key)
        importers = [require_table(entry) for entry in require_table(document.get("importers")).values()] or [
            document
        ]
        self._declared: set[str] = set()
        used: set[str] = set()
        for importer in importers:
            for kind in _KINDS:
                for name, wanted in require_table(importer.get(kind)).items():
                    keys = self._list_keys(name, wanted)
                    self._declared |= keys
                    used |= keys if kind != "devDependencies" else set()
        self._used = {key.partition("(")[0] for key in self._find_reached(used)}
        self._declared = {key.partition("(")[0] for key in self._declared}

    def _list_keys(self, name: str, wanted: object) -> set[str]:
        version = require_word(wanted.get("version")) if isinstance(wanted, dict) else require_word(wanted)
        spellings = (
            f"{name}@{version}",
            f"/{name}@{version}",
            f"/{name}/{version}",
            version,
            f"/{version}",
        )
        return {key for key in spellings if key in self._snapshots}

    def _find_reached(self, start: set[str]) -> set[str]:
        reached, waiting = set[str](), list(start)
        while waiting:
            key = waiting.pop()
            if key in reached:
                continue
            reached.add(key)
            for name, wanted in self._list_edges(key):
                waiting += self._list_keys(name, wanted)
        return reached

    def _list_edges(self, key: str) -> Iterator[tuple[str, object]]:
        entry = require_table(self._snapshots.get(key))
        for kind in ("dependencies", "optionalDependencies"):
            yield from require_table(entry.get(kind)).items()

    def is_declared(self, key: str) -> bool:
        """Tell whether the project itself asks for a package."""
        return key.partition("(")[0] in self._declared

    def is_used(self, key: str) -> bool:
        """Tell whether more than the development of the project needs a package."""
        return key.partition("(")[0] in self._used

    def list_needed_packages(self, key: str, entries: dict[str, object]) -> Iterator[str]:
        """Give `name@version` of each package that one needs."""
        for snapshot in self._by_package.get(key.partition("(")[0], ()):
            for name, wanted in self._list_edges(snapshot):
                for other in sorted(self._list_keys(name, wanted)) or [""]:
                    plain = other.partition("(")[0]
                    entry = require_table(entries.get(other) or entries.get(plain))
                    named = _parse_package_name(other, entry) if other else None
                    yield f"{named[0]}@{named[1]}" if named else name
