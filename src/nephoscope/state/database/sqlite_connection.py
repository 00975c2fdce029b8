"""SQLite connections: how they are set up, and how transactions begin and wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy.engine import Connection

#: How long a transaction waits for the one of another process.
WAIT_SECONDS = 30
#: How long one waits that nobody waits for.
BRIEF_SECONDS = 0.05
_WAITING = f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}"
_PRAGMAS = (
    _WAITING,
    "PRAGMA foreign_keys = ON",
    # in WAL, NORMAL would lose the last commits when the power goes: what is acknowledged must stay
    "PRAGMA synchronous = FULL",
)


def set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    """Prepare a new connection of the driver: it waits for locks, keeps what is committed and begins no transactions."""
    # begin_transaction begins them, so that schema changes and reads belong to them too
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def begin_transaction(connection: Connection) -> None:
    """Begin a transaction: of a reader, of a writer that waits for its turn, or of one that waits briefly."""
    options = connection.get_execution_options()
    if options.get("brief", False):
        _begin_with_short_timeout(connection)
        return
    # a transaction that reads first and then wants to write would fail at once where another wrote in between
    connection.exec_driver_sql("BEGIN" if options.get("only_reads", False) else "BEGIN IMMEDIATE")


def _begin_with_short_timeout(connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(BRIEF_SECONDS * 1000)}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        # the connection is used again by who waits
        connection.exec_driver_sql(_WAITING)
