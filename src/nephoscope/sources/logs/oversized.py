"""Find the end of a JSON record that is too large to be held, read by read, without keeping what has gone by.

Strings, escapes and brackets are followed across reads. Where the record turns out to be no JSON, or from the start where that is
known, its end is where the next record seems to begin. Grammar: RFC 8259.
"""

from __future__ import annotations

import re

_DEEPEST = 1024
#: Scalars, commas and whole strings without escapes, up to a bracket or to a string that is looked at more closely.
_FLAT = re.compile(rb'(?:[^"\[\]{}]*+"[^"\\\n]*+")*+[^"\[\]{}]*+')
#: The rest of a string up to its closing quote, an escape that is cut, or a line break, which no string may have.
_STRING = re.compile(rb'[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+')
_NEXT_IN_LIST = re.compile(rb"[,\[]\s*\{|[\r\n]\{")
_NEXT_ON_LINE = re.compile(rb"[\r\n]\{")
_PAIRS = {ord("}"): ord("{"), ord("]"): ord("[")}


class Oversized:
    """The way through one record that is fed from its first byte on; holds one read and the nesting (at most 1024).

    `listed`: it stands in a list; else the next record may begin on any line. `broken_at`: how far on it shows that it is no JSON,
    0 = nothing does so far.
    """

    def __init__(self, *, listed: bool, broken_at: int = 0) -> None:
        self.listed = listed
        self.broken_at = broken_at
        self._seen = 0
        self._open = bytearray()
        self._quoted = False
        self._escaped = False
        self._tail = b""

    def end(self, read: bytes) -> int:
        """How many bytes of the next read still belong to the record; -1 when all do and it goes on."""
        carried = len(self._tail)
        data = self._tail + read
        found = -1 if self.broken_at else self._followed(data, carried)
        if self.broken_at:
            found = self._next(data, carried)
        self._seen += len(read)
        # The next read is judged by the last byte that is not blank, and by whether it begins a line.
        self._tail = data.rstrip()[-1:] + (b"\n" if data.endswith(b"\n") else b"")
        return found - carried if found >= 0 else -1

    def _followed(self, data: bytes, carried: int) -> int:
        """Behind the bracket that closes the record, -1 where none does; sets `broken_at` where it is no JSON."""
        at, before = carried, 0
        while at < len(data):
            if self._quoted:
                at = self._unquoted(data, at)
                before = at - 1
            else:
                at = _FLAT.match(data, at).end()  # type: ignore[union-attr]
                if at == len(data):
                    return -1
                if self._open and not self.listed and data.startswith(b"\n{", at - 1):
                    return at
                if not self._fits(data[at], data[before:at].rstrip()[-1:]):
                    at = -at - 1
                else:
                    before, at = at, at + 1
            if at < 0:
                self.broken_at = max(self._seen - at - 1 - carried, 1)
                return -1
            if not self._open:
                return at
        return -1

    def _unquoted(self, data: bytes, at: int) -> int:
        """Behind the string that goes on at a byte, or the end of the data; `-1 - byte` where it is broken."""
        if self._escaped:
            self._escaped = False
            at += data[at] != ord("\n")
        end = _STRING.match(data, at).end()  # type: ignore[union-attr]
        if end == len(data):
            return end
        if data[end] == ord('"'):
            self._quoted = False
            return end + 1
        if data[end] == ord("\\") and end + 1 == len(data):
            self._escaped = True
            return end + 1
        return -1 - end

    def _fits(self, mark: int, last: bytes) -> bool:
        """Take a quote or bracket behind the last byte that is not blank; False where JSON has none there."""
        if mark in _PAIRS:
            return self._open.pop() == _PAIRS[mark]
        if self._open and (
            last not in b",:[{" or (mark != ord('"') and self._open[-1] == ord("{") and last != b":")
        ):
            return False
        if mark == ord('"'):
            self._quoted = True
            return True
        self._open.append(mark)
        return len(self._open) <= _DEEPEST

    def _next(self, data: bytes, carried: int) -> int:
        """Where the next record seems to begin, at or behind the byte that is broken; -1 = not in this data."""
        least = max(carried + self.broken_at - self._seen, carried)
        candidates = _NEXT_IN_LIST if self.listed else _NEXT_ON_LINE
        for match in candidates.finditer(data):
            if match.end() - 1 >= least:
                return match.end() - 1
        return -1
