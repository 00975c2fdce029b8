"""Throttling quota: read Azure's rate-limit headers and wait before the quota is used up.

Resource Graph: `x-ms-user-quota-remaining` and `x-ms-user-quota-resets-after` (hh:mm:ss). Resource Manager:
`x-ms-ratelimit-remaining-*` over a bucket that refills. Both and Microsoft Graph: `Retry-After`; some services `x-ms-retry-after-ms`.
Sources: https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests,
https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling, RFC 9110 10.2.3
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from nephoscope.model.utc_time import assume_utc

_SPAN = re.compile(r"(?:(\d{1,4})\.)?(\d{1,4}):([0-5]?\d):([0-5]?\d)(?:\.(\d{1,7}))?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,6})?", re.ASCII)


def parse_span(text: str) -> float | None:
    """The seconds of `[d.]hh:mm:ss[.fraction]`; None for any other text."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds, fraction = match.groups()
    whole = ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    return whole + (float(f"0.{fraction}") if fraction else 0.0)


def parse_number(text: str) -> float | None:
    """A plain number that is not negative; None for any other text."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def parse_http_date(text: str, now: float) -> float | None:
    """The seconds until an HTTP date, 0 where it has passed; None for any other text."""
    try:
        moment = parsedate_to_datetime(text)
        moment = assume_utc(moment)
        return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def find_retry_delay(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that a refused request must wait, the longest that any header names; None where none does."""
    found: list[float | None] = []
    text = headers.get("retry-after")
    if text is not None:
        seconds = parse_number(text)
        found.append(seconds if seconds is not None else parse_http_date(text, now))
    for name in ("x-ms-retry-after-ms", "retry-after-ms"):
        milliseconds = parse_number(headers.get(name, ""))
        found.append(None if milliseconds is None else milliseconds / 1000)
    found.append(parse_span(headers.get("x-ms-user-quota-resets-after", "")))
    known = [seconds for seconds in found if seconds is not None]
    return max(known) if known else None


def parse_remaining_quota(headers: Mapping[str, str]) -> tuple[float, float] | None:
    """(requests left, seconds until there are more) from either family of headers; None where neither is there."""
    left = parse_number(headers.get("x-ms-user-quota-remaining", ""))
    if left is not None:
        return left, parse_span(headers.get("x-ms-user-quota-resets-after", "")) or 1.0
    counts = [
        count
        for name, text in headers.items()
        if name.lower().startswith("x-ms-ratelimit-remaining-") and name.lower().endswith("reads")
        if (count := parse_number(text)) is not None
    ]
    return (min(counts), 1.0) if counts else None


@dataclass(slots=True)
class ThrottleQuota:
    """One quota that requests share: `wait` returns when a request may go, `update` takes in what an answer says.

    `left` is how many requests may still go as far as is known: None = nobody said so, 1 = the first answer is awaited before
    another goes. Answers may come in another order than the server counted them, so until the quota resets the lowest count of
    any of them is the one to start from. Thread-safe; `clock` is monotonic, in seconds.
    """

    left: float | None = None
    clock: Callable[[], float] = time.monotonic
    waited: float = 0.0
    _until: float = 0.0
    _lowest: float = math.inf
    _lowest_until: float = 0.0
    _flying: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self) -> None:
        """Block until the quota lets one more request go, and count it as under way."""
        with self._changed:
            begun = self.clock()
            while (pause := self._compute_pause()) is None or pause > 0:
                self._changed.wait(pause)
            self.waited += self.clock() - begun
            if self.left is not None:
                self.left -= 1
            self._flying += 1

    def _compute_pause(self) -> float | None:
        """Seconds until a request may go (0 = now), None while an answer must come first."""
        now = self.clock()
        if self.left is None:
            return max(0.0, self._until - now)
        if self.left >= 1:
            return max(0.0, self._until - now)
        if self._until > now:
            return self._until - now
        if self._until:
            self.left, self._until = 1.0, 0.0
            return 0.0
        return None if self._flying else 0.0

    def update(self, headers: Mapping[str, str]) -> None:
        """Take in the headers of an answer; requests still under way are taken off what the server says is left."""
        with self._changed:
            self._flying -= 1
            quota = parse_remaining_quota(headers)
            if quota is not None:
                self._learn_count(*quota)
            elif self.left is not None and self.left < 1:
                self.left = 1.0
            self._changed.notify_all()

    def _learn_count(self, left: float, seconds: float) -> None:
        """Take in how many requests an answer leaves, and for how many seconds."""
        now = self.clock()
        if left <= self._lowest or now >= self._lowest_until:
            self._lowest, self._lowest_until = left, now + seconds
        self.left = self._lowest - self._flying
        if self.left < 1:
            self._until = max(self._until, now + seconds)

    def count_lost_request(self) -> None:
        """Note that a request ended without an answer."""
        with self._changed:
            self._flying -= 1
            if self.left is not None:
                self.left += 1
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let nothing go for so long: a request was refused."""
        with self._changed:
            self._until = max(self._until, self.clock() + seconds)
            self.left = 0.0 if self.left is not None else None
            self._changed.notify_all()
