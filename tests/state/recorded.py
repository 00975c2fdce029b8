"""A state at revision 0035 as the migration steps of before the baseline made it, with two rows in every table.

`revision_0035/sqlite.sql` and `revision_0035/postgresql.sql` are dumps (`iterdump`, `pg_dump --column-inserts`), made once by the
35 steps of commit 044a28fb and the same rows by SQLAlchemy Core. They are not made anew.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import MetaData, inspect, select, text

from nephoscope.state.database.concept_registry import load_tables
from nephoscope.state.database.database import Database

FOLDER = Path(__file__).parent / "revision_0035"


def load(url: str, *, with_rows: bool = True) -> None:
    """Load the dump into the empty database of the URL; without rows only the revision and the default workspace."""
    name = "sqlite" if url.startswith("sqlite") else "postgresql"
    dump = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    if not with_rows:
        dump = "\n".join(line for line in dump.split("\n") if _is_schema(line))
    if name == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(dump)
        return
    with psycopg.connect(url) as connection:
        connection.execute(dump.encode())


def _is_schema(line: str) -> bool:
    return not line.startswith("INSERT INTO") or "alembic_version" in line or "'default'" in line


def execute(url: str, statement: str) -> None:
    """Run a statement, as somebody does who has the database alone."""
    database = Database.open(url)
    with database.write() as session:
        session.execute(text(statement))
    database.close()


def read_rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables and columns of today that are there, by their keys, without bringing the database up to date."""
    database = Database.open(url)
    rows = {}
    with database.read() as session:
        seen = inspect(session.connection())
        there = set(seen.get_table_names())
        for table in load_tables():
            if table.name in there:
                known = {one["name"] for one in seen.get_columns(table.name)}
                columns = [one for one in table.columns if one.name in known]
                found = session.execute(select(*columns).order_by(*table.primary_key))
                rows[table.name] = [dict(row) for row in found.mappings()]
    database.close()
    return rows


def read_schema(url: str) -> dict[str, Any]:
    """What each table is made of: columns with type and default, keys, constraints, indexes."""
    database = Database.open(url)
    with database.read() as session:
        seen = inspect(session.connection())
        found = {
            name: {
                "columns": [{**one, "type": str(one["type"])} for one in seen.get_columns(name)],
                "key": seen.get_pk_constraint(name),
                "foreign": sorted(seen.get_foreign_keys(name), key=lambda one: str(one["name"])),
                "unique": sorted(seen.get_unique_constraints(name), key=lambda one: str(one["name"])),
                "indexes": sorted(seen.get_indexes(name), key=lambda one: str(one["name"])),
            }
            for name in seen.get_table_names()
        }
    database.close()
    return found


def read_table(url: str, name: str) -> list[dict[str, Any]]:
    """The rows of one table as the database has them, in the order of its first column."""
    database = Database.open(url)
    with database.read() as session:
        found = [dict(row) for row in session.execute(text(f"SELECT * FROM {name} ORDER BY 1")).mappings()]
    database.close()
    return found


def drop_tables(url: str) -> None:
    """Leave an empty database."""
    database = Database.open(url)
    with database.write() as session:
        tables = MetaData()
        tables.reflect(session.connection())
        tables.drop_all(session.connection())
    database.close()
