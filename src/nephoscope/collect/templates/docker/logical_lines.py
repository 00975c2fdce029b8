"""Logical lines of a Dockerfile: directives, continuations, comments, here-documents.

Source: https://docs.docker.com/reference/dockerfile/ (parser directives, escape, here-documents).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_DIRECTIVE = re.compile(r"#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*\r?$")
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)([A-Za-z_][\w.-]*)\1")
_HEREDOC_INSTRUCTION = re.compile(r"[ \t]*(?:ONBUILD[ \t]+)?(?:RUN|COPY|ADD)\b", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*\n?")
DIRECTIVES = frozenset({"syntax", "escape", "check"})


class LogicalLine(NamedTuple):
    r"""An instruction as one text of the same length as in the file: its continuations are `\` and a line feed, comments are blanks.

    `start` is its offset in the file, `body` the offset within `text` where here-documents begin (its length where there are none).
    """

    text: str
    start: int
    body: int


class Comment(NamedTuple):
    """A comment line: its text after `#` and its offset."""

    text: str
    start: int


def read_directives(text: str) -> dict[str, str]:
    """Return the parser directives at the head of a file, by lower-case name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _DIRECTIVE.match(line.strip())
        if match is None or match[1].lower() not in DIRECTIVES or match[1].lower() in found:
            break
        found[match[1].lower()] = match[2]
    return found


def split_lines(text: str, escape: str) -> Iterator[LogicalLine | Comment]:
    """Give the logical lines and the comments of a file in their order."""
    at = 0
    while at < len(text):
        line = _LINE.match(text, at)
        assert line is not None
        stripped = line.group().strip()
        if not stripped or stripped.startswith("#"):
            if stripped:
                yield Comment(stripped[1:].strip(), at + line.group().index("#"))
            at = line.end()
            continue
        logical, at = _parse_logical_line(text, at, escape)
        yield logical


def _parse_logical_line(text: str, start: int, escape: str) -> tuple[LogicalLine, int]:
    parts: list[str] = []
    at = start
    while at < len(text):
        match = _LINE.match(text, at)
        assert match is not None
        line, at = match.group(), match.end()
        stripped = line.strip()
        if parts and (not stripped or stripped.startswith("#")):
            parts.append(" " * len(line))
            continue
        bare = line.rstrip()
        if not bare.endswith(escape):
            parts.append(line)
            break
        space = len(line) - len(bare) - 1
        parts.append(bare[:-1] + " " * space + ("\\\n" if line.endswith("\n") else "\\"))
    joined = "".join(parts)
    head = joined.rstrip("\r\n")
    if not _HEREDOC_INSTRUCTION.match(head):
        return LogicalLine(head, start, len(head)), at
    end = at
    for document in _HEREDOC.finditer(head):
        end = _find_document_end(text, end, document[2], "<<-" in document.group())
    if end == at:
        return LogicalLine(head, start, len(head)), at
    return LogicalLine(joined + text[at:end], start, len(joined)), end


def _find_document_end(text: str, at: int, word: str, indented: bool) -> int:
    """Return the offset after the line that ends a here-document; the text's end where none does."""
    while at < len(text):
        match = _LINE.match(text, at)
        assert match is not None
        line, at = match.group().rstrip("\r\n"), match.end()
        if (line.lstrip("\t") if indented else line) == word:
            break
    return at
