"""Bringing a database to the tables that this version knows, on open and under a lock: the baseline, then Alembic's steps."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.database.database import StateError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from nephoscope.state.database.database import Database

FOLDER = Path(__file__).parent / "migrations"
_VERSIONS = "alembic_version"
#: Any number, the same in all versions: whoever holds it migrates.
_LOCK = 5_271_009_117
#: The revision whose tables `baseline.sql` makes; what comes after it is a file in `versions`.
BASELINE = "0057"
#: The oldest revision that the steps in `versions` bring up to date.
OLDEST = "0035"
#: The version that brings older revisions to that one.
_OLDER = "nephoscope 0.1.0 of commit 044a28fb"
#: The words of `baseline.sql` in each database.
_WORDS = {
    "sqlite": {"moment": "DATETIME", "bytes": "BLOB", "counted": "INTEGER", "false": "0"},
    "postgresql": {
        "moment": "TIMESTAMP WITH TIME ZONE",
        "bytes": "BYTEA",
        "counted": "BIGSERIAL",
        "false": "false",
    },
}


def list_migration_steps() -> tuple[str, ...]:
    """The revisions that this version knows, the first first: a file's name begins with its revision."""
    return _list_steps(FOLDER / "versions")


@cache
def _list_steps(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name.split("_", 1)[0] for path in folder.glob("[0-9]*.py")))


def migrate_database(database: Database) -> None:
    """Make the tables, or apply the steps that are missing, once, whoever else opens it now.

    StateError where the state is of a newer version, or older than the first step.
    """
    with database.read() as session:
        if _read_revision(session.connection()) == list_migration_steps()[-1]:
            return
    with _acquire_lock(database), as_product("migration"), database.write() as session:
        connection = session.connection()
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        found = _read_revision(connection) or _begin_empty_database(connection)
        _check_revision(found, database.display_url)
        if found != list_migration_steps()[-1]:
            _upgrade_database(connection)


def _check_revision(found: str, shown: str) -> None:
    """Raise StateError where this version has no way from the revision that was found to its own."""
    if found in list_migration_steps():
        return
    if found < OLDEST:
        raise StateError(
            f"{shown}: the state is older than this version can bring up to date (step {found}, the first one is {OLDEST}):"
            f" open it with {_OLDER} first"
        )
    raise StateError(
        f"{shown}: the state was written by a newer nephoscope (step {found}, "
        f"this one knows {list_migration_steps()[-1]}): use that version"
    )


def create_baseline(connection: Connection) -> None:
    """Make the tables of the baseline in an empty database, and the workspace that is always there."""
    run_statements(connection, FOLDER / "baseline.sql")
    values = {"id": str(uuid4()), "created": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"}
    connection.execute(
        text(
            "INSERT INTO workspaces (name, id, description, days, created) VALUES ('default', :id, '', 90, :created)"
        ),
        values,
    )


def run_statements(connection: Connection, file: Path) -> None:
    """Run the statements of a file, with the words of the database; DBAPIError is raised as for those of a session."""
    driver = connection.dialect.loaded_dbapi.Error
    # by the driver's own cursor: a new state is made by a hundred statements, of which SQLAlchemy would take longer than SQLite
    with closing(connection.connection.cursor()) as cursor:
        for statement in _read_statements(file, connection.dialect.name):
            try:
                cursor.execute(statement)
            except driver as error:
                raise DBAPIError.instance(
                    statement, None, error, driver, dialect=connection.dialect
                ) from error


@cache
def _read_statements(file: Path, dialect: str) -> tuple[str, ...]:
    template = Template(file.read_text(encoding="utf-8"))
    return tuple(one for one in template.substitute(_WORDS[dialect]).split(";\n") if one.strip())


def _begin_empty_database(connection: Connection) -> str:
    """Make a state of an empty database; Alembic is not needed for that. The baseline's revision."""
    create_baseline(connection)
    connection.execute(
        text(
            f"CREATE TABLE {_VERSIONS} (version_num VARCHAR(32) NOT NULL CONSTRAINT {_VERSIONS}_pkc PRIMARY KEY)"
        )
    )
    connection.execute(text(f"INSERT INTO {_VERSIONS} VALUES ('{BASELINE}')"))  # noqa: S608
    return BASELINE


def _read_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608
    return found


def _upgrade_database(connection: Connection, target: str = "head") -> None:
    # imported here: an open of a state that is as it should be does without
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(FOLDER))

    def find_missing(revision: Any, _context: object) -> object:
        return scripts._upgrade_revs(target, revision)  # noqa: SLF001 - what Alembic's own command calls

    with EnvironmentContext(Config(), scripts, fn=find_missing) as environment:
        environment.configure(connection=connection, transactional_ddl=False)
        environment.run_migrations()


@contextmanager
def _acquire_lock(database: Database) -> Iterator[None]:
    """The one process of this machine that sets up a file: turning on the write-ahead log does not wait as transactions do."""
    if database.file is None:
        yield
        return
    beside = database.file.with_name(f"{database.file.name}.lock")
    beside.touch(mode=0o600)
    with beside.open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = database.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        yield
