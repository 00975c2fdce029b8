"""IP fragments: datagrams in pieces that wait for the rest."""

from __future__ import annotations

#: Datagrams in pieces that are kept at once, and their most bytes.
MOST_DATAGRAMS = 4096
LARGEST_DATAGRAM = 65_535 + 8


class Reassembly:
    """Fragments of datagrams that wait for the rest."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[object, ...], _Datagram] = {}

    def add(self, key: tuple[object, ...], offset: int, data: bytes, *, more: bool) -> bytes | None:
        """The whole datagram once its last piece is here, None before."""
        if offset + len(data) > LARGEST_DATAGRAM:
            return None
        while len(self._waiting) >= MOST_DATAGRAMS and key not in self._waiting:
            self._waiting.pop(next(iter(self._waiting)))
        found = self._waiting.setdefault(key, _Datagram())
        if offset not in found.pieces:
            found.pieces[offset] = data
            found.held += len(data)
        if not more:
            found.total = offset + len(data)
        if not found.total or found.held < found.total:
            return None
        whole = found.join()
        if whole is not None:
            del self._waiting[key]
        return whole


class _Datagram:
    """The pieces of a datagram by their offset; `total` is 0 until its last piece is here."""

    def __init__(self) -> None:
        self.pieces: dict[int, bytes] = {}
        self.held = 0
        self.total = 0

    def join(self) -> bytes | None:
        """The datagram, None where a piece is missing."""
        whole = bytearray()
        for place in sorted(self.pieces):
            if place > len(whole):
                return None
            whole[place : place + len(self.pieces[place])] = self.pieces[place]
        return bytes(whole[: self.total]) if len(whole) >= self.total else None
