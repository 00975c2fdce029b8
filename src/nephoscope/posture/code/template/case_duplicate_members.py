"""Members of JSON that Azure takes for one: their names differ in case alone, so that nothing tells which of the values counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.posture.code.finding import UnreadFile, to_region

if TYPE_CHECKING:
    from nephoscope_policy.arm.template import TemplateDocument
    from nephoscope_policy.arm.template.document import Path


def list_duplicate_members(document: TemplateDocument) -> Iterator[UnreadFile]:
    """Give the second of each two members of one object whose names differ in case alone."""
    for path, first in _find_duplicate_members(document.value, ()):
        reason = f"{path[-1]} and {first} are one name to Azure: remove one of the two"
        yield UnreadFile(to_region(document.find_place(path)), reason)


def _find_duplicate_members(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        if len({key.lower() for key in value}) < len(value):
            seen: dict[str, str] = {}
            for key in value:
                first = seen.setdefault(key.lower(), key)
                if first != key:
                    yield (*path, key), first
        for key, one in value.items():
            if isinstance(one, dict | list):
                yield from _find_duplicate_members(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            if isinstance(one, dict | list):
                yield from _find_duplicate_members(one, (*path, index))
