"""Broker log: messages of librdkafka, each once until the brokers recover."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field

from nephoscope.model.secret_redaction import redact_text

_LOG = logging.getLogger("nephoscope.kafka")
#: Different things that are told before the brokers work again.
_MOST = 50
#: What differs from one try to the next: how long it took, how many were left out.
_TRIED = re.compile(r" \(after [^()]*(?:\([^()]*\)[^()]*)*\)$")
_SPAN = re.compile(r"\b\d+ ?ms\b")


@dataclass
class BrokerLog:
    """The `logger` of one client of confluent_kafka; safe for threads. What fails after `works` is news."""

    _told: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def log(self, level: int, form: str, *parts: object) -> None:
        """Take a line as logging.Logger.log does."""
        text = redact_text(_TRIED.sub("", form % parts))
        kind = _SPAN.sub("... ms", text)
        with self._lock:
            if kind in self._told or len(self._told) > _MOST:
                return
            self._told.add(kind)
            last = len(self._told) > _MOST
        _LOG.log(
            level, "%s", "further messages are suppressed until the brokers answer again" if last else text
        )

    def log_recovery(self) -> None:
        """The brokers answer again."""
        with self._lock:
            failed = bool(self._told)
            self._told.clear()
        if failed:
            _LOG.info("the brokers answer again")
