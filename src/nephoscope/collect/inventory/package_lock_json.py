"""npm packages that npm locked: package-lock.json and npm-shrinkwrap.json of the versions 1 to 3."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.collect.inventory.package_json import read_licenses
from nephoscope.model.package import Package, Relationship

TITLE = "package-lock.json"
PATTERNS = ("**/package-lock.json", "**/npm-shrinkwrap.json", "**/node_modules/.package-lock.json")

_ALIAS = re.compile(r"npm:((?:@[^/@]+/)?[^@]+)@(.+)")
_VERSION = re.compile(r"v?\d[\w.+-]*")
_DECLARED = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
MAX_DEPTH = 100


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages and the members of the project; raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    lines = KeyLines(file.text)
    entries = require_table(document.get("packages"))
    found = (
        _read_installed_packages(file, entries, lines)
        if entries
        else _read_nested_packages(file, document, lines, 0)
    )
    merged: dict[tuple[str, str], Package] = {}
    for package in found:
        key = package.name, package.version
        merged[key] = _merge_packages(merged[key], package) if key in merged else package
    yield from merged.values()


def _merge_packages(first: Package, second: Package) -> Package:
    if first.groups == second.groups:
        return first
    kept = tuple(group for group in first.groups if group in second.groups)
    weaker = second if second.relationship == "declared" or not second.is_development else first
    return Package(
        type="npm",
        name=first.name,
        version=first.version,
        path=first.path,
        line=first.line,
        groups=kept,
        is_development="dev" in kept,
        relationship=weaker.relationship,
        licenses=first.licenses,
        dependencies=first.dependencies,
    )


def _read_groups(entry: dict[str, object]) -> tuple[str, ...]:
    both = entry.get("devOptional") is True
    named = {
        "bundled": entry.get("inBundle") is True or entry.get("bundled") is True,
        "dev": entry.get("dev") is True or both,
        "optional": entry.get("optional") is True or both,
    }
    return tuple(group for group, is_in in named.items() if is_in)


def _read_nested_packages(
    file: InventoryFile, owner: dict[str, object], lines: KeyLines, depth: int
) -> Iterator[Package]:
    if depth > MAX_DEPTH:
        raise file.make_error(f"packages are nested deeper than {MAX_DEPTH}")
    for key, value in require_table(owner.get("dependencies")).items():
        entry = require_table(value)
        line, version, name = lines.find_next(key), require_word(entry.get("version")), key
        if alias := _ALIAS.fullmatch(version):
            name, version = alias[1], alias[2]
        groups = _read_groups(entry)
        yield Package(
            type="npm",
            name=name,
            version=version if _VERSION.fullmatch(version) else "",
            path=file.path,
            line=line,
            groups=groups,
            is_development="dev" in groups,
            dependencies=tuple(entry["requires"]) if isinstance(entry.get("requires"), dict) else (),
        )
        yield from _read_nested_packages(file, entry, lines, depth + 1)


def _read_installed_packages(
    file: InventoryFile, entries: dict[str, object], lines: KeyLines
) -> Iterator[Package]:
    project = require_table(entries.get(""))
    declared = {name for kind in _DECLARED for name in require_table(project.get(kind))}
    linked = {
        require_word(require_table(entry).get("resolved")): key
        for key, entry in entries.items()
        if _is_link(entry)
    }
    names = {key: _find_name(key, require_table(entry), linked) for key, entry in entries.items() if key}
    for key, value in entries.items():
        entry = require_table(value)
        if not key or _is_link(entry):
            continue
        is_member = "node_modules/" not in f"{key}/"
        if is_member and key not in linked:
            file.record_left_out_entry(
                lines.find_first(key), "a folder that nothing links to is no part of the project"
            )
            continue
        groups = _read_groups(entry)
        is_declared = key == f"node_modules/{names[key]}" and names[key] in declared
        relationship: Relationship = "member" if is_member else "declared" if is_declared else "transitive"
        version = require_word(entry.get("version"))
        yield Package(
            type="npm",
            name=names[key],
            version=version if is_member or _VERSION.fullmatch(version) else "",
            path=file.path,
            line=lines.find_next(key),
            groups=groups,
            is_development="dev" in groups,
            relationship=relationship,
            licenses=read_licenses(entry),
            dependencies=tuple(_list_needed_packages(key, entry, entries, names)),
        )


def _is_link(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("link") is True


def _find_name(key: str, entry: dict[str, object], linked: dict[str, str]) -> str:
    path = linked.get(key, key)
    parts = path.rpartition("node_modules/")[2].split("/")
    folder = "/".join(parts[-2:]) if len(parts) > 1 and parts[-2].startswith("@") else parts[-1]
    return require_word(entry.get("name")) or folder


def _list_needed_packages(
    key: str, entry: dict[str, object], entries: dict[str, object], names: dict[str, str]
) -> Iterator[str]:
    for kind in ("dependencies", "optionalDependencies", "peerDependencies"):
        for name in require_table(entry.get(kind)):
            found = _resolve_dependency(key, name, entries)
            if found is not None:
                version = require_word(require_table(entries[found]).get("version"))
                plain = names.get(found, name)
                yield f"{plain}@{version}" if version else plain


def _resolve_dependency(key: str, name: str, entries: dict[str, object]) -> str | None:
    folder = key
    while True:
        path = f"{folder}/node_modules/{name}" if folder else f"node_modules/{name}"
        if path in entries:
            entry = require_table(entries[path])
            target = require_word(entry.get("resolved"))
            return target if _is_link(entry) and target in entries else path
        if not folder:
            return None
        folder = folder.rpartition("/node_modules/")[0] if "/node_modules/" in folder else ""
