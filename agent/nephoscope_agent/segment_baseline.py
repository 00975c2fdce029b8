"""Segment baseline: how many TCP segments pass in a second on this machine, learned for captures and for the sensor of segments."""

from __future__ import annotations

import json
import math
import threading
import time
from pathlib import Path
from typing import Callable

from nephoscope_agent.settings import write_durably

#: Takes a rate of segments a second, the seconds that it is of, and the time (seconds since 1970).
Observer = Callable[[float, float, float], None]

_FILE = "segment-baseline.json"
#: Each bin of rates reaches a tenth further than the one before; the last has 10**10 segments a second.
_STEP, _MOST_BINS = math.log(1.1), 243
#: A second of so many days ago counts half.
_HALF_LIFE = 7 * 86_400.0
_SAVE_SECONDS = 300.0
#: Of a thousand seconds one may have more than is usual.
_SHARE = 0.999
#: Rates up to this many segments a second are never unusual: a login on an idle machine.
LEAST = 100.0


class SegmentBaseline:
    """Seconds by their rate of TCP segments; older seconds count less. It is kept in the folder of the agent."""

    def __init__(self, folder: Path) -> None:
        """Read what was learned before. A file that is damaged is learned anew."""
        self._path, self._lock = folder / _FILE, threading.Lock()
        self._bins = _load_bins(self._path)
        self._is_started = False
        self._observe: Observer | None = None

    @property
    def seconds(self) -> float:
        """Seconds that were learned, as far as they still count."""
        with self._lock:
            return sum(self._bins.values())

    @property
    def usual(self) -> float:
        """The rate that all but one of a thousand seconds stay below, 0 where nothing was learned."""
        with self._lock:
            left = sum(self._bins.values()) * _SHARE
            for number, seconds in sorted(self._bins.items()):
                left -= seconds
                if left <= 1e-9:
                    return math.exp(number * _STEP)
        return 0.0

    def add(self, rate: float, seconds: float = 1.0) -> None:
        """Learn that segments passed at a rate for some time."""
        number = 0 if rate < 1 else min(int(math.log(rate) / _STEP) + 1, _MOST_BINS)
        with self._lock:
            self._bins[number] = self._bins.get(number, 0.0) + seconds

    def decay(self, elapsed: float) -> None:
        """Let what was learned count less, by the time that has passed."""
        kept = 0.5 ** (elapsed / _HALF_LIFE)
        with self._lock:
            self._bins = {number: seconds * kept for number, seconds in self._bins.items()}

    def save(self) -> None:
        """Write down what was learned. Raises OSError."""
        with self._lock:
            text = json.dumps({str(number): round(seconds, 3) for number, seconds in self._bins.items()})
        write_durably(self._path, text.encode("ascii"))

    def start(self, observe: Observer | None = None) -> None:
        """Start the thread that learns, where none does; `observe` gets each rate before it is learned."""
        self._observe = observe or self._observe
        with self._lock:
            if self._is_started:
                return
            self._is_started = True
        threading.Thread(target=self._learn, name="segment baseline", daemon=True).start()

    def stop_observing(self) -> None:
        """Hand rates to nobody any more."""
        self._observe = None

    def _learn(self) -> None:
        before, at = count_segments(), time.monotonic()
        saved = at
        while True:
            time.sleep(1)
            seen, now = count_segments(), time.monotonic()
            rate, observe = max(seen - before, 0) / (now - at), self._observe
            if observe is not None:
                observe(rate, now - at, time.time())
            self.add(rate, now - at)
            before, at = seen, now
            if now - saved >= _SAVE_SECONDS:
                self.decay(now - saved)
                saved = now
                try:
                    self.save()
                except OSError:
                    continue  # a full disk: what was learned stays in memory, and the sensors report the disk


def count_segments() -> int:
    """TCP segments in and out since the start of the machine, of both families."""
    with open("/proc/self/net/snmp", encoding="ascii") as file:
        names, values = (line.split() for line in file if line.startswith("Tcp:"))
    found = dict(zip(names, values))
    return int(found["InSegs"]) + int(found["OutSegs"])


def _load_bins(path: Path) -> dict[int, float]:
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        bins = {int(number): float(seconds) for number, seconds in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    return {
        number: seconds
        for number, seconds in bins.items()
        if 0 <= number <= _MOST_BINS and 0 <= seconds < 1e12
    }
