"""The dialect of all SQLite states of a process: what a statement is compiled to is kept for the next state that is opened."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

#: The name of the dialect in a URL.
DRIVER = "sqlite+nephoscope"
#: Statements of the state that stay compiled: some hundreds are written in the code.
_MOST = 1000
COMPILED: LRUCache[Any, Any] = LRUCache(_MOST)


class SharedSQLiteDialect(SQLiteDialect_pysqlite):
    """SQLite as this process has it: SQLAlchemy keeps statements by their dialect, and all states have the same."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


registry.register(DRIVER.replace("+", "."), __name__, SharedSQLiteDialect.__name__)
