"""npm packages that Bun locked: bun.lock, JSON with comments and trailing commas."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_relaxed_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package, Relationship

TITLE = "bun.lock"
PATTERNS = ("**/bun.lock",)

_IDENTITY = re.compile(r"((?:@[^/@\s]+/)?[^@\s]+)@(.*)")
_DECLARED = ("dependencies", "optionalDependencies", "peerDependencies")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages and the members of the project; raises UnreadableInventoryError."""
    document = require_table(parse_relaxed_json(file))
    lines = KeyLines(file.text)
    members = {
        key: require_table(member) for key, member in require_table(document.get("workspaces")).items()
    }
    entries = require_table(document.get("packages"))
    lines.find_next("packages")
    used = _find_reached_packages(
        {
            name
            for member in members.values()
            for kind in _DECLARED
            for name in require_table(member.get(kind))
        },
        entries,
    )
    developed = {name for member in members.values() for name in require_table(member.get("devDependencies"))}
    declared = developed | {
        name for member in members.values() for kind in _DECLARED for name in require_table(member.get(kind))
    }
    for key, value in entries.items():
        line = lines.find_next(key)
        identity = value[0] if isinstance(value, list) and value else None
        found = _IDENTITY.fullmatch(identity) if isinstance(identity, str) else None
        if found is None:
            file.record_left_out_entry(line, f"the entry {key[:80]!r} does not begin with a package")
            continue
        is_member = found[2].startswith("workspace:")
        is_development = not is_member and bool(members) and key not in used
        relationship: Relationship = (
            "member" if is_member else "declared" if key in declared else "transitive"
        )
        yield Package(
            type="npm",
            name=found[1],
            version=_extract_version(found[2], members),
            path=file.path,
            line=line,
            groups=("dev",) if is_development else (),
            is_development=is_development,
            relationship=relationship,
            dependencies=tuple(_list_needed_packages(key, entries)),
        )


def _extract_version(written: str, members: dict[str, dict[str, object]]) -> str:
    if written.startswith("workspace:"):
        return require_word(members.get(written.removeprefix("workspace:"), {}).get("version"))
    return written if written[:1].isdigit() else ""


def _list_edges(key: str, entries: dict[str, object]) -> Iterator[str]:
    value = entries.get(key)
    details = next((part for part in value if isinstance(part, dict)), {}) if isinstance(value, list) else {}
    for kind in _DECLARED:
        for name in require_table(details.get(kind)):
            nested = f"{key}/{name}"
            if nested in entries or name in entries:
                yield nested if nested in entries else name


def _find_reached_packages(start: set[str], entries: dict[str, object]) -> set[str]:
    reached, waiting = set[str](), list(start)
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += _list_edges(key, entries)
    return reached


def _list_needed_packages(key: str, entries: dict[str, object]) -> Iterator[str]:
    for other in _list_edges(key, entries):
        value = entries[other]
        if isinstance(value, list) and value and isinstance(value[0], str):
            yield value[0]
