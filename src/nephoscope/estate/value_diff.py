"""Differences of two JSON documents by path; entries of a list are matched by their names where they have names.

A path is `properties.securityRules['allow-ssh'].properties.access`, or `properties.counts[0]` where entries have no names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

#: Members that name an entry of a list in Azure's documents, the usual one first.
_NAMING = ("name", "id")
_STEP = re.compile(r"\['((?:[^'\\]|\\.)*)'\]|\[\d+\]|[^.\[]+|\[")


def diff_values(old: object, new: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield (path, value before, value after) of every value that differs; None where there is none."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            inner = f"{path}.{name}" if path else name
            yield from diff_values(old.get(name), new.get(name), inner)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _diff_lists(old, new, path)
    elif old != new or type(old) is not type(new):
        yield path, old, new


def _diff_lists(old: list[object], new: list[object], path: str) -> Iterator[tuple[str, object, object]]:
    before, after = _index_by_name(old), _index_by_name(new)
    if before is not None and after is not None:
        for key, (name, value) in sorted({**before, **after}.items()):
            gone, here = before.get(key), after.get(key)
            pair = gone[1] if gone else None, value if here else None
            yield from diff_values(*pair, f"{path}['{escape_name(name)}']")
        return
    for at in range(max(len(old), len(new))):
        pair = (old[at] if at < len(old) else None, new[at] if at < len(new) else None)
        yield from diff_values(*pair, f"{path}[{at}]")


def _index_by_name(entries: list[object]) -> Mapping[str, tuple[str, object]] | None:
    """The entries by their lower-cased names, each with its name as written; None where names are missing or repeated."""
    for naming in _NAMING:
        names = [entry.get(naming) if isinstance(entry, dict) else None for entry in entries]
        found = {
            name.lower(): (name, entry)
            for name, entry in zip(names, entries, strict=True)
            if isinstance(name, str) and name
        }
        if len(found) == len(entries):
            return found
    return None


def escape_name(name: str) -> str:
    """Return the name of an entry as it stands between the quotes of a path."""
    return name.replace("\\", "\\\\").replace("'", "\\'")


def split_path(path: str) -> list[str]:
    """The members and entry names on a path, in order, without positions."""
    words = []
    for found in _STEP.finditer(path):
        if found.group(1) is not None:
            words.append(re.sub(r"\\(.)", r"\1", found.group(1)))
        elif not found.group().startswith("["):
            words.append(found.group())
    return words
