"""Bringing a database to the tables that this version knows: Alembic's steps, applied on open under a lock."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text

from nephoscope.state.database import StateError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from nephoscope.state.database import Database

FOLDER = Path(__file__).parent / "migrations"
_VERSIONS = "alembic_version"
#: Any number, the same in all versions: whoever holds it migrates.
_LOCK = 5_271_009_117


def steps() -> tuple[str, ...]:
    """The revisions that this version knows, the first first: a file's name begins with its revision."""
    return tuple(sorted(path.name.split("_", 1)[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def migrate(database: Database) -> None:
    """Apply the steps that are missing, once, whoever else opens it now; StateError where the state is of a newer version."""
    with database.read() as session:
        if _revision(session.connection()) == steps()[-1]:
            return
    with _alone(database), database.write() as session:
        connection = session.connection()
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        found = _revision(connection)
        if found is not None and found not in steps():
            raise StateError(
                f"{database.shown}: the state is of a newer nephoscope (step {found}, this one knows {steps()[-1]}):"
                " use that version"
            )
        if found != steps()[-1]:
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608
    return found


def _upgrade(connection: Connection, target: str = "head") -> None:
    # imported here: an open of a state that is as it should be does without
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(FOLDER))

    def missing(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs(target, revision)  # noqa: SLF001 - what Alembic's own command calls

    with EnvironmentContext(Config(), scripts, fn=missing) as environment:
        environment.configure(connection=connection, transactional_ddl=False)
        environment.run_migrations()


@contextmanager
def _alone(database: Database) -> Iterator[None]:
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
