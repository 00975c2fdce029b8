"""The state as a file: what it is at one moment saved as a SQLite database, from either database, and loaded into either."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from nephoscope.lake.state.columns import Base
from nephoscope.lake.state.database import Database, StateError
from nephoscope.lake.state.leases import LeaseRow
from nephoscope.lake.state.migration import migrate
from nephoscope.lake.state.outbox import OutboxRow
from nephoscope.lake.state.workspaces import WorkspaceRow

Save = Callable[[Path], None]
_ROWS = 1000


@contextmanager
def moment(database: Database) -> Iterator[Save]:
    """The state as it is now: within the block, what is given writes it to a new file, whatever has changed since."""
    with (_sqlite_moment if database.is_sqlite else _server_moment)(database) as save:
        yield save


@contextmanager
def _sqlite_moment(database: Database) -> Iterator[Save]:
    connection = database.engine.raw_connection()
    source = connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    try:
        # a read transaction begins with the first read: from here on this connection sees no later commit
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM workspaces").fetchone()

        def save(file: Path) -> None:
            with closing(sqlite3.connect(file)) as target:
                source.backup(target)
            _let_go(file)

        yield save
    finally:
        source.rollback()
        connection.close()


@contextmanager
def _server_moment(database: Database) -> Iterator[Save]:
    engine = database.engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(engine) as session, session.begin():
        session.execute(select(func.count()).select_from(WorkspaceRow)).one()

        def save(file: Path) -> None:
            target = Database.of_file(file)
            try:
                migrate(target)
                with target.write() as other:
                    _copy(session, other)
            finally:
                target.close()
            _let_go(file)

        yield save


def load(file: Path, database: Database) -> None:
    """Put what a saved file holds into a database that nothing was ever kept in; StateError where something was."""
    source = Database.of_file(file)
    try:
        migrate(source)
        migrate(database)
        with source.read() as session, database.write() as other:
            _refuse_used(other, database.shown)
            _copy(session, other)
            if not database.is_sqlite:
                other.execute(
                    text("SELECT setval(pg_get_serial_sequence('outbox', 'id'), :last)"),
                    {"last": _last(other)},
                )
    finally:
        source.close()


def _last(session: Session) -> int:
    return session.scalar(select(func.max(OutboxRow.id))) or 1


def _refuse_used(session: Session, shown: str) -> None:
    for table in Base.metadata.sorted_tables:
        count = session.scalar(select(func.count()).select_from(table)) or 0
        if count > (1 if table.name == WorkspaceRow.__tablename__ else 0):
            raise StateError(
                f"{shown}: there is a state in it already ({table.name}): restore into an empty database"
            )


def _copy(source: Session, target: Session) -> None:
    """All rows of all tables, in the place of what is there."""
    for table in reversed(Base.metadata.sorted_tables):
        target.execute(delete(table))
    for table in Base.metadata.sorted_tables:
        for rows in source.execute(select(table)).mappings().partitions(_ROWS):
            target.execute(insert(table), [dict(row) for row in rows])


def _let_go(file: Path) -> None:
    """Nobody holds a lease of a copy; the numbers stay, since they only rise."""
    database = Database.of_file(file)
    try:
        with database.write() as session:
            session.execute(update(LeaseRow).values(holder="", until=datetime(1970, 1, 1, tzinfo=UTC)))
    finally:
        database.close()
