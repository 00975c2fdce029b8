"""New SQLite states whose tables are written at once, as the steps make them: each step by itself is for the tests of the steps."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import create_engine, inspect

from nephoscope.state import migration

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

by_steps = migration._upgrade
"""What the product does."""


def at_once(connection: Connection, target: str = "head") -> None:
    """Do as the product's steps do; an empty SQLite database gets what they make of one, with an identity of its own."""
    if target != "head" or connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
        by_steps(connection, target)
        return
    for statement in _made():
        connection.exec_driver_sql(statement)
    values = str(uuid4()), f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
    connection.exec_driver_sql("UPDATE workspaces SET id = ?, created = ?", values)


@cache
def _made() -> tuple[str, ...]:
    """The statements that make what the steps make, run once to know them."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        by_steps(connection)
        kept = connection.connection.dbapi_connection
        assert isinstance(kept, sqlite3.Connection)
        made = [one for one in kept.iterdump() if one not in ("BEGIN TRANSACTION;", "COMMIT;")]
    engine.dispose()
    return tuple(made)
