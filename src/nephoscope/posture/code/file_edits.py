"""Edits applied to files: each at exactly its region, none where another one stands already."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.finding import CodeFinding, Edit
from nephoscope_policy.arm.text_encoding import encode_alike, find_encoding

_MEMBER = re.compile(r"\s*(\"[^\"]*\"|[\w-]+)\s*[:=]")
_LINE = re.compile(r"\r?\n[ \t]*[\w-]+ = [^\n]*$")


def apply_fixes(findings: Iterable[CodeFinding], root: Path) -> dict[str, int]:
    """Write the fixes of findings into the files below a root; returns how many were applied to each file.

    Of fixes that overlap the first is applied: judge again for the others. Files outside of the root,
    and what links lead to, are left alone.
    """
    by_file: defaultdict[str, list[Edit]] = defaultdict(list)
    for finding in findings:
        for edit in finding.fix:
            by_file[edit.region.file].append(edit)
    applied = {}
    for file, edits in sorted(by_file.items()):
        path = root.resolve() / file
        if path.resolve() == path and path.is_relative_to(root.resolve()) and path.is_file():
            data = path.read_bytes()
            try:
                text = data.decode(find_encoding(data))
            except UnicodeDecodeError:
                continue  # its places are those of another text
            changed, count = apply_edits(text, edits)
            path.write_bytes(encode_alike(changed, data))
            applied[file] = count
    return applied


def apply_edits(text: str, edits: Iterable[Edit]) -> tuple[str, int]:
    """A text with edits that do not overlap, and how many of them were applied.

    At one place several members are inserted, each of another name, where each brings its comma or is a line of its own.
    """
    source, newline = SourceText("", text), "\r\n" if "\r\n" in text else "\n"
    spans = sorted({(*_offsets(source, edit), edit.text.replace("\n", newline)) for edit in edits})
    parts, at, count = [], 0, 0
    inserted: set[tuple[int, str]] = set()
    for start, end, new in spans:
        named = _MEMBER.match(new)
        key = (start, named[1] if named else new)
        again = any(place == start for place, _ in inserted)
        if start < at or key in inserted or (again and not (start == end and _stands_alone(new))):
            continue
        if start == end:
            inserted.add(key)
        parts += [text[at:start], new]
        at, count = end, count + 1
    return "".join([*parts, text[at:]]), count


def _stands_alone(member: str) -> bool:
    """Return whether another member may be inserted beside one: it ends with its comma, or is an attribute's line."""
    return member.endswith(",") or _LINE.match(member) is not None


def _offsets(source: SourceText, edit: Edit) -> tuple[int, int]:
    region = edit.region
    start = source.offset(region.line, region.column)
    return start, source.offset(region.last_line, region.end_column or region.column)
