"""Disk buffer: batches of rows wait here, durable and bounded, until the server acknowledges them.

Each batch is a file with a rising sequence, by which the server counts it once. A full buffer drops batches, the oldest first;
what is lost is counted by table and reported.
"""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from nephoscope_agent.row import Row
from nephoscope_agent.settings import write_durably

_CURSORS = "cursors.json"
_SUFFIX = ".batch"


class DiskBuffer:
    """The batches in a folder. One thread adds, another one takes; `lost` counts rows by reason and table."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._attempted = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in folder.glob("*.new"):
            part.unlink()
        self._sizes = {int(one.stem): one.stat().st_size for one in folder.glob(f"*{_SUFFIX}")}
        kept = self._load()
        self._last: int = max([kept.get("sequence", 0), *self._sizes])
        self.cursors: dict[str, Any] = kept.get("cursors", {})
        self.lost: Counter[str] = Counter(kept.get("lost", {}))

    def _load(self) -> dict[str, Any]:
        """What is kept beside the batches; where a newer batch was written, what was written before it."""
        path = self._folder / _CURSORS
        kept: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
        newest = max(self._sizes, default=0)
        beside = self._folder / f"{newest}.cursors"
        if newest > kept.get("sequence", 0) and beside.exists():
            kept = json.loads(beside.read_bytes())
        for one in self._folder.glob("*.cursors"):
            one.unlink()
        return kept

    @property
    def size(self) -> int:
        """The bytes that wait."""
        with self._lock:
            return sum(self._sizes.values())

    def list_pending(self) -> list[int]:
        """Return the sequences that wait, the oldest first."""
        with self._lock:
            return sorted(self._sizes)

    def add(self, rows: list[Row], cursors: dict[str, Any]) -> int:
        """Make rows durable together with the cursors up to them; return the sequence. Raises OSError."""
        sequence = max(self._last + 1, time.time_ns() // 1000)
        tables: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            tables.setdefault(row.table, []).append(row.values)
        self.cursors = {**self.cursors, **cursors}
        batch = {"sequence": sequence, "rows": tables}
        content = gzip.compress(json.dumps(batch, separators=(",", ":")).encode(), 1, mtime=0)
        self._make_room(len(content))
        if self.size + len(content) > self._limit:
            self.count_lost("full", rows)
            return self._last
        # the cursors come first and count once their batch is there: none of its rows is ever read again
        beside = self._folder / f"{sequence}.cursors"
        kept = {"sequence": sequence, "cursors": self.cursors, "lost": dict(self.lost)}
        write_durably(beside, json.dumps(kept).encode())
        write_durably(self._build_path(sequence), content)
        self._last = sequence
        with self._lock:
            self._sizes[sequence] = len(content)
        os.replace(beside, self._folder / _CURSORS)
        return sequence

    def count_lost(self, reason: str, rows: list[Row]) -> None:
        """Count rows that the server will never get."""
        for row in rows:
            self.lost[f"{reason}/{row.table}"] += 1

    def claim_oldest(self) -> int:
        """Return the oldest sequence, which is not dropped from now on since the server may have it; 0 where nothing waits."""
        with self._lock:
            self._attempted = min(self._sizes, default=0)
            return self._attempted

    def read_batch(self, sequence: int) -> bytes:
        """Return a batch as it is sent: JSON with gzip."""
        return self._build_path(sequence).read_bytes()

    def read(self, sequence: int) -> dict[str, Any]:
        """Return a batch."""
        found: dict[str, Any] = json.loads(gzip.decompress(self._build_path(sequence).read_bytes()))
        return found

    def remove(self, sequence: int) -> None:
        """Forget a batch that the server has."""
        with self._lock:
            self._sizes.pop(sequence, None)
        self._build_path(sequence).unlink(missing_ok=True)

    def reject(self, sequence: int) -> None:
        """Drop a batch that the server refuses, and count its rows."""
        self._count_batch(sequence, "refused")
        self.remove(sequence)

    def _make_room(self, needed: int) -> None:
        """Drop the oldest batches, but for the first one: whether the server has it may not be known, and what is lost is counted."""
        while (sequence := self._pick_droppable(needed)) is not None:
            self._count_batch(sequence, "full")
            self._build_path(sequence).unlink(missing_ok=True)

    def _pick_droppable(self, needed: int) -> int | None:
        with self._lock:
            if sum(self._sizes.values()) + needed <= self._limit:
                return None
            found = next((one for one in sorted(self._sizes)[1:] if one != self._attempted), None)
            if found is not None:
                del self._sizes[found]
            return found

    def _count_batch(self, sequence: int, reason: str) -> None:
        try:
            batch = self.read(sequence)
        except (OSError, ValueError, EOFError):
            batch = {"rows": {"unreadable": [{}]}}
        for table, rows in batch["rows"].items():
            self.lost[f"{reason}/{table}"] += len(rows)

    def _build_path(self, sequence: int) -> Path:
        return self._folder / f"{sequence}{_SUFFIX}"
