"""A state for tests of the lake alone, shared by processes: a small SQLite file."""

from __future__ import annotations

import sqlite3
import time
import uuid
from contextlib import closing
from pathlib import Path


class Held:
    def __init__(self, ledger, name, holder, fence, seconds):
        self.ledger, self.name, self.holder, self.fence, self.seconds = ledger, name, holder, fence, seconds

    def renew(self) -> bool:
        return self.ledger.change(
            "UPDATE lease SET until = ? WHERE name = ? AND holder = ? AND until >= ?",
            (time.time() + self.seconds, self.name, self.holder, time.time()),
        )

    def release(self) -> None:
        self.ledger.change(
            "UPDATE lease SET until = 0 WHERE name = ? AND holder = ?", (self.name, self.holder)
        )


class SmallLedger:
    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(self.connect()) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS producer(id TEXT PRIMARY KEY, sequence INT)")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS lease(name TEXT PRIMARY KEY, holder TEXT, fence INT, until REAL)"
            )

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60, isolation_level=None)

    def change(self, sql: str, values: tuple) -> bool:
        with closing(self.connect()) as connection:
            return connection.execute(sql, values).rowcount == 1

    def last(self, producer: str) -> int:
        with closing(self.connect()) as connection:
            found = connection.execute("SELECT sequence FROM producer WHERE id = ?", (producer,)).fetchone()
        return -1 if found is None else found[0]

    def record(self, sequences: dict[str, int]) -> None:
        with closing(self.connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO producer VALUES (?, ?) ON CONFLICT(id) DO UPDATE SET sequence = max(sequence, excluded.sequence)",
                list(sequences.items()),
            )
            connection.execute("COMMIT")

    def lease(self, name: str, seconds: float) -> Held | None:
        holder, now = uuid.uuid4().hex, time.time()
        with closing(self.connect()) as connection:
            taken = connection.execute(
                "INSERT INTO lease VALUES (?, ?, 1, ?) ON CONFLICT(name) DO UPDATE SET holder = excluded.holder, "
                "fence = fence + 1, until = excluded.until WHERE until < ? RETURNING fence",
                (name, holder, now + seconds, now),
            ).fetchone()
        return None if taken is None else Held(self, name, holder, taken[0], seconds)
