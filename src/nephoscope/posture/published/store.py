"""The documents of an edition in memory, in one table that lists are made from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from nephoscope.model.reach import Reach
from nephoscope.model.state import Severity, State
from nephoscope.posture.published.answers import Answers

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

T = TypeVar("T")
REMEMBERED = 500
"""Answers that an edition keeps: counts, and pages of a hundred rows."""
_SELECT = """CREATE TABLE documents AS SELECT _table AS part, _key AS key, type, subscriptionId AS subscription, _group AS grp,
    _open AS open, id, name, location, _subject AS subject, _recommendation AS recommendation, _state AS state, _severity AS severity,
    list_position($severities, _severity) AS severity_rank, list_position($states, _state) AS state_rank,
    _cause AS cause, _title AS title, _body AS body
    FROM read_parquet($files, hive_partitioning = true) WHERE _table <> 'evaluation' ORDER BY type, _key"""
#: The order in which a list of findings shows states.
SHOWN = (State.NON_COMPLIANT, State.ERROR, State.UNKNOWN, State.EXEMPT, State.COMPLIANT, State.NOT_APPLICABLE)


class Documents:
    """The table `documents`, sorted by type and key; `rows` gives a view of it for the thread that asks."""

    def __init__(self, files: Iterable[Sequence[Path]]) -> None:
        self._connection: DuckDBPyConnection = duckdb.connect(":memory:")
        paths = [str(path) for several in files for path in several]
        given = {
            "severities": [one.value for one in Severity],
            "states": [one.value for one in SHOWN],
            "files": paths,
        }
        self._connection.execute(_SELECT, given)
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        self._answers = Answers(REMEMBERED)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of the documents, made once for a key. Whoever gets it must leave it as it is."""
        return self._answers.once(key, make)

    def cursor(self) -> DuckDBPyConnection:
        """A cursor: relations that are to be joined need the same."""
        return self._connection.cursor()

    def rows(self, reach: Reach, cursor: DuckDBPyConnection | None = None) -> DuckDBPyRelation:
        """The rows that a reach sees."""
        found = (cursor or self.cursor()).table("documents")
        test = seen(reach)
        return found if test is None else found.filter(test)


def seen(reach: Reach) -> Expression | None:
    """The condition that a row may be read; None = every row."""
    if reach.everything:
        return None
    pairs = (
        ("subscription", reach.subscriptions),
        ("grp", reach.groups),
        ("key", reach.containers),
        ("open", frozenset({"1"} if not reach.nothing else ())),
    )
    tests = [one_of(name, values) for name, values in pairs if values]
    if not tests:
        return ConstantExpression(False)
    found = tests[0]
    for test in tests[1:]:
        found = found | test
    return found


def one_of(column: str, values: Iterable[str]) -> Expression:
    """The column has one of the values."""
    return ColumnExpression(column).isin(*(ConstantExpression(one) for one in sorted(values)))


def under(column: str, scope: str) -> Expression:
    """The id in a column is the lower-cased scope or lies under it."""
    key = ColumnExpression(column)
    return (key == ConstantExpression(scope)) | FunctionExpression(
        "starts_with", key, ConstantExpression(f"{scope}/")
    )
