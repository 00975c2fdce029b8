"""No change of what people decide is committed without an audit entry in its transaction, however it is written.

A table that people decide in is a subclass of `Decided`. What an engine of the state executes is watched: ORM flushes, bulk and Core
statements and plain text alike. What the product changes there by itself says so with `by_product`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from nephoscope.state.tables.columns import Base, Decided

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

AUDIT = "audit"
_KEY = "nephoscope_changes"
#: DML at any place of a statement, since a common table expression may hold it; the schema is optional.
_DML = re.compile(
    r"\b(?:insert(?:\s+or\s+\w+)?\s+into|replace\s+into|update(?:\s+or\s+\w+)?(?:\s+only)?|delete\s+from(?:\s+only)?"
    r"|merge\s+into|truncate(?:\s+table)?|copy)\s+(?:\"?\w+\"?\.)?\"?(\w+)\"?",
    re.IGNORECASE,
)
#: What the product does by itself now, '' = nothing.
_BY_PRODUCT: ContextVar[str] = ContextVar("by_product", default="")
#: Of each audited block around: what waits of its entry, empty once it is kept.
_AUDITED: ContextVar[tuple[list[Any], ...]] = ContextVar("audited", default=())


class UnauditedChangeError(RuntimeError):
    """A transaction changes what people decide and has no audit entry: a defect of the product, nothing was committed."""


@dataclass
class _Changes:
    """What a transaction has changed: tables of decisions and the audit, in order, so that a savepoint can take some back.

    `unsure` are tables of a statement whose rows SQLite counts only when all of its answer is read, and the count before it.
    """

    tables: list[str] = field(default_factory=list)
    savepoints: list[int] = field(default_factory=list)
    unsure: tuple[list[str], int] | None = None


@contextmanager
def by_product(reason: str) -> Iterator[None]:
    """Let what people decide be changed within the block without an entry: the product does it by itself, for `reason`."""
    before = _BY_PRODUCT.set(reason)
    try:
        yield
    finally:
        _BY_PRODUCT.reset(before)


@contextmanager
def audited_block(waiting: list[Any]) -> Iterator[None]:
    """Let transactions within the block do without an entry of their own once `waiting` is empty: that of the block is kept."""
    before = _AUDITED.set((waiting, *_AUDITED.get()))
    try:
        yield
    finally:
        _AUDITED.reset(before)


def enforce(engine: Engine) -> None:
    """Watch every transaction of an engine."""
    event.listen(engine, "begin", _begin)
    event.listen(engine, "before_cursor_execute", _settle)
    event.listen(engine, "after_cursor_execute", _executed)
    event.listen(engine, "savepoint", _savepoint)
    event.listen(engine, "rollback_savepoint", _rollback_savepoint)
    event.listen(engine, "release_savepoint", _release_savepoint)
    event.listen(engine, "commit", _commit)


def _begin(connection: Connection) -> None:
    connection.info[_KEY] = _Changes()


def _changes(connection: Connection) -> _Changes:
    found: _Changes = connection.info.setdefault(_KEY, _Changes())
    return found


def _executed(
    connection: Connection, cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
) -> None:
    tables = [
        one for one in _written(statement) if one == AUDIT or (not _BY_PRODUCT.get() and is_decided(one))
    ]
    if not tables:
        return
    driver: Any = connection.connection.dbapi_connection
    changes = _changes(connection)
    if isinstance(driver, sqlite3.Connection) and "returning" in statement.lower():
        changes.unsure = tables, driver.total_changes
    elif cursor.rowcount != 0:
        changes.tables += tables


def _settle(connection: Connection, *_: Any) -> None:
    """Note the tables of the last statement where it has changed rows."""
    changes = _changes(connection)
    driver: Any = connection.connection.dbapi_connection
    if changes.unsure is not None:
        tables, before = changes.unsure
        changes.unsure = None
        if driver.total_changes > before:
            changes.tables += tables


@lru_cache(maxsize=4096)
def _written(statement: str) -> frozenset[str]:
    """The tables that a statement writes, lower-cased; a word that is none does no harm."""
    return frozenset(one.lower() for one in _DML.findall(statement))


def is_decided(table: str) -> bool:
    """Tell whether a table is one that people decide in."""
    if table not in Base.metadata.tables:
        from nephoscope.state.database.concepts import every_table

        every_table()
    return table in _decided(len(Base.metadata.tables))


@lru_cache(maxsize=8)
def _decided(_loaded: int) -> frozenset[str]:
    """The names of the tables of decisions among those that are loaded."""
    return frozenset(
        one.class_.__tablename__ for one in Base.registry.mappers if issubclass(one.class_, Decided)
    )


def _savepoint(connection: Connection, _name: str | None) -> None:
    _settle(connection)
    changes = _changes(connection)
    changes.savepoints.append(len(changes.tables))


def _rollback_savepoint(connection: Connection, _name: str, _context: None) -> None:
    changes = _changes(connection)
    changes.unsure = None
    del changes.tables[changes.savepoints.pop() :]


def _release_savepoint(connection: Connection, _name: str, _context: None) -> None:
    _changes(connection).savepoints.pop()


def _commit(connection: Connection) -> None:
    _settle(connection)
    tables = _changes(connection).tables
    if AUDIT in tables or any(not waiting for waiting in _AUDITED.get()):
        return
    if tables:
        changed = ", ".join(sorted(set(tables)))
        raise UnauditedChangeError(f"a change without an audit entry was not committed: {changed}")
