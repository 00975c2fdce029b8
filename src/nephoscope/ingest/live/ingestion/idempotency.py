"""Idempotency: accept a repeated request once, even while the first is being written."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.model.resource_binding import ResourceBinding

_REMEMBERED = 10_000
_AGAIN = 5


@dataclass
class IdempotencyCache:
    """The requests that were taken last, and those that are being taken, by their marks. Safe for threads."""

    _seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    _begun: set[bytes] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @staticmethod
    def build_key(request: str, stream: str, body: bytes, sender: ResourceBinding | None = None) -> bytes:
        """Return what tells a request from others, b'' for one that the client gave no id; those of a bound sender are its own."""
        if not request:
            return b""
        own = "" if sender is None else sender.key
        return hashlib.blake2b(f"{request}\0{stream}\0{own}\0".encode() + body, digest_size=16).digest()

    def __contains__(self, mark: bytes) -> bool:
        with self._changed:
            return bool(mark) and mark in self._seen

    def add(self, mark: bytes) -> None:
        """Remember a request that was taken."""
        if not mark:
            return
        with self._changed:
            self._seen[mark] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)

    @contextmanager
    def claim(self, mark: bytes, patience: float) -> Iterator[bool]:
        """Yield whether the block must ingest a request: False where it was ingested. It is remembered where the block raises nothing.

        Where the same is being taken its outcome is waited for, and where that failed the block is next; IngestionRefusedError
        after so many
        seconds.
        """
        if not mark:
            yield True
            return
        if not self._begin_request(mark, patience):
            yield False
            return
        try:
            yield True
            self.add(mark)
        finally:
            with self._changed:
                self._begun.discard(mark)
                self._changed.notify_all()

    def _begin_request(self, mark: bytes, patience: float) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: mark not in self._begun, patience):
                text = "Nothing is known yet of the same request that was sent before."
                raise IngestionRefusedError(503, "ServiceUnavailable", text, _AGAIN)
            if mark in self._seen:
                return False
            self._begun.add(mark)
            return True
