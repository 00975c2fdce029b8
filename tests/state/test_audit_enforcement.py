"""Whatever writes to a table that people decide in, nothing is committed without an entry of the audit."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import ForeignKeyConstraint, Integer, Text, delete, insert, select, text, update
from sqlalchemy.orm import Session
from tests.arrangement import strictly

from nephoscope.state import State, StateError
from nephoscope.state.audit.actor import Actor
from nephoscope.state.database.audit_enforcement import UnauditedChangeError, as_product, is_decision_table
from nephoscope.state.database.concept_registry import load_tables
from nephoscope.state.tables.columns import AuditedRow, Base, Json, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Table

pytestmark = pytest.mark.system

#: Tables that only the product writes: nobody decides in them.
OF_THE_PRODUCT = {
    "audit", "automation_events", "automation_facts", "checkpoints", "counted_segments", "hunting_runs", "ingested_files", "leases",
    "outbox", "outbox_batch", "producers", "repeated_loads", "rule_runs", "rule_standings", "schema_changes", "sign_in_attempts",
    "source_errors", "source_health", "source_rates", "usage_untold",
    "registry_events", "inventory_packages", "inventory_package_names", "inventory_package_sets", "package_vulnerabilities",
    "finding_changes", "vulnerability_findings", "known_vulnerabilities", "image_examinations",
}  # fmt: skip
KIM = Actor("kim")
load_tables()
DECIDED = sorted(
    one.class_.__tablename__ for one in Base.registry.mappers if issubclass(one.class_, AuditedRow)
)
CLASSES: dict[str, Any] = {one.class_.__tablename__: one.class_ for one in Base.registry.mappers}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """One state of each database for all tests: making one by its steps takes seconds."""
    folder = tmp_path_factory.mktemp("state")
    url = f"sqlite:///{folder}/state.db"
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgresql"), f"enforcement_{os.getpid()}"
        with psycopg.connect(server.format(database="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = server.format(database=name)
    with State.open(url, folder / "keys") as state:
        yield state


@pytest.fixture(autouse=True)
def _strict_and_empty(opened: State) -> Iterator[None]:
    with as_product("a test"), opened.transaction() as session:
        for table in reversed(load_tables()):
            session.execute(delete(table))
    with strictly():
        yield


def test_every_table_is_decided_in_or_the_products_own() -> None:
    assert {one.name for one in load_tables()} == {*DECIDED, *OF_THE_PRODUCT}
    assert not OF_THE_PRODUCT.intersection(DECIDED)
    assert all(map(is_decision_table, DECIDED))
    assert not any(map(is_decision_table, OF_THE_PRODUCT))


def _value(column: Any) -> Any:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return datetime(2026, 1, 1, tzinfo=UTC)
    if isinstance(kind, Json):
        return {}
    if kind.python_type is bytes:
        return b"x"
    return kind.python_type(1) if not isinstance(kind, Text) else "x"


def _row(table: Table) -> dict[str, Any]:
    """A row whose every column has some value; what refers to another row is put there by `_parents`."""
    return {
        one.name: _value(one)
        for one in table.columns
        if not (one.primary_key and one is table.autoincrement_column)
    }


def _seed(session: Session, table: Table) -> None:
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint) and constraint.referred_table is not table:
            _seed(session, constraint.referred_table)
    if session.execute(select(table).where(_is_ours(table))).first() is None:
        session.execute(insert(table).values(_own(table)))


def _own(table: Table) -> dict[str, Any]:
    row = _row(table)
    counted = table.autoincrement_column
    return row if counted is None else {**row, counted.name: 1}


def _is_ours(table: Table) -> Any:
    [*keys] = table.primary_key.columns
    own = _own(table)
    found = keys[0] == own[keys[0].name]
    for key in keys[1:]:
        found = found & (key == own[key.name])
    return found


def _flush_new(session: Session, table: Table) -> None:
    session.add(CLASSES[table.name](**_own(table)))
    session.flush()


def _flush_changed(session: Session, table: Table) -> None:
    row = session.scalars(select(CLASSES[table.name]).where(_is_ours(table))).one()
    column = _free(table)
    setattr(row, column.key, _other(column))
    session.flush()


def _free(table: Table) -> Any:
    """A column that can be changed: one that neither is the key nor refers to a row, where there is such a one."""
    return min(table.columns, key=lambda one: (bool(one.foreign_keys), one.primary_key))


def _other(column: Any) -> Any:
    if column.type.python_type is bool:
        return False
    if isinstance(column.type, UtcDateTime):
        return datetime(2027, 1, 1, tzinfo=UTC)
    return (
        "other" if isinstance(column.type, Text) else 2 if isinstance(column.type, Integer) else {"other": 1}
    )


def _flush_gone(session: Session, table: Table) -> None:
    session.delete(session.scalars(select(CLASSES[table.name]).where(_is_ours(table))).one())
    session.flush()


def _changeable(table: Table) -> dict[str, Any]:
    column = _free(table)
    return {column.name: _value(column)}


INSERTS: dict[str, Callable[[Session, Table], Any]] = {
    "ORM flush": _flush_new,
    "ORM bulk": lambda session, table: session.execute(insert(CLASSES[table.name]), [_own(table)]),
    "Core": lambda session, table: session.connection().execute(insert(table).values(_own(table))),
    "Core returning": lambda session, table: session.connection().execute(
        insert(table).values(_own(table)).returning(*table.primary_key.columns)
    ),
}
CHANGES: dict[str, Callable[[Session, Table], Any]] = {
    "ORM flush changes": _flush_changed,
    "ORM flush deletes": _flush_gone,
    "ORM bulk update": lambda session, table: session.execute(
        update(CLASSES[table.name]).where(_is_ours(table)).values(_changeable(table))
    ),
    "ORM bulk delete": lambda session, table: session.execute(
        delete(CLASSES[table.name]).where(_is_ours(table))
    ),
    "Core update": lambda session, table: session.connection().execute(
        update(table).where(_is_ours(table)).values(_changeable(table))
    ),
    "Core delete": lambda session, table: session.connection().execute(delete(table).where(_is_ours(table))),
    "Core delete returning": lambda session, table: session.connection().execute(
        delete(table).where(_is_ours(table)).returning(*table.primary_key.columns)
    ),
    "plain text": lambda session, table: session.execute(text(f'DELETE FROM "{table.name}"')),
}
#: Statements that say what they write in other words than SQLAlchemy's, `{0}` a table; each database takes some of them.
HIDDEN_TEXTS = {
    "a comment before the table": "DELETE FROM /* of */ {0}",
    "a comment within the verb": "DELETE -- all\n FROM {0}",
    "a comment within a comment": "DELETE /* of /* all */ */ FROM {0}",
    "a schema after a space": "DELETE FROM {schema} . {0}",
    "brackets": "DELETE FROM [{0}]",
    "backticks": "DELETE FROM `{0}`",
    "a text that is a name": "DELETE FROM '{0}'",
    "two statements": "DELETE FROM leases; DELETE FROM {0}",
    "its own commit": "DELETE FROM {0}; COMMIT",
    "a part that nobody reads": "WITH gone AS (DELETE FROM {0} RETURNING 1) SELECT 1 FROM gone WHERE false",
    "a part before another": "WITH gone AS (DELETE FROM {0}) DELETE FROM leases",
    "escapes": 'DELETE FROM U&"{escaped}"',
    "a block": "DO $$ BEGIN EXECUTE 'DELETE FROM ' || '{halves}'; END $$",
    "a drop": "DROP TABLE {0} {cascade}",
    "another name": "ALTER TABLE {0} RENAME TO other_name",
}
#: What the database itself refuses, by its name.
_NO_SQL = {
    "sqlite": {"a comment within a comment", "two statements", "its own commit", "a part that nobody reads", "a part before another",
               "escapes", "a block"},
    "postgresql": {"brackets", "backticks", "a text that is a name"},
}  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("table", DECIDED)
def test_nothing_goes_around_the_audit(opened: State, table: str) -> None:
    found = Base.metadata.tables[table]
    with as_product("a test"), opened.transaction() as session:
        for constraint in found.constraints:
            if isinstance(constraint, ForeignKeyConstraint):
                _seed(session, constraint.referred_table)
    for way, write in INSERTS.items():
        before = _count(opened, found)
        _refused(opened, found, way, write)
        assert _count(opened, found) == before, way
    with as_product("a test"), opened.transaction() as session:
        _seed(session, found)
    there = _count(opened, found)
    for way, write in CHANGES.items():
        _refused(opened, found, way, write)
        assert _count(opened, found) == there, way
    with opened.audit_change(KIM, "o", "t"), opened.transaction() as session:
        CHANGES["Core delete"](session, found)
    assert _count(opened, found) == there - 1


def _refused(state: State, table: Table, way: str, write: Callable[[Session, Table], Any]) -> None:
    with pytest.raises(UnauditedChangeError, match=table.name), state.transaction() as session:
        write(session, table)
    assert not state.audit.entries(), way


def _count(state: State, table: Table) -> int:
    with state.reading() as session:
        return len(session.execute(select(table)).all())


@pytest.mark.sampled(3)
@pytest.mark.parametrize("table", DECIDED)
def test_no_text_hides_what_it_writes(opened: State, table: str) -> None:
    found = Base.metadata.tables[table]
    with as_product("a test"), opened.transaction() as session:
        _seed(session, found)
    there, database = _count(opened, found), "sqlite" if opened.database.is_sqlite else "postgresql"
    names = {"schema": "main" if database == "sqlite" else "public", "escaped": table.replace("_", "\\005f"),
             "cascade": "" if database == "sqlite" else "CASCADE", "halves": table[:3] + "' || '" + table[3:]}  # fmt: skip
    for way, statement in HIDDEN_TEXTS.items():
        if way in _NO_SQL[database]:
            continue
        wanted = statement.format(table, **names)
        with pytest.raises(UnauditedChangeError), opened.transaction() as session:
            session.connection().exec_driver_sql(wanted, execution_options={"no_parameters": True})
        assert _count(opened, found) == there, way


@pytest.mark.parametrize("statement", ["UPDATE audit SET outcome = outcome", "DELETE FROM audit"])
def test_an_entry_is_one_that_is_added(opened: State, statement: str) -> None:
    with opened.transaction() as session:
        opened.audit.add(session, "kim", "o", "t")

    def change() -> None:
        with opened.transaction() as session:
            session.execute(text(statement))
            _switch(opened, session)

    with pytest.raises(UnauditedChangeError):
        change()
    assert not opened.rule_switches.load_switches("default").rules


def test_a_transaction_that_ends_itself_is_refused_before(opened: State) -> None:
    def change() -> None:
        with opened.transaction() as session:
            _switch(opened, session)
            session.flush()
            session.execute(text("COMMIT"))

    with pytest.raises(UnauditedChangeError):
        change()
    assert not opened.rule_switches.load_switches("default").rules


def test_statements_that_commit_each_are_refused_before(opened: State) -> None:
    with as_product("a test"), opened.transaction() as session:
        _switch(opened, session)
    alone = opened.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection, pytest.raises(UnauditedChangeError):
        connection.execute(text("DELETE FROM rule_switches"))
    assert opened.rule_switches.load_switches("default").rules


def test_the_drivers_own_connection_of_a_file_is_watched_too(opened: State) -> None:
    if not opened.database.is_sqlite:
        return  # a server counts nothing beside the session: decision 411
    with as_product("a test"), opened.transaction() as session:
        _switch(opened, session)
    with pytest.raises(UnauditedChangeError, match="driver"), opened.transaction() as session:
        session.connection().connection.driver_connection.execute("DELETE FROM rule_switches")  # type: ignore[union-attr]
    assert opened.rule_switches.load_switches("default").rules


def _switch(state: State, session: Session, rule: str = "r") -> None:
    state.rule_switches.switch(session, "default", "rule", [rule], datetime.now(UTC), "kim", enabled=False)


def test_a_change_that_finds_no_row_needs_no_entry(opened: State) -> None:
    with opened.transaction() as session:
        session.execute(delete(CLASSES["rule_switches"]))
        gone = delete(CLASSES["secrets"]).returning(CLASSES["secrets"].id)
        assert not session.scalars(gone).all()


def test_an_entry_that_a_savepoint_took_back_does_not_count(opened: State) -> None:
    def change() -> None:
        with opened.transaction() as session:
            _switch(opened, session)
            savepoint = session.begin_nested()
            opened.audit.add(session, "kim", "o", "t")
            savepoint.rollback()

    with pytest.raises(UnauditedChangeError):
        change()
    with opened.transaction() as session:
        savepoint = session.begin_nested()
        _switch(opened, session)
        session.flush()
        savepoint.rollback()
    assert not opened.rule_switches.load_switches("default").rules


def test_a_block_covers_what_follows_its_entry_and_nothing_else(opened: State) -> None:
    with opened.audit_change(KIM, "o", "t"):
        for rule in ("a", "b"):
            with opened.transaction() as session:
                _switch(opened, session, rule)
    assert len(opened.audit.entries()) == 1
    with opened.announce_change(KIM, "o", "file"), opened.transaction() as session:
        _switch(opened, session, "c")
    with pytest.raises(UnauditedChangeError), opened.transaction() as session:
        _switch(opened, session, "d")
    assert set(opened.rule_switches.load_switches("default").rules) == {"a", "b", "c"}


def test_what_prepares_a_change_leaves_its_entry_to_the_change(opened: State) -> None:
    def fail() -> None:
        with opened.audit_change(KIM, "o", "t"):
            with opened.transaction(product="preparation", joins=False) as session:
                _switch(opened, session)
            assert not opened.audit.entries()
            raise StateError("torn")

    with pytest.raises(StateError, match="torn"):
        fail()
    assert not opened.audit.entries()


@contextmanager
def _transaction(state: State, *, product: str) -> Iterator[Session]:
    whose: AbstractContextManager[None] = as_product(product)
    with whose, state.transaction() as session:
        yield session


def test_the_product_says_that_it_changes_by_itself(opened: State) -> None:
    with _transaction(opened, product="detection") as session:
        _switch(opened, session)
    assert not opened.audit.entries()
