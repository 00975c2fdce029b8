"""Changes of files: two states compared, with the attributes that differ and a diff of texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Literal

import msgspec

from nephoscope.protect.files.file_record import ATTRIBUTES, CONTENT, FileRecord

_MOST_LINES = 200


class FileChange(msgspec.Struct, frozen=True):
    """A difference of a file: `fields` are the names of the attributes that differ, `diff` the lines of a text that do."""

    path: str
    change: Literal["Created", "Modified", "Deleted"]
    fields: tuple[str, ...] = ()
    before: FileRecord | None = None
    after: FileRecord | None = None
    diff: tuple[str, ...] = ()


def compare_files(before: Mapping[str, FileRecord], after: Mapping[str, FileRecord]) -> list[FileChange]:
    """Return what changed between two states, by path. A file that cannot be read any more is a change, not a deletion."""
    found = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            found.append(FileChange(path, "Created" if old is None else "Deleted", (), old, new))
        elif fields := _list_differing_fields(old, new):
            found.append(FileChange(path, "Modified", fields, old, new, _diff_file_records(old, new)))
    return found


def restore_unread_records(
    before: Mapping[str, FileRecord], after: Mapping[str, FileRecord]
) -> dict[str, FileRecord]:
    """Return a state with the earlier records below each folder that it could not read: what was not looked at is not deleted."""
    unread = {path for path, one in after.items() if one.problem and one.kind != "file"}
    if not unread:
        return dict(after)
    kept = {
        path: one
        for path, one in before.items()
        if path not in after and not unread.isdisjoint(_list_parent_folders(path))
    }
    return {**kept, **after}


def _list_parent_folders(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _list_differing_fields(old: FileRecord, new: FileRecord) -> tuple[str, ...]:
    names: tuple[str, ...] = (*CONTENT, *ATTRIBUTES, "problem")
    if old.kind == new.kind == "folder":
        names = ("mode", "uid", "gid", "xattrs", "problem")
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))


def _diff_file_records(old: FileRecord, new: FileRecord) -> tuple[str, ...]:
    if old.text is None or new.text is None or old.text == new.text:
        return ()
    lines = list(
        unified_diff(old.text.splitlines(), new.text.splitlines(), old.path, new.path, lineterm="", n=1)
    )
    if len(lines) > _MOST_LINES:
        return (*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES:,} more lines")
    return tuple(lines)
