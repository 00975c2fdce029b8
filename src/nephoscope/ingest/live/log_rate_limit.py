"""Log rate limit: log the first occurrence at once, then counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: Seconds in which one kind of thing is told once.
_SECONDS = 60.0


@dataclass
class LogRateLimiter:
    """Passes a text and its kind on to `tell` at most once in `seconds` for each kind; the next one says how many were left out.

    For one thread. Kinds are keys of errors, as of Sink.note.
    """

    tell: Callable[[str, str], None]
    seconds: float = _SECONDS
    clock: Callable[[], float] = time.monotonic
    _kinds: dict[str, tuple[float, int]] = field(default_factory=dict)

    def __call__(self, kind: str, text: str) -> None:
        """Tell, or count what is not told."""
        now = self.clock()
        last, left_out = self._kinds.get(kind, (float("-inf"), 0))
        if now - last < self.seconds:
            self._kinds[kind] = last, left_out + 1
            return
        self._kinds[kind] = now, 0
        more = f" (and {left_out} more like this since the last message)" if left_out else ""
        self.tell(f"{text}{more}", kind)
