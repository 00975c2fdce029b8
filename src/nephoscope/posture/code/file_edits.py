"""Edits applied to files: each at exactly its region, none where another one stands already."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.finding import CodeFinding, Edit
from nephoscope_policy.arm.text_encoding import encode_like_file, find_encoding

_MEMBER = re.compile(r"\s*(\"[^\"]*\"|[\w-]+)\s*[:=]")
_LINE = re.compile(r"\r?\n[ \t]*[\w-]+ = [^\n]*$")


class FixOutcome(msgspec.Struct, frozen=True):
    """Counts the fixes of each file, and gives the reason of each file that got none."""

    applied: dict[str, int]
    refused: dict[str, str]


def apply_fixes(findings: Iterable[CodeFinding], root: Path) -> FixOutcome:
    """Write the fixes of findings into the files below a root.

    Of fixes that overlap the first is applied: judge again for the others. Files outside of the root,
    what links lead to, and what is not text, are left alone.
    """
    by_file: defaultdict[str, list[Edit]] = defaultdict(list)
    for finding in findings:
        for edit in finding.fix:
            by_file[edit.region.file].append(edit)
    outcome = FixOutcome({}, {})
    for file, edits in sorted(by_file.items()):
        try:
            outcome.applied[file] = _fix_file(root.resolve(), file, edits)
        except UnicodeDecodeError as error:
            outcome.refused[file] = f"it is not valid {error.encoding}: save it in UTF-8"
        except OSError as error:
            outcome.refused[file] = error.strerror or str(error)
    return outcome


def _fix_file(root: Path, file: str, edits: Iterable[Edit]) -> int:
    """Write edits into a file, and return how many; raises OSError, and UnicodeDecodeError where its places are another text's."""
    path = root / file
    if not path.resolve().is_relative_to(root):
        raise OSError("it is outside of the scanned folder")
    if path.resolve() != path:
        raise OSError("it is a link: the fix belongs in the file that it leads to")
    data = path.read_bytes()
    changed, count = apply_edits(data.decode(find_encoding(data)), edits)
    path.write_bytes(encode_like_file(changed, data))
    return count


def apply_edits(text: str, edits: Iterable[Edit]) -> tuple[str, int]:
    """A text with edits that do not overlap, and how many of them were applied.

    At one place several members are inserted, each of another name, where each brings its comma or is a line of its own.
    """
    source, newline = SourceText("", text), "\r\n" if "\r\n" in text else "\n"
    spans = sorted({(*_locate_edit(source, edit), edit.text.replace("\n", newline)) for edit in edits})
    parts, at, count = [], 0, 0
    inserted: set[tuple[int, str]] = set()
    for start, end, new in spans:
        named = _MEMBER.match(new)
        key = (start, named[1] if named else new)
        again = any(place == start for place, _ in inserted)
        if start < at or key in inserted or (again and not (start == end and _ends_line(new))):
            continue
        if start == end:
            inserted.add(key)
        parts += [text[at:start], new]
        at, count = end, count + 1
    return "".join([*parts, text[at:]]), count


def _ends_line(member: str) -> bool:
    """Return whether another member may be inserted beside one: it ends with its comma, or is an attribute's line."""
    return member.endswith(",") or _LINE.match(member) is not None


def _locate_edit(source: SourceText, edit: Edit) -> tuple[int, int]:
    region = edit.region
    start = source.find_offset(region.line, region.column)
    return start, source.find_offset(region.last_line, region.end_column or region.column)
