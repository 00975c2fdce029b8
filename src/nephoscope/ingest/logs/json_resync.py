"""Find the end of a broken JSON record and the beginning of the next: nothing nested in a record is ever taken for a record.

Where the brackets of a record close, it ends there, whatever else is wrong with it. Where they do not, the next record of a list is
the first object from which on whole objects follow each other up to the end of the list, or for a block's size: behind what is nested
in the broken record stands what closes that record. On lines the next record begins a line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from nephoscope.ingest.logs.json_walk import JsonWalk

_SCALAR = rb'(?:"(?:[^"\\]|\\.){0,4096}"|-?[0-9][0-9.eE+-]{0,40}|true|false|null)'
_NAME = rb'"(?:[^"\\]|\\.){1,256}"\s*:'
MEMBER = rb"\s*%b\s*" % _NAME + _SCALAR
#: What opens an envelope: `{"records":[`, also behind other members, or the `{"value":[` of an answer; its first
#: record may lack its brace.
WRAPPER = re.compile(
    rb'\{(?:(?:%b\s*,){0,64}\s*"[Rr]ecords"|(?:\s*"(?:@odata[^"]{0,64}|nextLink|count)"\s*:\s*%b\s*,){0,8}\s*"value")\s*:\s*\[(?=\s*(?:[{\]]|%b))'
    % (MEMBER, _SCALAR, _NAME)
)
_IN_LIST = re.compile(rb",\s*+\{|(?<=[\r\n])\{")
_ON_LINE = re.compile(rb"(?<=[\r\n])\{")
_SEPARATED = re.compile(rb"\s*+(,?)\s*+")
#: The end of a list or of its envelope, with members behind the list.
_CLOSED = re.compile(rb"\s*+\](?:(?:\s*,%b)*\s*\})?\s*+(,?)\s*+" % MEMBER)
_LINE_END = re.compile(rb"[\r\n]")
_BLANK = re.compile(rb"\s*+")
_LEAST = 4096
_MORE = -1


class ByteWindow(NamedTuple):
    """Bytes that are held, of which nothing is looked at from `stop` on; `ended`: there are no more, `growing`: but more will come.

    `lined`: the last whole record has a line of its own.
    So many bytes as `far` of objects that follow each other are no part of a record.
    """

    data: bytes
    stop: int
    ended: bool
    growing: bool
    listed: bool
    lined: bool
    far: int

    def find_broken_end(self, start: int) -> int:
        """Return where what is broken ends that begins at a byte; 0 = more bytes are needed to tell."""
        found = self._find_end(start) if self.data[start] == 0x7B else self.find_next_record(start + 1, start)
        return self._find_own_line(start, found)

    def _find_end(self, start: int) -> int:
        """Where a broken record ends: where its brackets close, else where the next one begins."""
        walk = JsonWalk(lines=not self.listed)
        end = walk.end(self.data, start, self.stop)
        if end >= 0:
            trusted = self._is_end_trusted(end)
            if trusted:
                return end if trusted > 0 else self._read_all()
            return self.find_next_record(end, start)
        return self.find_next_record(start + walk.back, start) if walk.wrong >= 0 else self._read_all()

    def _find_own_line(self, start: int, found: int) -> int:
        """The first line behind a byte that is a record of its own, where that is before the end that was found."""
        at, stop = start + 1, found or self.stop
        while match := _ON_LINE.search(self.data, at, stop):
            own = self._is_line_own_record(match.start())
            if own:
                return match.start() if own > 0 else 0
            at = match.end()
        return found

    def _is_line_own_record(self, first: int) -> int:
        """1 where a line is a record of its own, 0 where it may be an element of a list or a value, -1 where more bytes are needed.

        Behind what is nested stands a comma or a closing bracket. Records that are spread over lines follow each other: where the next
        line opens what it does not close, the lines behind that decide.
        """
        at, before = first, ""
        while True:
            line = self._find_line_end(at)
            if line == self.stop and not self.ended:
                return _MORE
            kind = self._classify_line(at, line)
            if before == "whole" and kind != "open":
                return 1
            if kind != "whole" and not (kind == "open" and before):
                return int(before == "open" and kind == "broken")
            at = _BLANK.match(self.data, line, self.stop).end()  # type: ignore[union-attr]
            if at == self.stop:
                return self._is_last()
            if self.data[at] != 0x7B:
                return int(self.data[at] not in b"]},")
            before = kind

    def _classify_line(self, at: int, line: int) -> str:
        """Return what a line is that begins with a brace: a whole record, an open or a broken one, or one with more behind it."""
        walk = JsonWalk(lines=False)
        end = walk.end(self.data, at, line)
        if end < 0:
            return "broken" if walk.wrong >= 0 else "open"
        return "more" if self.data[end:line].strip() else "whole"

    def _is_last(self) -> int:
        """As _is_line_own_record(), for a line behind which nothing stands: it may begin a list that was cut there."""
        return int(self.lined and not self.listed) if self.ended and not self.growing else _MORE

    def _find_line_end(self, at: int) -> int:
        match = _LINE_END.search(self.data, at, self.stop)
        return match.start() if match else self.stop

    def find_next_record(self, at: int, start: int) -> int:
        """Return where the next record begins, at or behind a byte; the end of the data where none does; 0 = more bytes needed."""
        while match := (_IN_LIST if self.listed else _ON_LINE).search(self.data, at, self.stop):
            found = match.end() - 1
            if self.listed:
                at = self._reject_object(found)
                if at == _MORE:
                    return 0
                if not at:
                    return found
            else:
                own = found > start and (
                    self._is_line_own_record(found) if self._continues_within(start, found) else 1
                )
                if own:
                    return found if own > 0 else 0
                at = found + 1
        return self._read_all()

    def _read_all(self) -> int:
        return self.stop if self.ended and not self.growing else 0

    def _is_end_trusted(self, end: int) -> int:
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
        rejected = self._reject_object(match.end())
        return _MORE if rejected == _MORE else rejected == 0

    def _continues_within(self, start: int, found: int) -> bool:
        """Return whether a brace at the begin of a line may go on with what stands before it."""
        return self.data[max(start, found - _LEAST) : found].rstrip()[-1:] in (b"[", b",", b":")

    def _reject_object(self, first: int) -> int:
        """0 where an object begins a record of the list, else where to look on; -1 = more bytes are needed to tell."""
        at = first
        while at - first < self.far:
            walk = JsonWalk(lines=False)
            end = walk.end(self.data, at, self.stop)
            if end < 0:
                if walk.wrong >= 0:
                    return max(at + walk.back, first + 1)
                return self._read_all() or _MORE
            match = _SEPARATED.match(self.data, end, self.stop)
            assert match is not None
            following = match.end()
            if following == self.stop:
                return 0 if self.ended else _MORE
            if not match[1]:
                return 0 if self.data[following] in b"{[" else self._reject_unclosed_list(end)
            if self.data[following] != ord("{"):
                return following
            at = following
        return 0

    def _reject_unclosed_list(self, end: int) -> int:
        """0 where a list is closed behind a byte and so is all it stands in, else where to look on; -1 = more bytes are needed."""
        match = _CLOSED.match(self.data, end, self.stop)
        if match is None:
            return end if self.ended or self.stop - end > _LEAST else _MORE
        if match.end() == self.stop:
            return 0 if self.ended and not match[1] else end if self.ended else _MORE
        if match[1]:
            return 0 if WRAPPER.match(self.data, match.end(), self.stop) else end
        return 0 if self.data[match.end()] in b"{[" else end
