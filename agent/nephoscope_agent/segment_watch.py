"""Segment watch: notices when far more TCP segments pass than this machine has learned to be usual."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from nephoscope_agent.segment_baseline import LEAST, SegmentBaseline

#: Seconds in a row above the threshold that begin an episode, and seconds in a row below it that end one.
_BEGIN_SECONDS, _END_SECONDS = 3.0, 60.0
#: Episodes that wait for the sensor; a machine whose disk takes none has the newest.
_MOST_WAITING = 100


@dataclass(frozen=True)
class UnusualTraffic:
    """An episode: when it was noticed (seconds since 1970), segments a second, what is usual, and the seconds that were learned."""

    noticed: float
    rate: float
    usual: float
    threshold: float
    learned: float


class SegmentWatch:
    """Compares each second with the baseline. An episode has one threshold, so that what it looks for does not raise it."""

    def __init__(self, baseline: SegmentBaseline, times: float, learn: float) -> None:
        """Watch for `times` the usual number once `learn` seconds were learned."""
        self._baseline, self._times, self._learn = baseline, times, learn
        self._threshold = self._usual = self._above = self._below = self._highest = 0.0
        self._is_noticed = False
        self._waiting: deque[UnusualTraffic] = deque(maxlen=_MOST_WAITING)

    def observe(self, rate: float, seconds: float, now: float) -> None:
        """Take the rate of the last `seconds`, before the baseline learns it."""
        if not self._threshold:
            if self._baseline.seconds < self._learn:
                return
            self._usual = self._baseline.usual
            threshold = max(self._times * self._usual, LEAST)
            if rate <= threshold:
                return
            self._threshold = threshold
        if rate > self._threshold:
            self._above, self._below = self._above + seconds, 0.0
            self._highest = max(self._highest, rate)
        else:
            self._below += seconds
            if not self._is_noticed or self._below >= _END_SECONDS:
                self._threshold = self._above = self._below = self._highest = 0.0
                self._is_noticed = False
        if self._above >= _BEGIN_SECONDS and not self._is_noticed:
            self._is_noticed = True
            self._waiting.append(
                UnusualTraffic(now, self._highest, self._usual, self._threshold, self._baseline.seconds)
            )

    def pop_episodes(self) -> list[UnusualTraffic]:
        """Return the episodes that were noticed since the last call."""
        found = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found
