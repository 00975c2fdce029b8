"""Sanitize output: text without control sequences, and plural forms."""

from __future__ import annotations

import io
import re
from typing import TextIO, cast

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 controls except tab and line feed, and marks that change the writing direction or end a line."""


def escape_controls(text: str) -> str:
    """The text with control characters (of names and tags in an estate) spelled out as JSON does, so that JSON stays JSON."""
    return CONTROL.sub(_spell_character, text)


def wrap_escaping_stream(out: TextIO) -> TextIO:
    """A stream that writes plain text to another; for every format that has no control characters of its own."""
    return cast("TextIO", _PlainStream(out))


def format_count(count: int, one: str, many: str = "") -> str:
    """`1 record`, `2 records`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def format_subjects(machines: int, images: int) -> str:
    """`2 machines and 1 image`, without the kind of which there is none."""
    counts = [(machines, "machine"), *([(images, "image")] if images else [])]
    return " and ".join(format_count(count, kind) for count, kind in counts if count or not images)


def _spell_character(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


class _PlainStream(io.TextIOBase):
    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str, /) -> int:
        """Write the text, plain."""
        return self._out.write(escape_controls(text))

    def flush(self) -> None:
        """Flush the stream below."""
        self._out.flush()
