"""Tables of a SQLite file whose content lies in memory; it is not trusted: nothing of it is run, and steps are bounded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

#: The most steps of SQLite's machine for one query, in thousands.
MAX_STEPS = 200_000
#: The most bytes of a row.
MAX_VALUE = 64_000_000
#: A larger file is opened from a disk: SQLite would hold a second copy of it in memory.
MAX_IN_MEMORY = 16_000_000


def query_rows(content: bytes, query: str) -> Iterator[tuple[object, ...]]:
    """Give the rows of a query; raises ValueError for a file that is damaged or lacks the table."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return int(steps > MAX_STEPS)

    try:
        with _open_memory_database(content) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            connection.set_progress_handler(count, 1_000)
            yield from connection.execute(query)
    except (sqlite3.Error, OverflowError) as error:
        raise ValueError(f"the SQLite file cannot be read: {error}") from error


@contextmanager
def _open_memory_database(content: bytes) -> Iterator[sqlite3.Connection]:
    # a database that was written with a log has a mark that needs the log beside it: it is read as it stands
    head = content[:18] + b"\x01\x01"
    if len(content) <= MAX_IN_MEMORY:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(head + content[20:])
            yield connection
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="nephoscope-") as folder:
        path = Path(folder) / "database"
        with path.open("wb") as written:
            written.write(head)
            written.write(memoryview(content)[20:])
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            yield connection
