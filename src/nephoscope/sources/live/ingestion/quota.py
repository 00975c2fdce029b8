"""What a rule may send in a minute, and requests that came before."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope.sources.live.ingestion.refused import RefusedError

_MINUTE = 60.0
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a body (packed or not), requests and bytes a minute for each rule."""

    body: int
    requests: int
    bytes: int


@dataclass
class Quota:
    """Counts the requests and bytes of each rule by the minute. Safe for threads."""

    limits: Limits
    clock: Callable[[], float] = time.monotonic
    _minutes: dict[str, tuple[float, int, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, rule: str, size: int) -> None:
        """Count a request against the limits of its rule; raises RefusedError when they are reached."""
        now = self.clock()
        with self._lock:
            since, requests, total = self._minutes.get(rule.lower(), (now, 0, 0))
            if now - since >= _MINUTE:
                since, requests, total = now, 0, 0
            if requests >= self.limits.requests or total + size > self.limits.bytes:
                again = max(1, round(since + _MINUTE - now))
                raise RefusedError(429, "TooManyRequests", "The rule's limit for a minute is reached.", again)
            self._minutes[rule.lower()] = since, requests + 1, total + size


@dataclass
class Repeats:
    """The requests that were taken last: one that is sent again because its answer was lost is taken once. Safe for threads."""

    _seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def mark(request: str, stream: str, body: bytes) -> bytes:
        """What tells a request from others, b'' for one that the client gave no id."""
        if not request:
            return b""
        return hashlib.blake2b(f"{request}\0{stream}\0".encode() + body, digest_size=16).digest()

    def __contains__(self, mark: bytes) -> bool:
        with self._lock:
            return bool(mark) and mark in self._seen

    def add(self, mark: bytes) -> None:
        """Remember a request that was taken."""
        if not mark:
            return
        with self._lock:
            self._seen[mark] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
