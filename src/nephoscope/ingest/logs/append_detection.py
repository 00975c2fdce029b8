"""Append detection: find the load that a grown file continues and the offset to resume at.

A log grows at its end; a document of records (`PT1H.json`) grows before its closing brackets. So a content continues an earlier one
when it begins with all of it, or with all but its closing brackets. Nothing but hashes of what was taken in is kept.
"""

from __future__ import annotations

import re
from bisect import insort_left
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from nephoscope.state.ingestion.ingested_files import IngestedFile

#: Contents that begin with the same so many bytes may be versions of one file, whatever their names.
HEAD = 512
#: The bytes of a content's hash.
DIGEST = 24
#: How much of a content's end its closing brackets may take.
TAIL = 256
_CLOSING = re.compile(rb"[\s,\]\}]*\Z")


def hash_head(data: bytes) -> str:
    """Return what the first bytes of a content are known by, '' where they are too few."""
    return blake2b(data[:HEAD], digest_size=8).hexdigest() if len(data) >= HEAD else ""


def read_trailing_brackets(tail: bytes) -> str:
    """The brackets, commas and blanks at the end of a content."""
    found = _CLOSING.search(tail[-TAIL:])
    return found.group().decode("ascii", "ignore") if found else ""


class ShorterLoads:
    """Loads of contents that are shorter than what a content is known by: found by their whole content, as another begins with it."""

    def __init__(self) -> None:
        self._found: dict[str, list[IngestedFile]] = {}
        self._shapes: set[tuple[int, bytes]] = set()

    def add(self, one: IngestedFile) -> None:
        """Know one more load, if it is a short one."""
        if 0 < one.size < HEAD:
            self._found.setdefault(one.content, []).append(one)
            self._shapes |= {(at, closing) for at, _, closing in _list_proofs(one)}

    def find_loads(self, start: bytes) -> list[IngestedFile]:
        """The loads that a content which starts so may continue."""
        found: dict[str, IngestedFile] = {}
        for at, closing in self._shapes:
            if at <= len(start):
                whole = blake2b(start[:at] + closing, digest_size=DIGEST).hexdigest()
                found |= {one.identity: one for one in self._found.get(whole, ())}
        return list(found.values())


class PrefixProof(NamedTuple):
    """A content begins with the first `at` bytes of an earlier load, behind which only `closing` stood there.

    `ended`: a line break follows them.
    """

    earlier: IngestedFile
    at: int
    closing: bytes = b""
    ended: bool = False


class ContinuedLoad(NamedTuple):
    """An earlier load of which a content is the continuation: reading goes on at byte `at` (0 = nothing tells where).

    `cut`: what the load took behind that byte was the beginning of a line of text, which is read as a whole now.
    """

    earlier: IngestedFile
    at: int
    cut: bool = False

    @staticmethod
    def from_load(one: IngestedFile, proof: PrefixProof) -> ContinuedLoad:
        """Return where a content continues, given an earlier load that is proved to be its beginning."""
        sure = _find_settled_size(one)
        lined = bool(one.lines) and one.finished is not None and not proof.closing
        if lined and proof.ended:
            return ContinuedLoad(one, proof.at)  # what was a last line without its end was whole
        cut = lined and one.size - sure > len(one.closing or "")
        return (
            ContinuedLoad(one, sure, cut)
            if 0 < sure <= proof.at
            else ContinuedLoad(one, 0, cut and one.sure == 0)
        )

    @staticmethod
    def choose_best(found: Iterable[ContinuedLoad]) -> ContinuedLoad | None:
        """The one that brings reading the farthest, of several the one of most rows; None where there is none."""
        return max(found, key=lambda one: (one.at, one.earlier.rows), default=None)


def _find_settled_size(one: IngestedFile) -> int:
    """Up to where nothing changes of what a load took; one of which no block was noted stands where it began."""
    return one.done if one.chunk < 0 and one.finished is None else one.sure or 0


def _list_proofs(one: IngestedFile) -> Iterator[tuple[int, IngestedFile, bytes]]:
    """Of what a content must begin with to continue a load: how many bytes, and the closing brackets that stood behind them."""
    yield one.size, one, b""
    closing = (one.closing or "").encode()
    behind = one.size - _find_settled_size(one)
    closing = closing[-behind:] if behind > 0 else b""  # the last record has brackets of its own
    if closing:
        yield one.size - len(closing), one, closing


class LoadPrefixes:
    """Loads by what a content must begin with to continue them: as many as there are, a content is looked at once for each size."""

    def __init__(self) -> None:
        self.loads: dict[tuple[int, bytes], dict[str, list[IngestedFile]]] = {}
        self._sized: list[IngestedFile] = []

    def add(self, one: IngestedFile) -> None:
        """Know one more load."""
        for at, _, closing in _list_proofs(one):
            self.loads.setdefault((at, closing), {}).setdefault(one.content, []).append(one)
        insort_left(self._sized, one, key=lambda other: other.size)

    def iterate_longest_first(self) -> Iterator[IngestedFile]:
        """The loads, the longest contents first."""
        return reversed(self._sized)


class AppendDetector:
    """Is fed a content once, from its first byte on, and finds the loads that it continues, of those that it `may`."""

    def __init__(
        self, versions: Collection[LoadPrefixes] = (), may: Callable[[IngestedFile], bool] = lambda _: True
    ) -> None:
        self._versions, self._may = versions, may
        self._wanted = sorted({shape for one in versions for shape in one.loads}, reverse=True)
        self._proved: list[PrefixProof] = []
        self._behind: dict[int, int] = {}

    def feed(self, digest: blake2b, size: int, chunk: bytes) -> None:
        """The next bytes, before the digest of the `size` bytes before them takes them in."""
        for one in self._proved:
            if one.at == size and chunk:
                self._behind.setdefault(size, chunk[0])
        while self._wanted and self._wanted[-1][0] <= size + len(chunk):
            at, closing = self._wanted.pop()
            part = digest.copy()
            part.update(chunk[: at - size])
            part.update(closing)
            found = self._list_loads_of_size(at, closing, part.hexdigest())
            self._proved += [PrefixProof(one, at, closing) for one in found]
            if found and at - size < len(chunk):
                self._behind.setdefault(at, chunk[at - size])

    def _list_loads_of_size(self, at: int, closing: bytes, content: str) -> Collection[IngestedFile]:
        """The loads of a content of that size, each once."""
        found = [
            one for known in self._versions for one in known.loads.get((at, closing), {}).get(content, ())
        ]
        return {one.identity: one for one in found if self._may(one)}.values()

    def list_proofs(self) -> tuple[PrefixProof, ...]:
        """The loads of which the content is proved to be the continuation."""
        return tuple(one._replace(ended=self._behind.get(one.at) in (0x0A, 0x0D)) for one in self._proved)
