"""Follow JSON from its first bracket to the one that closes it, read by read, without keeping what has gone by.

Strings, brackets and what stands between them are followed across reads, however deep they nest. Numbers, escapes and words are not
judged: a record that cannot be decoded because of them ends where its brackets close all the same. Grammar: RFC 8259.
"""

from __future__ import annotations

import re

#: Of so many open brackets the kind is known; of those within them only how many they are.
_KNOWN = 65_536
_WORD = rb'[^\s"\[\]{},:\\]++'
_WORDS = re.compile(_WORD)
_BLANK = re.compile(rb"\s*+")
_PAIRS = {ord("}"): ord("{"), ord("]"): ord("[")}
_QUOTE, _COMMA, _COLON = b'",:'
#: What stands for the last token where that was a string or a closing bracket, and where it was a word.
_VALUE, _WORDY = b"vw"


def _compile_flat_patterns(inner: bytes) -> dict[int, re.Pattern[bytes]]:
    """Scalars with the commas behind them, by the bracket that they stand in: in an object each has a name."""
    string = rb'"%b*+(?:\\.%b*+)*+"' % (inner, inner)
    scalar = rb"\s*+(?:%b|%b)\s*+," % (string, _WORD)
    return {
        ord("{"): re.compile(rb"(?:\s*+%b\s*+:%b)*+" % (string, scalar), re.DOTALL),
        ord("["): re.compile(rb"(?:%b)*+" % scalar, re.DOTALL),
    }


def _compile_string_end_pattern(inner: bytes) -> re.Pattern[bytes]:
    """The rest of a string up to its closing quote, an escape that is cut, or what it may not hold."""
    return re.compile(rb"%b*+(?:\\.%b*+)*+" % (inner, inner), re.DOTALL)


#: By whether records are lines: a string goes on over a line break only where they are not.
_FLAT = {True: _compile_flat_patterns(rb'[^"\\\n]'), False: _compile_flat_patterns(rb'[^"\\]')}
_REST = {True: _compile_string_end_pattern(rb'[^"\\\n]'), False: _compile_string_end_pattern(rb'[^"\\]')}


class JsonWalk:
    """The way through one record that is fed from its first bracket on; holds the kinds of the open brackets (at most 65,536).

    `lines`: records are lines, so none goes on behind a line that ends within it where the next one begins with a brace. `wrong` is
    the byte of the record at which its structure is broken, -1 = it is not so far; the next record does not begin before byte `back`.
    """

    def __init__(self, *, lines: bool) -> None:
        self.lines = lines
        self.wrong = -1
        self.back = 0
        self._fed = 0
        self._open = bytearray()
        self._deeper = 0
        self._last = _COLON
        self._last_at = 0
        self._quoted = False
        self._escaped = False
        self._worded = False
        self._named = False
        self._broke = False
        self._on_line = False

    def end(self, data: bytes, start: int, stop: int) -> int:
        """Follow the next bytes of the record; where it ends in the data, -1 = it goes on, or is `wrong`."""
        at = start
        while at < stop:
            at = (
                self._skip_string(data, at, stop)
                if self._quoted
                else self._skip_members(data, at, start, stop)
            )
            if self.wrong >= 0:
                self.wrong += self._fed - start
                return -1
            if not self._open and not self._quoted:
                return at
        if self.lines:
            self._broke = self._broke or data.find(b"\n", start, stop) >= 0
            self._on_line = data[stop - 1 : stop] == b"\n"
        self._fed += stop - start
        return -1

    def _skip_string(self, data: bytes, at: int, stop: int) -> int:
        """Go over a string up to its closing quote."""
        if self._escaped:
            self._escaped = False
            at += 1
        at = _REST[self.lines].match(data, at, stop).end()  # type: ignore[union-attr]
        if at == stop:
            return at
        if data[at] == _QUOTE:
            self._quoted = False
            return at + 1
        if data[at : at + 1] == b"\\" and at + 1 == stop:
            self._escaped = True
            return stop
        self.wrong, self.back = at, self._last_at
        return at

    def _skip_members(self, data: bytes, at: int, start: int, stop: int) -> int:
        """Go over flat members or elements, or over one token."""
        if self._worded:
            self._worded = False
            at = _skip_word(data, at, stop)
        if self._open and not self._deeper and self._last in b"{[,":
            flat = _FLAT[self.lines][self._open[-1]].match(data, at, stop).end()  # type: ignore[union-attr]
            if flat > at:
                self._last, self._last_at, at = _COMMA, self._fed + flat - 1 - start, flat
        at = _BLANK.match(data, at, stop).end()  # type: ignore[union-attr]
        if at == stop:
            return at
        mark = data[at]
        if not self._may_follow(mark) or (
            mark == ord("{") and self.lines and self._is_second_line(data, at, start)
        ):
            self.wrong, self.back = at, self._last_at
            return at
        self._last_at = self._fed + at - start
        return self._skip_token(mark, data, at, stop)

    def _may_follow(self, mark: int) -> bool:
        """Return whether a token may stand behind the one before it."""
        inner = self._open[-1] if self._open and not self._deeper else 0
        if mark in _PAIRS:
            return inner in (0, _PAIRS[mark]) and not self._named
        if mark == _COMMA:
            return self._last in (_VALUE, _WORDY) and not self._named
        if mark == _COLON:
            return self._named or (not inner and self._last in (_VALUE, _WORDY))
        if mark in b"{[":
            return self._last in {ord("{"): b":", ord("["): b"[,"}.get(inner, b":[,")
        return self._last != _VALUE and mark != ord("\\") and (mark != _QUOTE or self._last != _WORDY)

    def _skip_token(self, mark: int, data: bytes, at: int, stop: int) -> int:
        """Go over a token."""
        within = self._open[-1:] == b"{" and not self._deeper
        self._named = within and self._last in b"{," and mark not in _PAIRS
        self._last = mark
        if mark in b"{[":
            if len(self._open) < _KNOWN:
                self._open.append(mark)
            else:
                self._deeper += 1
        elif mark not in b",:":
            self._last = _VALUE
            if mark in _PAIRS:
                self._close_bracket()
            elif mark == _QUOTE:
                self._quoted = True
            else:
                self._last = _WORDY
                at = _skip_word(data, at, stop)
                self._worded = at == stop
                return at
        return at + 1

    def _close_bracket(self) -> None:
        if self._deeper:
            self._deeper -= 1
        else:
            self._open.pop()

    def _is_second_line(self, data: bytes, at: int, start: int) -> bool:
        """Return whether a brace within the record begins its second line, and the first does not end as one that is
        broken for reading."""
        if not self._open or self._broke or self._last in b"[,":
            return False
        return self._on_line if at == start else data.find(b"\n", start, at) == at - 1


def _skip_word(data: bytes, at: int, stop: int) -> int:
    """Behind the word at a byte."""
    word = _WORDS.match(data, at, stop)
    return word.end() if word else at
