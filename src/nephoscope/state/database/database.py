"""The database below the state: SQLite in a file, or PostgreSQL by URL; transactions wait for each other."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from nephoscope.model.extras import get_install_command
from nephoscope.state.database import disk_full_fallback
from nephoscope.state.database.audit_enforcement import enforce_auditing
from nephoscope.state.database.disk_full_fallback import copy_to_memory
from nephoscope.state.database.retry import mark_commit
from nephoscope.state.database.sqlite_connection import (
    BRIEF_SECONDS,
    WAIT_SECONDS,
    begin_transaction,
    set_up_connection,
)
from nephoscope.state.database.sqlite_dialect import COMPILED, DRIVER
from nephoscope.state.database.state_errors import (
    ConnectionLostError,
    DatabaseBusyError,
    DatabaseReadOnlyError,
    DatabaseUnreachableError,
    DiskFullError,
    NotFoundError,
    StateError,
)
from nephoscope.state.database.transaction_hooks import join_transaction, run_checks

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from nephoscope.state.tables.columns import Base

__all__ = [
    "Database",
    "DatabaseBusyError",
    "DatabaseUnreachableError",
    "DiskFullError",
    "NotFoundError",
    "StateError",
]

#: Threads of a process that are served by a server at once, beside the five connections that are kept; the others wait.
_CONNECTIONS = 15
_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
#: What SQLite and PostgreSQL say where a lock was waited for in vain.
_BUSY = ("database is locked", "lock timeout")
#: SQLSTATEs of what is beyond a limit of the server at each try (class 54), and of a number that is too large for its column.
_BEYOND, _TOO_LARGE = "54", "22003"
#: SQLSTATE of a change that a transaction may not make, which can only read.
_READ_ONLY = "25006"
#: The transaction that those within it are a part of, and its database.
_OUTER: ContextVar[tuple[Database, Session] | None] = ContextVar("outer", default=None)


class Database:
    """One database. Every `write` and `read` is one transaction; times come from the database's host where it is a server."""

    def __init__(self, engine: Engine, file: Path | None, clock: Callable[[], datetime] | None) -> None:
        enforce_auditing(engine)
        self.engine = engine
        self.file = file
        self.copied = False
        self._clock = clock
        self._reading = engine.execution_options(only_reads=True)
        self._brief = engine.execution_options(brief=True)

    @staticmethod
    def open(url: str, clock: Callable[[], datetime] | None = None) -> Database:
        """Connect; StateError for a URL that is none, a missing driver, a server that does not answer.

        A missing SQLite file is made, with 0600. `clock` is for tests: what `now` says.
        """
        parsed = _parse_url(url)
        if parsed.drivername not in _SQLITE:
            return _read_postgresql(parsed, clock)
        if not parsed.database or parsed.database == ":memory:":
            raise StateError("the state needs a file: sqlite:///FILE")
        return Database.open_file(Path(parsed.database), clock)

    @staticmethod
    def open_file(file: Path, clock: Callable[[], datetime] | None = None) -> Database:
        """The SQLite database in a file, whatever characters its path has."""
        _create_file(file)
        engine = create_engine(URL.create(DRIVER, database=str(file)), hide_parameters=True, max_overflow=-1)
        engine.update_execution_options(compiled_cache=COMPILED)
        event.listen(engine, "connect", set_up_connection)
        event.listen(engine, "begin", begin_transaction)
        return Database(engine, file, clock)

    @staticmethod
    def open_copy(file: Path) -> Database | None:
        """A copy in memory of the database in a file, to be read only; None where that would not be all that was kept."""
        connect = copy_to_memory(file)
        if connect is None:
            return None
        engine = create_engine(
            URL.create(DRIVER, database=str(file)),
            hide_parameters=True,
            max_overflow=-1,
            creator=connect,
        )
        engine.update_execution_options(compiled_cache=COMPILED)
        event.listen(engine, "connect", set_up_connection)
        event.listen(engine, "begin", begin_transaction)
        database = Database(engine, file, None)
        database.copied = True
        return database

    @property
    def is_sqlite(self) -> bool:
        """Return whether this is a file of SQLite."""
        return self.file is not None

    @property
    def display_url(self) -> str:
        """The place for messages: the file, or the URL without its password."""
        return str(self.file) if self.file else self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def write(self, *, brief: bool = False, joins: bool = True) -> Iterator[Session]:
        """A transaction that changes: it alone writes in SQLite; what is raised inside undoes all of it.

        DatabaseBusyError where others write for WAIT_SECONDS, with `brief` for BRIEF_SECONDS. What waits for a change is kept
        with it where
        it `joins`. Within `together` it is a part of that transaction.
        """
        if (outer := self._find_outer_session()) is not None:
            with self._translate_errors(), outer.begin_nested():
                yield outer
            outer.expire_all()  # what was changed beside the mapped rows is read anew
            return
        engine = self._brief if brief else self.engine
        with (
            self._translate_errors(),
            join_transaction() as join,
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            if brief and not self.is_sqlite:
                session.execute(text(f"SET LOCAL lock_timeout = {int(BRIEF_SECONDS * 1000)}"))
            run_checks(session)
            yield session
            if joins:
                join(session)
            mark_commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one moment and does not wait for writers; within `together` it sees what was changed there."""
        if (outer := self._find_outer_session()) is not None:
            with self._translate_errors():
                outer.flush()
                yield outer
            return
        with (
            self._translate_errors(),
            Session(self._reading, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def nest_transactions(self) -> Iterator[None]:
        """Make one transaction of those within the block: all of it is committed at the end, or nothing where something is raised.

        Everybody else who writes waits for it: nothing slow belongs into the block, and no other thread that writes.
        """
        if self._find_outer_session() is not None:
            yield
            return
        with self.write() as session:
            before = _OUTER.set((self, session))
            try:
                yield
            finally:
                _OUTER.reset(before)

    def _find_outer_session(self) -> Session | None:
        """The session of the `together` around this, None where there is none."""
        found = _OUTER.get()
        return found[1] if found is not None and found[0] is self else None

    def require_writable(self) -> None:
        """DatabaseReadOnlyError where a server lets nothing be changed now; nothing is written to see it."""
        if self.is_sqlite:
            return
        with self.read() as session:
            only_read = session.execute(text("SHOW transaction_read_only")).scalar_one() == "on"
        if only_read:
            raise DatabaseReadOnlyError(
                f"{self.display_url}: the server is read-only: transaction_read_only is on"
            )

    def now(self, session: Session) -> datetime:
        """The time by which leases run: a server's own, so that hosts with different clocks agree."""
        if self._clock is not None:
            return self._clock()
        if self.is_sqlite:
            return datetime.now(UTC)
        moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    def local_time(self) -> datetime:
        """The time by this host's clock, where asking a server for its own would cost more than it says."""
        return self._clock() if self._clock is not None else datetime.now(UTC)

    def queue(self, session: Session, name: str) -> None:
        """Let nobody else who queues under a name go on until this transaction ends; writers of SQLite are alone anyway."""
        if not self.is_sqlite:
            session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def insert(self, table: type[Base], rows: Sequence[Mapping[str, Any]] | Mapping[str, object]) -> Any:
        """An INSERT that can say what happens on a conflict, in the words of this database."""
        return self._make_insert(table).values(rows)

    def _make_insert(self, table: Any) -> Any:
        # a dialect takes long to load: only the one that is used
        if self.is_sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    def upsert(
        self,
        session: Session,
        table: type[Base],
        rows: Sequence[Mapping[str, object]],
        keys: Sequence[str],
        *,
        kept: Sequence[str] = (),
        changes: Mapping[str, object] | None = None,
    ) -> None:
        """Insert rows of the same columns, or replace those with their keys, but for the columns `kept`; `changes` come last."""
        if not rows:
            return
        insert = self._make_insert(table.__table__)
        replaced = {name: insert.excluded[name] for name in rows[0] if name not in {*keys, *kept}}
        statement = insert.on_conflict_do_update(
            index_elements=list(keys), set_={**replaced, **(changes or {})}
        )
        # many rows by one statement: a statement with as many values takes longer to write than to run
        session.connection().execute(statement, [dict(row) for row in rows])

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _describe_failure(self, error: DBAPIError) -> str:
        """Return what the driver says; of a copy, which is there because the disk is full, that nothing can be written."""
        said = _explain_error(error)
        return "disk is full" if self.copied and "readonly" in said else said

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Faults of the connection as StateError; what the statement itself did wrong stays what it is."""
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if self.file is not None and (
                full := disk_full_fallback.explain_full_disk(self.file, self._describe_failure(error))
            ):
                raise DiskFullError(f"{self.display_url}: {full}") from error
            if any(one in str(error.orig) for one in _BUSY):
                raise DatabaseBusyError(f"{self.display_url}: {_explain_error(error)}") from error
            kind = (
                StateError
                if self.is_sqlite or _read_sqlstate(error).startswith(_BEYOND)
                else DatabaseUnreachableError
            )
            raise (ConnectionLostError if error.connection_invalidated else kind)(
                f"{self.display_url}: {_explain_error(error)}"
            ) from error
        except (OverflowError, DataError) as error:  # SQLite's and PostgreSQL's of a number beyond 64 bits
            if isinstance(error, OverflowError) or _read_sqlstate(error) == _TOO_LARGE:
                raise NotFoundError("not found: the number is too large") from error
            raise StateError(f"the database cannot store this: {_explain_error(error)}") from error
        except PoolTimeoutError as error:
            raise DatabaseBusyError(
                f"{self.display_url}: all connections were in use for {WAIT_SECONDS} s; try again"
            ) from error
        except DatabaseError as error:
            if error.connection_invalidated:  # as of one that did nothing within a transaction for long
                raise ConnectionLostError(f"{self.display_url}: {_explain_error(error)}") from error
            if _read_sqlstate(error) == _READ_ONLY:
                raise DatabaseReadOnlyError(f"{self.display_url}: {_explain_error(error)}") from error
            if type(error) is not DatabaseError:
                raise
            # a file that is damaged, or no database
            remedy = (
                "; keep it as it is, and bring a backup into an empty folder: `nephoscope restore`"
                if self.is_sqlite
                else ""
            )
            raise StateError(f"{self.display_url}: {_explain_error(error)}{remedy}") from error


def _read_sqlstate(error: DBAPIError) -> str:
    """The SQLSTATE that a server gave, '' where it gave none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def _parse_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StateError(
            "the URL of the state is not one: sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        ) from error
    if parsed.drivername not in _SQLITE + _POSTGRESQL:
        raise StateError(f"unsupported database {parsed.drivername}: use sqlite:///FILE or postgresql://...")
    return parsed


def _create_file(file: Path) -> None:
    """Make the file before SQLite does: its -wal and -shm get the same rights."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StateError(f"{file}: {error.strerror}; the state must be read and written there") from error


def _read_postgresql(url: URL, clock: Callable[[], datetime] | None) -> Database:
    try:
        import psycopg  # noqa: F401 - the driver, an extra
    except ImportError as error:
        raise StateError(f"PostgreSQL requires its driver: {get_install_command('postgresql')}") from error
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=WAIT_SECONDS,
        max_overflow=_CONNECTIONS,
        connect_args={
            "connect_timeout": WAIT_SECONDS,
            "options": f"-c timezone=UTC -c lock_timeout={WAIT_SECONDS}s -c client_encoding=UTF8",
        },
    )
    database = Database(engine, None, clock)
    with database.read() as session:
        session.execute(text("SELECT 1"))
    return database


def _explain_error(error: DBAPIError) -> str:
    """Return what the driver says, on one line, with what it may quote of a connection string left out."""
    said = re.sub(r"\s+", " ", str(error.orig)).strip()
    said = re.sub(r"(password\s*=\s*|://[^:/\s]*:)[^\s@]+", r"\1***", said)
    if "database is locked" in said:
        return f"another process has been writing for {WAIT_SECONDS} s; try again"
    return said
