"""Tables of a SQLite file that lies in memory; the file is not trusted: nothing of it is run, and steps are bounded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

#: The most steps of SQLite's machine for one query, in thousands.
MAX_STEPS = 200_000


def rows_of(content: bytes, query: str) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a query; raises ValueError for a file that is damaged or lacks the table."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return int(steps > MAX_STEPS)

    connection = sqlite3.connect(":memory:")
    try:
        # a database that was written with a log has a mark that needs the log beside it: it is read as it stands
        connection.deserialize(content[:18] + b"\x01\x01" + content[20:])
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.set_progress_handler(count, 1_000)
        yield from connection.execute(query)
    except (sqlite3.Error, OverflowError) as error:
        raise ValueError(f"the SQLite file cannot be read: {error}") from error
    finally:
        connection.close()
