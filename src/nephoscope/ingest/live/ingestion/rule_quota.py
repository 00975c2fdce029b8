"""Rule quota: the records that a data collection rule accepts per minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class IngestionLimits:
    """Bytes of a body (packed or not), requests and bytes a minute for each rule."""

    body: int
    requests: int
    bytes: int


@dataclass
class RequestQuota:
    """Counts the requests and bytes of each rule by the minute. Safe for threads."""

    limits: IngestionLimits
    clock: Callable[[], float] = time.monotonic
    _minutes: dict[str, tuple[float, int, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, rule: str, size: int) -> None:
        """Count a request against the limits of its rule; raises IngestionRefusedError when they are reached."""
        now = self.clock()
        with self._lock:
            since, requests, total = self._minutes.get(rule.lower(), (now, 0, 0))
            if now - since >= _MINUTE:
                since, requests, total = now, 0, 0
            if requests >= self.limits.requests or total + size > self.limits.bytes:
                again = max(1, round(since + _MINUTE - now))
                raise IngestionRefusedError(
                    429, "TooManyRequests", "The rule's limit per minute is exceeded.", again
                )
            self._minutes[rule.lower()] = since, requests + 1, total + size
