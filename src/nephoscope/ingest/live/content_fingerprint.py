"""Content fingerprint: hashes of a text, of its beginning and of its prefixes at line ends."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from nephoscope.ingest.logs.append_detection import DIGEST, hash_head
from nephoscope.ingest.logs.fingerprints import Fingerprints, mark_from_hash

_WINDOW = 16 * 1024
_PART = 1024 * 1024
_SPREAD = 64
_LINES = 64
_MARKED = 4096


class ContentFingerprint(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first `size` bytes of a text: their hash, that of the first 512 of them ('' = fewer), and marks as `marks.py` has them."""

    size: int = 0
    digest: str = ""
    first: str = ""
    marks: str = ""


class ContentTrail:
    """Is fed a text from its first byte on. The last bytes are kept, so that what was read too far can be taken back."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=DIGEST)
        self._base = 0
        self._window = b""
        self._head = b""
        self._marks: Fingerprints | None = None

    @property
    def size(self) -> int:
        """Count how many bytes it was fed."""
        return self._base + len(self._window)

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        if len(self._head) < _MARKED:
            self._head += data[: _MARKED - len(self._head)]
        self._window += data
        if len(self._window) > 2 * _WINDOW:
            settled, self._window = self._window[:-_WINDOW], self._window[-_WINDOW:]
            self._marks = self._marks or Fingerprints(self._head, _SPREAD)
            _update_content_hash(self._digest, self._marks, settled, self._base)
            self._base += len(settled)

    def truncate(self, end: int) -> bool:
        """Take back what is behind byte `end`; False where that is not known any more."""
        if not self._base <= end <= self.size:
            return False
        self._window = self._window[: end - self._base]
        self._head = self._head[:end]
        return True

    def build_fingerprint(self) -> ContentFingerprint:
        """Return what the text so far is known by."""
        digest = self._digest.copy()
        marks = copy.deepcopy(self._marks) if self._marks else Fingerprints(self._head, _SPREAD)
        _update_content_hash(digest, marks, self._window, self._base)
        places = dict(entry.split(":") for entry in marks.text().split())
        if not marks.document:
            places |= self._mark_lines(b"{" if marks.json else b"")
        text = " ".join(f"{at}:{places[at]}" for at in sorted(places, key=lambda at: int(at, 16)))
        return ContentFingerprint(self.size, digest.hexdigest(), hash_head(self._head), text)

    def _mark_lines(self, begin: bytes) -> dict[str, str]:
        """Marks behind the last lines, of JSON behind those that a line follows which begins a record."""
        ends: list[int] = []
        end = len(self._window)
        while (end := self._window.rfind(b"\n", 0, end)) >= 0 and len(ends) < _LINES:
            if self._window.startswith(begin, end + 1) or end + 1 == len(self._window):
                ends.append(end + 1)
        digest, done, found = self._digest.copy(), 0, {}
        for one in reversed(ends):
            digest.update(self._window[done:one])
            done = one
            found[f"{self._base + one:x}"] = mark_from_hash(digest)
        return found


def _update_content_hash(digest: blake2b, marks: Fingerprints, data: bytes, base: int) -> None:
    """Take bytes that stand at `base` into a digest, with the marks among them."""
    at = 0
    while at < len(data):
        mark = marks.take_next_offset(data, at, base)
        stop = mark if at < mark <= len(data) else len(data)
        digest.update(data[at:stop])
        marks.add_part(data[at:stop])
        at = stop
        if at == mark:
            marks.add(base + at, digest)


def read_trail(parts: Iterable[bytes]) -> ContentTrail:
    """The trail of a text."""
    trail = ContentTrail()
    for part in parts:
        trail.feed(part)
    return trail


class TrailStream(io.RawIOBase):
    """A stream that a trail follows."""

    def __init__(self, stream: io.RawIOBase, trail: ContentTrail) -> None:
        super().__init__()
        self._stream, self._trail = stream, trail

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes (-1 = all), b"" at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_PART), b""))
        data = self._stream.read(size) or b""
        self._trail.feed(data)
        return data

    def drain(self) -> None:
        """Read what is left."""
        while self.read(_PART):
            continue


def hash_prefixes(parts: Iterable[bytes], wanted: Iterable[int]) -> Prefixes:
    """The hashes of the beginnings of a text of so many bytes each; nothing behind the longest is read."""
    places = sorted(set(wanted), reverse=True)
    digest, at, found, before = blake2b(digest_size=DIGEST), 0, {}, b""
    for part in parts:
        done = 0
        while places and places[-1] <= at + len(part):
            stop = places.pop() - at
            digest.update(part[done:stop])
            done = stop
            found[at + stop] = (digest.hexdigest(), (before + part[:stop])[-1:])
        digest.update(part[done:])
        at, before = at + len(part), part[-1:] or before
        if not places:
            break
    ended = digest.copy()
    ended.update(b"\n")
    return Prefixes(at, found, mark_from_hash(ended))


class Prefixes(msgspec.Struct, frozen=True):
    """By size, the hash and last byte of the beginnings of a text of `size` bytes (as far as it was read); `broken` is its mark with a
    line break added.
    """

    size: int
    found: dict[int, tuple[str, bytes]]
    broken: str

    def starts_with(self, content: ContentFingerprint) -> bool:
        """Return whether the text begins with a whole content."""
        return self.found.get(content.size, ("", b""))[0] == content.digest != ""

    def ends_line(self, at: int) -> bool:
        """Return whether a line ends before a place that was asked for."""
        return self.found.get(at, ("", b""))[1] == b"\n"

    def match_marks(self, marks: dict[int, str]) -> int:
        """Up to where the text is the beginning of a content with such marks; -1 = they differ, 0 = nothing tells."""
        within = [at for at in marks if at <= self.size]
        if any(not self.found.get(at, ("", b""))[0].startswith(marks[at]) for at in within):
            return -1
        if marks.get(self.size + 1) == self.broken:
            return self.size
        return max(within, default=0)
