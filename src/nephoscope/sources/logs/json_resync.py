"""Where a broken record ends and the next one begins: nothing that is nested in a record is ever taken for a record.

Where the brackets of a record close, it ends there, whatever else is wrong with it. Where they do not, the next record of a list is
the first object from which on whole objects follow each other up to the end of the list, or for a block's size: behind what is nested
in the broken record stands what closes that record. On lines the next record begins a line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from nephoscope.sources.logs.json_walk import Walk

_SCALAR = rb'(?:"(?:[^"\\]|\\.){0,4096}"|-?[0-9][0-9.eE+-]{0,40}|true|false|null)'
MEMBER = rb'\s*"(?:[^"\\]|\\.){1,256}"\s*:\s*' + _SCALAR
#: What opens an envelope: `{"records":[`, also behind other members, or the `{"value":[` of an answer.
WRAPPER = re.compile(
    rb'\{(?:(?:%b\s*,){0,64}\s*"[Rr]ecords"|(?:\s*"(?:@odata[^"]{0,64}|nextLink|count)"\s*:\s*%b\s*,){0,8}\s*"value")\s*:\s*\[(?=\s*[{\]])'
    % (MEMBER, _SCALAR)
)
_IN_LIST = re.compile(rb",\s*+\{|(?<=[\r\n])\{")
_ON_LINE = re.compile(rb"(?<=[\r\n])\{")
_SEPARATED = re.compile(rb"\s*+(,?)\s*+")
#: The end of a list or of its envelope, with members behind the list.
_CLOSED = re.compile(rb"\s*+\](?:(?:\s*,%b)*\s*\})?\s*+(,?)\s*+" % MEMBER)
_LEAST = 4096
_MORE = -1


class Held(NamedTuple):
    """Bytes that are held, of which nothing is looked at from `stop` on; `ended`: there are no more, `growing`: but more will come.

    So many bytes as `far` of objects that follow each other are no part of a record.
    """

    data: bytes
    stop: int
    ended: bool
    growing: bool
    listed: bool
    far: int

    def behind(self, start: int) -> int:
        """Where a broken record ends that begins at a byte; 0 = more bytes are needed to tell."""
        walk = Walk(lines=not self.listed)
        end = walk.end(self.data, start, self.stop)
        if end >= 0:
            trusted = self._trusted(end)
            if trusted:
                return end if trusted > 0 else self._all()
            return self.next_record(end, start)
        return self.next_record(start + walk.back, start) if walk.wrong >= 0 else self._all()

    def next_record(self, at: int, start: int) -> int:
        """Where the next record begins, at or behind a byte; all that is held where none does; 0 = more bytes are needed to tell."""
        while match := (_IN_LIST if self.listed else _ON_LINE).search(self.data, at, self.stop):
            found = match.end() - 1
            if self.listed:
                at = self._rejected(found)
                if at == _MORE:
                    return 0
                if not at:
                    return found
            elif found > start and not self._within(start, found):
                return found
            else:
                at = found + 1
        return self._all()

    def _all(self) -> int:
        return self.stop if self.ended and not self.growing else 0

    def _trusted(self, end: int) -> int:
        """1 where what stands behind the end of a record may stand there, 0 where it may not, -1 where that is not held."""
        match = _SEPARATED.match(self.data, end, self.stop)
        assert match is not None
        if match.end() == self.stop:
            return 1 if self.ended else _MORE
        mark = self.data[match.end()]
        if match[1] or not self.listed:
            return mark in (b"{[" if match[1] else b"{[]}")
        if mark != ord("{"):
            return mark == ord("]")
        rejected = self._rejected(match.end())
        return _MORE if rejected == _MORE else rejected == 0

    def _within(self, start: int, found: int) -> bool:
        """Whether a brace at the begin of a line goes on with what stands before it, in a record that has several lines."""
        before = self.data[max(start, found - _LEAST) : found]
        end = found - len(before) + len(before.rstrip())
        return before.rstrip()[-1:] in (b"[", b",", b":") and self.data.find(b"\n", start, end) >= 0

    def _rejected(self, first: int) -> int:
        """0 where an object begins a record of the list, else where to look on; -1 = more bytes are needed to tell."""
        at = first
        while at - first < self.far:
            walk = Walk(lines=False)
            end = walk.end(self.data, at, self.stop)
            if end < 0:
                if walk.wrong >= 0:
                    return max(at + walk.back, first + 1)
                return self._all() or _MORE
            match = _SEPARATED.match(self.data, end, self.stop)
            assert match is not None
            following = match.end()
            if following == self.stop:
                return 0 if self.ended else _MORE
            if not match[1]:
                return 0 if self.data[following] in b"{[" else self._unclosed(end)
            if self.data[following] != ord("{"):
                return following
            at = following
        return 0

    def _unclosed(self, end: int) -> int:
        """0 where a list is closed behind a byte and so is all it stands in, else where to look on; -1 = more bytes are needed."""
        match = _CLOSED.match(self.data, end, self.stop)
        if match is None:
            return end if self.ended or self.stop - end > _LEAST else _MORE
        if match.end() == self.stop:
            return 0 if self.ended and not match[1] else end if self.ended else _MORE
        if match[1]:
            return 0 if WRAPPER.match(self.data, match.end(), self.stop) else end
        return 0 if self.data[match.end()] in b"{[" else end
