"""State copy: save the state as a SQLite file from either database and load it into either."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.database.concept_registry import load_tables
from nephoscope.state.database.database import Database, StateError
from nephoscope.state.database.migration import migrate_database
from nephoscope.state.leases.leases import LeaseRow
from nephoscope.state.tables.workspace_rows import WorkspaceRow

Save = Callable[[Path], None]
_ROWS = 1000


@contextmanager
def open_state_moment(database: Database) -> Iterator[Save]:
    """The state as it is now: within the block, what is given writes it to a new file, whatever has changed since."""
    with (_freeze_sqlite if database.is_sqlite else _read_server_moment)(database) as save:
        yield save


@contextmanager
def _freeze_sqlite(database: Database) -> Iterator[Save]:
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
            _release_leases(file)

        yield save
    finally:
        source.rollback()
        connection.close()


@contextmanager
def _read_server_moment(database: Database) -> Iterator[Save]:
    engine = database.engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(engine) as session, session.begin():
        session.execute(select(func.count()).select_from(WorkspaceRow)).one()

        def save(file: Path) -> None:
            target = Database.open_file(file)
            try:
                migrate_database(target)
                with as_product("backup"), target.write() as other:
                    _copy_all_rows(session, other)
            finally:
                target.close()
            _release_leases(file)

        yield save


def load(file: Path, database: Database) -> None:
    """Put what a saved file holds into a database that nothing was ever kept in; StateError where something was."""
    source = Database.open_file(file)
    try:
        migrate_database(source)
        migrate_database(database)
        with as_product("restore"), source.read() as session, database.write() as other:
            _refuse_used_database(other, database.display_url)
            _copy_all_rows(session, other)
            if not database.is_sqlite:
                _advance_sequences(other)
    finally:
        source.close()


def _advance_sequences(session: Session) -> None:
    """PostgreSQL counts keys apart from the rows: go on behind those that were copied."""
    for table in load_tables():
        counted = table.autoincrement_column
        if counted is not None:
            sequence = func.pg_get_serial_sequence(table.name, counted.name)
            last = session.scalar(select(func.max(counted)))
            session.execute(select(func.setval(sequence, last or 1, last is not None)))


def _refuse_used_database(session: Session, shown: str) -> None:
    for table in load_tables():
        count = session.scalar(select(func.count()).select_from(table)) or 0
        if count > (1 if table.name == WorkspaceRow.__tablename__ else 0):
            raise StateError(
                f"{shown}: it already contains a state ({table.name}): restore into an empty database"
            )


def _copy_all_rows(source: Session, target: Session) -> None:
    """All rows of all tables, in the place of what is there."""
    for table in reversed(load_tables()):
        target.execute(delete(table))
    for table in load_tables():
        for rows in source.execute(select(table)).mappings().partitions(_ROWS):
            target.execute(insert(table), [dict(row) for row in rows])


def _release_leases(file: Path) -> None:
    """Nobody holds a lease of a copy; the numbers stay, since they only rise."""
    database = Database.open_file(file)
    try:
        with database.write() as session:
            session.execute(update(LeaseRow).values(holder="", until=datetime(1970, 1, 1, tzinfo=UTC)))
    finally:
        database.close()
