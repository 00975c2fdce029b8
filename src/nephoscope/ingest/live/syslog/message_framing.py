"""Messages out of a byte stream: octet counting and newlines, told apart by the first byte, each message bounded.

A counted message begins with its length (`88 <34>1 ...`), any other ends at a line feed; senders stay with one of the two, but
every message is judged by itself. Source: RFC 6587 section 3.4, RFC 5425 section 4.3
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

#: No message is longer than what so many digits can say; more of them are no length.
_DIGITS = 9
#: What follows a length: a priority, "CEF:", a byte order mark.
_BEGINS = b"<C\xef"
_RAW = 4096


class OversizedMessage(NamedTuple):
    """A message over the limit: its length, as announced where it was counted; its first bytes; how many bytes of it came."""

    length: int
    head: bytes
    came: int


@dataclass(slots=True)
class SyslogFramer:
    """Cuts one stream. `feed` gives whole messages; what was over `limit` bytes is in `over`."""

    limit: int
    over: list[OversizedMessage] = field(default_factory=list)
    _held: bytearray = field(default_factory=bytearray)
    #: Bytes of an overlong message still to be dropped: a count, or -1 = up to the next line feed.
    _dropping: int = 0
    _dropped: int = 0
    _head: bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now."""
        self._held += data
        found: list[bytes] = []
        while self._held:
            if self._dropping:
                if not self._drop_overlong():
                    break
            elif self._held[0] in b"\n\r\0 ":
                self._skip_message()
            elif 0x31 <= self._held[0] <= 0x39:
                if not self._read_counted_message(found):
                    break
            elif not self._read_lines(found):
                break
        return found

    def finish(self) -> tuple[list[bytes], bytes]:
        """The stream ended: (a last message that only lacks its line feed, what was cut inside a counted message)."""
        held, self._held = bytes(self._held), bytearray()
        if self._dropping:
            self._close_dropped_message()
            return [], b""
        if held[:1].isdigit() and held[:1] != b"0":
            return [], held[:_RAW]
        rest = held.strip(b"\r\0")
        return ([rest] if rest else []), b""

    def _skip_message(self) -> None:
        kept = self._held.lstrip(b"\n\r\0 ")
        self._held = bytearray(kept)

    def _read_counted_message(self, found: list[bytes]) -> bool:
        """Take one counted message; whether anything was taken."""
        length, start = self._read_length()
        if length < 0:
            return self._read_lines(found)
        if not start:
            return False
        if length > self.limit:
            self._dropping, self._dropped, self._head = length, 0, b""
            del self._held[:start]
            return True
        if len(self._held) < start + length:
            return False
        found.append(bytes(self._held[start : start + length]))
        del self._held[: start + length]
        return True

    def _read_length(self) -> tuple[int, int]:
        """(length, where its message begins): -1 where a line only begins with a digit, start 0 where it cannot be told yet."""
        space = self._held.find(b" ", 0, _DIGITS + 1)
        digits = self._held[: space if space >= 0 else _DIGITS + 1]
        if not digits.isdigit() or len(digits) > _DIGITS:
            return -1, 0
        if space < 0 or len(self._held) == space + 1:
            return 0, 0
        return (int(digits), space + 1) if self._held[space + 1] in _BEGINS else (-1, 0)

    def _read_lines(self, found: list[bytes]) -> bool:
        """Take every whole line up to one that begins as a counted message; whether anything was taken."""
        end = self._held.find(b"\n")
        if end < 0:
            if len(self._held) <= self.limit:
                return False
            self._dropping, self._dropped, self._head = -1, 0, b""
            return True
        line = bytes(self._held[:end]).rstrip(b"\r\0")
        if len(line) > self.limit:
            self.over.append(OversizedMessage(len(line), line[:_RAW], len(line)))
        elif line:
            found.append(line)
        del self._held[: end + 1]
        return True

    def _drop_overlong(self) -> bool:
        """Drop what is there of an overlong message; whether it is over."""
        if self._dropping < 0:
            end = self._held.find(b"\n")
            count, whole = (end, True) if end >= 0 else (len(self._held), False)
        else:
            count = min(self._dropping, len(self._held))
            whole = count == self._dropping
            self._dropping -= count
        if len(self._head) < _RAW:
            self._head += bytes(self._held[: min(count, _RAW - len(self._head))])
        self._dropped += count
        del self._held[:count]
        if whole:
            self._close_dropped_message()
        return whole

    def _close_dropped_message(self) -> None:
        missing = max(0, self._dropping)
        self.over.append(OversizedMessage(self._dropped + missing, self._head, self._dropped))
        self._dropping, self._dropped, self._head = 0, 0, b""


def decode_message(message: bytes) -> str:
    """A message as text: UTF-8, or else Latin-1, which loses nothing; line feeds inside it as `#012`, as syslog daemons write them."""
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        text = message.decode("latin-1")
    text = text.strip("\r\n\0")
    return text.replace("\n", "#012") if "\n" in text else text
