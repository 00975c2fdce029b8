"""Cut XML into Windows events, so that what is broken in one of them never takes another along.

Where an event begins and ends is told by its tags alone, outside of comments and CDATA sections; whether it is XML is found out
afterwards. Source: https://www.w3.org/TR/xml/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: An event that is longer than this many bytes is none.
LONGEST = 32 * 1024 * 1024
_PART = 256 * 1024
_HEAD = 4096
_LONGEST_TAG = 128
_PREFIX = rb"(?:[A-Za-z_][\w.-]{0,63}:)?"
_TOKEN = re.compile(
    rb"<(?:(?P<open>%bEvent(?=[\s/>]))|(?P<close>/%bEvent\s*>)|(?P<begin>%bEvents(?=[\s/>]))|(?P<finish>/%bEvents\s*>)"
    rb"|(?P<types>!DOCTYPE)|(?P<comment>!--)|(?P<data>!\[CDATA\[))" % ((_PREFIX,) * 4)
)
_SYSTEM = re.compile(rb"\s*<%bSystem[\s/>]" % _PREFIX)
_REST_OF_TAG = re.compile(rb"[^<>]*>")
_MARKS = {"comment": (b"<!--", b"-->"), "data": (b"<![CDATA[", b"]]>")}
_OPENS = re.compile(rb"<%bEvent(?:\s[^<>]*)?>\s*<%bSystem[\s/>]" % (_PREFIX, _PREFIX))
#: With what it declares, which may hold tags in quotes.
DOCUMENT_TYPE = re.compile(rb"<!DOCTYPE[^<>\[]*(?:\[(?:\"[^\"]*\"|'[^']*'|[^\]\"'])*+\]\s*)?>?")
#: What may stand between events, and tells of none: comments and instructions, and the element that holds the events.
_ASIDE = ((b"<!--", b"-->"), (b"<?", b"?>"))
_HOLDER = re.compile(rb"\xef\xbb\xbf|</?%bEvents(?:\s[^<>]*)?/?>" % _PREFIX)
_SPACES = re.compile(rb"<%bEvents(\s[^<>]*)>" % _PREFIX)
_SPACE = re.compile(rb"\sxmlns(?::[\w.-]{1,64})?\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')")

CUT = "the event is cut: another begins before it ends"
UNENDED = "the text ends inside an event"
STRAY = "text that is part of no event"
TOO_LARGE = f"an event is larger than {LONGEST} bytes"
NO_TYPES = "the document type is not read, since it could define entities: events that use none of them are"
UNCLOSED = "</Events> is missing: events may be missing before it"


class EventPiece(NamedTuple):
    """A whole event, or with `error` something that is none; `between`: it stood between events.

    `spaces` are the declarations of name spaces of the element that holds the event.
    """

    data: bytes
    error: str = ""
    between: bool = False
    spaces: bytes = b""


def _remove_between(data: bytes, begin: bytes, end: bytes) -> bytes:
    """Bytes without the stretches between two marks; where one is not closed, the rest is left."""
    parts, at = [], 0
    while (start := data.find(begin, at)) >= 0 and (stop := data.find(end, start + len(begin))) >= 0:
        parts.append(data[at:start])
        at = stop + len(end)
    return b" ".join([*parts, data[at:]])


class EventCutter:
    """Cuts a stream into events; holds one of them at a time, from byte `_at` of what is held on."""

    def __init__(self, stream: BinaryIO, part: int = _PART) -> None:
        self._stream = stream
        self._part = part
        self._held = b""
        self._at = 0
        self._base = 0
        self._ended = False
        self._spaces = b""
        self._open = False
        self._typed = -1
        self._without: dict[bytes, tuple[int, int]] = {}

    def pieces(self) -> Iterator[EventPiece]:
        """The events and what is broken, in their order."""
        last = ""
        while self._at < len(self._held) or self._read_more():
            start = self._find_next_start()
            yield from self._skip_between_events(self._held[self._at : start])
            self._at = start
            last = ""
            if self._is_at_event():
                piece = self._build_event()
                last = piece.error
                yield piece
        if self._open and last != UNENDED:
            yield EventPiece(b"", UNCLOSED, between=True)

    def _is_at_event(self) -> bool:
        """Return whether an event begins at the position."""
        match = _TOKEN.match(self._held, self._at)
        return match is not None and match["open"] is not None

    def _build_event(self) -> EventPiece:
        """The event that begins at the position, which goes on behind it."""
        while (found := self._complete_event()) is None and not self._is_window_full:
            self._read_more()
        start = self._at
        end, error = found or (len(self._held), TOO_LARGE)
        if end - start > LONGEST:
            error = TOO_LARGE
        data = self._held[start : start + _HEAD if error == TOO_LARGE else end]
        self._at = end
        if found is None:
            self._at = start + _HEAD
            self._skip_to_event()
        return EventPiece(data, error, spaces=self._spaces)

    def _skip_to_event(self) -> None:
        """Go to where the next event begins, however far that is."""
        while not self._is_at_event() and (self._at < len(self._held) or self._read_more()):
            self._at = self._find_next_start()

    def _read_more(self) -> bool:
        """Read as much again as is held, so that looking through it anew costs no more than twice; False at the end."""
        left = self._held[self._at :]
        self._base += self._at
        self._at = 0
        data = self._stream.read(max(self._part, len(left)))
        self._held = left + data
        self._ended = not data
        return not self._ended

    @property
    def _is_window_full(self) -> bool:
        return len(self._held) - self._at > LONGEST

    def _find_next_start(self) -> int:
        """Where the next event begins, or the end of what is held, where none does before the end or within the longest stretch."""
        gone = 0
        while True:
            match = self._find_token(self._at + gone, inside=False)
            if match is None:
                if self._ended:
                    return len(self._held)
                if self._is_window_full:
                    return max(self._at + gone, len(self._held) - _LONGEST_TAG)
                self._read_more()
            elif match["open"]:
                return match.start()
            else:
                gone = match.end() - self._at

    def _skip_between_events(self, data: bytes) -> Iterator[EventPiece]:
        """Yield what stands between events, where that is not nothing."""
        for match in _TOKEN.finditer(data):
            if match["begin"] or match["finish"]:
                rest = _REST_OF_TAG.match(data, match.end())
                self._open = bool(match["begin"]) and not (rest and rest[0].endswith(b"/>"))
        holder = _SPACES.search(data)
        if holder:
            self._spaces = b"".join(_SPACE.findall(holder[1]))
        typed = DOCUMENT_TYPE.search(data)
        if typed:
            yield EventPiece(typed[0], NO_TYPES, between=True)
            data = data[: typed.start()] + data[typed.end() :]
        for begin, end in _ASIDE:
            data = _remove_between(data, begin, end)
        left = _HOLDER.sub(b" ", data).strip()
        if left:
            yield EventPiece(left, STRAY, between=True)

    def _complete_event(self) -> tuple[int, str] | None:
        """Where the event at the position ends, and what is wrong with it; None where more must be read to tell."""
        first = self._find_token(self._at)
        tag = self._find_tag_end(first) if first else None
        if tag is None or tag[1]:
            return (tag[0], "") if tag else None
        at, within = tag[0], 0
        while match := self._find_token(at):
            at = match.end()
            if match["close"]:
                return at, ""
            if match["finish"] and not within:
                return match.start(), UNENDED
            within += bool(match["begin"]) - bool(match["finish"])
            if match["open"]:
                behind = self._skip_nested_event(match, within)
                if not behind:
                    return None if behind is None else (match.start(), CUT)
                at = behind
        return (len(self._held), UNENDED) if self._ended else None

    def _find_tag_end(self, match: re.Match[bytes]) -> tuple[int, bool] | None:
        """Where the tag ends that a token begins, and whether the element does; None where more must be read to tell."""
        rest = _REST_OF_TAG.match(self._held, match.end())
        if rest is None:
            broken = self._ended or self._held.find(b"<", match.end()) >= 0
            return (match.end(), False) if broken else None
        return rest.end(), rest[0].endswith(b"/>")

    def _skip_nested_event(self, match: re.Match[bytes], within: int) -> int | None:
        """Behind the element Event within an event, 0 where it is the next event; None where more must be read to tell.

        It is nested where it has no System, ends, and so does the event that holds it, before another begins; `within` elements
        Events are open.
        """
        tag = self._find_tag_end(match)
        if tag is None:
            return None
        at = tag[0]
        if _SYSTEM.match(self._held, at):
            return 0
        ends = [at] if tag[1] else []
        while len(ends) < 2:
            token = self._find_token(at)
            if token is None:
                return 0 if self._ended else None
            at = token.end()
            within += bool(token["begin"]) - bool(token["finish"])
            if token["open"] or within < 0:
                return 0
            ends += [at] if token["close"] else []
        return ends[0]

    def _find_token(self, at: int, *, inside: bool = True) -> re.Match[bytes] | None:
        """The next tag of events at or behind a byte, outside of comments and CDATA; None where none is held."""
        while match := _TOKEN.search(self._held, at):
            kind = match.lastgroup or ""
            if kind == "types":
                end = match.end() if inside else self._find_types_end(match)
            elif kind in _MARKS:
                end = self._skip_section(match, *_MARKS[kind], inside=inside)
            else:
                return match
            if end is None:
                return None
            at = end
        return None

    def _skip_section(self, match: re.Match[bytes], begin: bytes, end: bytes, *, inside: bool) -> int | None:
        """Behind a comment or CDATA section; behind its mark where it is not closed; None where more must be read to tell.

        One that holds the begin of another was not closed itself: its text may not hold the end of that one. Nor was a comment
        within an event that holds the begin of an event: that is one which it would take along.
        """
        at = self._find_mark(end, match.end())
        if at < 0:
            return match.end() if self._ended or self._is_window_full else None
        split = end == b"]]>" and self._held[at - 2 : at] == b"]]"
        if not split and self._held.find(begin, match.end(), at) >= 0:
            return match.end()
        if inside and end == b"-->" and _OPENS.search(self._held, match.end(), at):
            return match.end()
        return at + len(end)

    def _find_types_end(self, match: re.Match[bytes]) -> int | None:
        """Behind the document type, of which there is one; None where more must be read to tell."""
        if self._typed not in (-1, self._base + match.start()):
            return match.end()
        self._typed = self._base + match.start()
        found = DOCUMENT_TYPE.match(self._held, match.start())
        assert found is not None
        return found.end() if found[0].endswith(b">") or self._ended or self._is_window_full else None

    def _find_mark(self, mark: bytes, at: int) -> int:
        """Where a mark stands at or behind a byte, -1 where it is not held; no stretch is looked through twice."""
        since, until = self._without.get(mark, (0, 0))
        place = self._base + at
        known = since <= place <= until
        found = self._held.find(mark, until - self._base if known else at)
        stop = max(at, found if found >= 0 else len(self._held) - len(mark) + 1)
        self._without[mark] = (since if known else place, max(self._base + stop, until if known else 0))
        return found
