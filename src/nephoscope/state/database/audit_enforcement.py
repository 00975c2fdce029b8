"""No change of what people decide is committed without an audit entry in its transaction, however it is written.

A table that people decide in is a subclass of `AuditedRow`. What an engine of the state executes is watched: ORM flushes, bulk
and Core
statements and plain text alike. What the product changes there by itself says so with `as_product`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from nephoscope.state.database.written_tables import AUDIT, HIDDEN, read_written_tables
from nephoscope.state.tables.columns import AuditedRow, Base

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from nephoscope.state.database.written_tables import WrittenTables

_KEY = "nephoscope_changes"
#: What was changed by the driver's own connection, past the session.
_PAST = "(by the driver's connection)"
#: What the product does by itself now, '' = nothing.
_BY_PRODUCT: ContextVar[str] = ContextVar("by_product", default="")
#: Of each audited block around: what waits of its entry, empty once it is kept.
_AUDITED: ContextVar[tuple[list[object], ...]] = ContextVar("audited", default=())


class UnauditedChangeError(RuntimeError):
    """A transaction changes what people decide and has no audit entry: a defect of the product, nothing was committed."""


@dataclass
class _Changes:
    """What a transaction has changed: tables of decisions and the audit, in order, so that a savepoint can take some back.

    `rows` is how many the driver of SQLite had changed when it was last asked. `unread` are the tables of a statement whose rows
    it counts only when all of its answer is read, None where there is no such statement.
    """

    tables: list[str] = field(default_factory=list)
    savepoints: list[int] = field(default_factory=list)
    rows: int = 0
    unread: list[str] | None = None


@contextmanager
def as_product(reason: str) -> Iterator[None]:
    """Let what people decide be changed within the block without an entry: the product does it by itself, for `reason`."""
    before = _BY_PRODUCT.set(reason)
    try:
        yield
    finally:
        _BY_PRODUCT.reset(before)


@contextmanager
def allow_unaudited_transactions(waiting: list[Any]) -> Iterator[None]:
    """Let transactions within the block do without an entry of their own once `waiting` is empty: that of the block is kept."""
    before = _AUDITED.set((waiting, *_AUDITED.get()))
    try:
        yield
    finally:
        _AUDITED.reset(before)


def enforce_auditing(engine: Engine) -> None:
    """Watch every transaction of an engine."""
    event.listen(engine, "begin", _begin_tracking)
    event.listen(engine, "before_cursor_execute", _check_before_commit)
    event.listen(engine, "after_cursor_execute", _check_statement)
    event.listen(engine, "savepoint", _mark_savepoint)
    event.listen(engine, "rollback_savepoint", _rollback_savepoint)
    event.listen(engine, "release_savepoint", _release_savepoint)
    event.listen(engine, "commit", _commit_tracked)


def _begin_tracking(connection: Connection) -> None:
    connection.info[_KEY] = _Changes(rows=_count_changed_rows(connection) or 0)


def _track_changes(connection: Connection) -> _Changes:
    found: _Changes = connection.info.setdefault(_KEY, _Changes(rows=_count_changed_rows(connection) or 0))
    return found


def _count_changed_rows(connection: Connection) -> int | None:
    """Count how many rows SQLite has changed by a connection, at whoever's wish; None for another database."""
    driver: object = connection.connection.dbapi_connection
    return driver.total_changes if isinstance(driver, sqlite3.Connection) else None


def _check_before_commit(
    connection: Connection,
    _cursor: object,
    statement: str,
    _parameters: object,
    _context: object,
    _many: bool,
) -> None:
    _record_audited_changes(connection)
    written = read_written_tables(statement)
    if written.commits:
        _check_audited([*_track_changes(connection).tables, *_list_decisions(written)])
    elif connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        _check_audited(_list_decisions(written))


def _check_statement(
    connection: Connection, cursor: Any, statement: str, _parameters: object, _context: object, _many: bool
) -> None:
    written, changes = read_written_tables(statement), _track_changes(connection)
    tables = [*_list_decisions(written), *([AUDIT] if written.enters else ())]
    rows = _count_changed_rows(connection)
    if rows is None:
        changed = cursor.rowcount != 0 or not written.counted
    else:
        changed, changes.rows = rows > changes.rows or written.defines, rows
        if written.returns and not changed:
            changes.unread = tables
    if changed:
        changes.tables += tables


def _list_decisions(written: WrittenTables) -> list[str]:
    """Return what a statement may write that people decide in, unless the product does it by itself."""
    if _BY_PRODUCT.get():
        return []
    return sorted(one for one in written.tables if one == HIDDEN or is_decision_table(one))


def _record_audited_changes(connection: Connection) -> None:
    """Note what was changed since the last statement: by its answer that was read, or past the session."""
    changes = _track_changes(connection)
    rows = _count_changed_rows(connection)
    if rows is not None and rows > changes.rows:
        changes.rows = rows
        if changes.unread is not None:
            changes.tables += changes.unread
        elif not _BY_PRODUCT.get():
            changes.tables.append(_PAST)
    changes.unread = None


def is_decision_table(table: str) -> bool:
    """Tell whether a table is one that people decide in."""
    if table not in Base.metadata.tables:
        from nephoscope.state.database.concept_registry import load_tables

        load_tables()
    return table in _list_decision_tables(len(Base.metadata.tables))


@lru_cache(maxsize=8)
def _list_decision_tables(_loaded: int) -> frozenset[str]:
    """The names of the tables of decisions among those that are loaded."""
    return frozenset(
        one.class_.__tablename__ for one in Base.registry.mappers if issubclass(one.class_, AuditedRow)
    )


def _mark_savepoint(connection: Connection, _name: str | None) -> None:
    _record_audited_changes(connection)
    changes = _track_changes(connection)
    changes.savepoints.append(len(changes.tables))


def _rollback_savepoint(connection: Connection, _name: str, _context: None) -> None:
    changes = _track_changes(connection)
    changes.unread = None
    del changes.tables[changes.savepoints.pop() :]


def _release_savepoint(connection: Connection, _name: str, _context: None) -> None:
    _track_changes(connection).savepoints.pop()


def _commit_tracked(connection: Connection) -> None:
    _record_audited_changes(connection)
    _check_audited(_track_changes(connection).tables)


def _check_audited(tables: list[str]) -> None:
    """Raise UnauditedChangeError where there is a change among what was written, and no entry."""
    if not tables or AUDIT in tables or any(not waiting for waiting in _AUDITED.get()):
        return
    changed = ", ".join(sorted(set(tables)))
    raise UnauditedChangeError(f"a change without an audit entry was not committed: {changed}")
