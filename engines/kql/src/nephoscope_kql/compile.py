"""KQL text -> SQL text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from nephoscope_kql import tree
from nephoscope_kql.bind import BoundQuery, bind_all_results, bind_query_tree
from nephoscope_kql.binder.query_parameters import RequestProperties
from nephoscope_kql.catalog import Catalog
from nephoscope_kql.deadline import COMPILING, set_deadline_within
from nephoscope_kql.errors import NOWHERE, KqlError, locate_errors
from nephoscope_kql.externaldata import ExternalSource
from nephoscope_kql.parser import parse
from nephoscope_kql.plan.query_probe import QueryProbe
from nephoscope_kql.plan.relations import ResultHint
from nephoscope_kql.plan.required_tables import find_needed_tables
from nephoscope_kql.plan.row_identity import UNKNOWN, RowIdentity, find_row_identity
from nephoscope_kql.sql.routines import Routine
from nephoscope_kql.time_independent_rows import SteadySplit
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.dialects.partitioned_statements import ShareStatements
    from nephoscope_kql.dialects.relational import Emitter
    from nephoscope_kql.plan.values import Relation

    Writer: TypeAlias = Callable[[Relation], tuple[str, ShareStatements | None, Emitter]]


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A query as SQL: `columns` are the KQL names and types of its columns in order, `parameters` the values bound in `sql`.

    Where columns depend on rows (bag_unpack, pivot without a schema), `sql` is '' and `columns` are those that are known: an engine
    goes on with `resume`, which compiles again with what the engine's probe reads. `parts`: the same as `sql` in several statements,
    which cost less where many tables are read one after another.
    """

    sql: str
    parameters: Mapping[str, object]
    columns: tuple[tuple[str, KqlType], ...]
    routines: tuple[Routine, ...] = ()
    hint: ResultHint = field(default_factory=ResultHint)
    name: str = ""
    notes: tuple[str, ...] = ()
    external: tuple[ExternalSource, ...] = ()
    resume: Callable[[QueryProbe], CompiledQuery] | None = field(default=None, compare=False)
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    parts: ShareStatements | None = None
    identity: RowIdentity = UNKNOWN


def to_ticks(moment: dt.datetime) -> int:
    """A moment in 100 ns ticks since 0001-01-01; one without a zone is taken as UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    passed = moment - dt.datetime(1, 1, 1)
    return (passed.days * 86_400 + passed.seconds) * 10_000_000 + passed.microseconds * 10


def compile_query(
    text: str,
    catalog: Catalog,
    dialect: str = "duckdb",
    now: dt.datetime | None = None,
    timeout: float = COMPILING,
) -> CompiledQuery:
    """Compile the last result of a query for a dialect; `now` is what now() gives (default: this moment).

    KqlError with line and column where the query is wrong, also in another of its results; KqlError (unsupported) where that takes
    longer than `timeout` seconds.
    """
    return compile_results(text, catalog, dialect, now, timeout)[-1]


def compile_transformed_query(
    text: str, catalog: Catalog, change: Callable[[Relation], Relation]
) -> CompiledQuery:
    """Compile as compile_query() does, with the bound rows changed before writing; KqlError also where columns depend on rows."""
    return compile_derived_relations(text, catalog, lambda relation: [change(relation)])[0]


def compile_derived_relations(
    text: str, catalog: Catalog, derive: Callable[[Relation], Iterable[Relation]]
) -> tuple[CompiledQuery, ...]:
    """Compile relations that are made of the bound rows of a query; KqlError as compile_changed()."""
    with set_deadline_within(COMPILING), _locate_errors(text):
        bound = bind_query_tree(parse(text), catalog)
        several = derive(_require_fixed_columns(bound))
        now = dt.datetime.now(dt.UTC)
        return tuple(
            _write_query(replace(bound, relation=one), find_writer("duckdb"), now) for one in several
        )


@dataclass(frozen=True, slots=True)
class PrecomputedQuery:
    """A query in two: `tables` by name, each to be kept for all windows, and `rest`, which reads them for one.

    A table has the columns of its query by their ids, the one of TimeGenerated last. `rest` has the parameters SINCE and UNTIL, the
    ends of the window, which are not among its own, and now() where it asks for it.
    """

    tables: Mapping[str, CompiledQuery]
    rest: CompiledQuery
    asks_now: bool


def precompile_query(text: str, catalog: Catalog) -> PrecomputedQuery | None:
    """Compile a query so that what it asks of single rows, whatever the time is, can be computed for many windows at once.

    None where it asks nothing of the kind, or its columns depend on rows; KqlError as compile_query().
    """
    with set_deadline_within(COMPILING), _locate_errors(text):
        bound = bind_query_tree(parse(text), catalog)
        return None if bound.unseen else _precompute_bound_query(bound)


def _precompute_bound_query(bound: BoundQuery) -> PrecomputedQuery | None:
    from nephoscope_kql.dialects.duckdb import write_relation

    split, now = SteadySplit.of(bound.relation), dt.datetime.now(dt.UTC)
    sql, emitter = write_relation(bound.relation, instead=split.instead)
    read = [one for one in split.rows if one.name in emitter.kept]
    if not read:
        return None
    tables = {
        one.name: _write_query(
            replace(bound, relation=one.keep_columns(emitter.kept[one.name])), find_writer("duckdb"), now
        )
        for one in read
    }
    rest = _finish_compilation(bound, sql, None, emitter, {})
    return PrecomputedQuery(tables, rest, "now" in emitter.parameters)


def _require_fixed_columns(bound: BoundQuery) -> Relation:
    if bound.unseen:
        raise KqlError("the columns of the result must not depend on the rows", NOWHERE, "unsupported")
    return bound.relation


def compile_results(
    text: str,
    catalog: Catalog,
    dialect: str = "duckdb",
    now: dt.datetime | None = None,
    timeout: float = COMPILING,
    given: RequestProperties | None = None,
) -> tuple[CompiledQuery, ...]:
    """Compile every result of a query: one a tabular statement, several of fork and facet; as compile_query().

    `given` are the values of its parameters and the options that came beside its text.
    """
    with set_deadline_within(timeout):
        return _compile_located_results(
            text, catalog, dialect, now or dt.datetime.now(dt.UTC), given or RequestProperties(), None
        )


def _compile_located_results(
    text: str,
    catalog: Catalog,
    dialect: str,
    now: dt.datetime,
    given: RequestProperties,
    probe: QueryProbe | None,
) -> tuple[CompiledQuery, ...]:
    """The compiled results; what goes wrong is located in the query's text."""
    with _locate_errors(text):
        writes = find_writer(dialect)
        results = bind_all_results(given.bind_parameters(parse(text)), catalog, probe=probe)
        written = tuple(_write_query(one, writes, now) for one in results)
    if not results[0].unseen:
        return written
    again = partial(_compile_located_results, text, catalog, dialect, now, given)
    return tuple(_make_resumable_query(one, now, again, place) for place, one in enumerate(written))


@contextmanager
def _locate_errors(text: str) -> Iterator[None]:
    """What goes wrong inside is located in the query's text; a query that is nested too deeply is told."""
    try:
        with locate_errors(text):
            yield
    except RecursionError:
        raise KqlError("the query is nested too deeply", NOWHERE) from None


def _make_resumable_query(
    compiled: CompiledQuery,
    now: dt.datetime,
    again: Callable[[QueryProbe], tuple[CompiledQuery, ...]],
    place: int,
) -> CompiledQuery:
    """A result that an engine has to finish: all that is known before its rows are."""
    return replace(
        compiled,
        sql="",
        parameters={"now": to_ticks(now)},
        routines=(),
        resume=lambda probe: again(probe)[place],
    )


def _write_query(bound: BoundQuery, written: Writer, now: dt.datetime) -> CompiledQuery:
    sql, parts, emitter = written(bound.relation)
    parameters = {"now": to_ticks(now)} if "now" in emitter.parameters else {}
    return _finish_compilation(bound, sql, parts, emitter, parameters)


def _finish_compilation(
    bound: BoundQuery,
    sql: str,
    parts: ShareStatements | None,
    emitter: Emitter,
    parameters: Mapping[str, object],
) -> CompiledQuery:
    columns = tuple((column.name, column.type) for column in bound.relation.columns)
    return CompiledQuery(
        sql,
        parameters,
        columns,
        tuple(emitter.routines.values()),
        bound.hint,
        bound.name,
        bound.notes,
        tuple(emitter.external.values()),
        reads={name: frozenset(columns) for name, columns in emitter.reads.items()},
        needs=find_needed_tables(bound.relation),
        parts=parts,
        identity=find_row_identity(bound.relation),
    )


def find_writer(dialect: str) -> Writer:
    """Return what writes relations in a dialect; KqlError where there is none of that name."""
    if dialect == "duckdb":
        from nephoscope_kql.dialects.partitioned_statements import write_in_parts

        return write_in_parts
    if dialect == "spark":
        from nephoscope_kql.dialects import spark

        return lambda relation: _write_whole_statement(*spark.write_relation(relation))
    raise KqlError(f"no dialect is named '{dialect}'", NOWHERE, "unsupported")


def _write_whole_statement(sql: str, emitter: Emitter) -> tuple[str, None, Emitter]:
    return sql, None, emitter


def bind_query(query: tree.Query, catalog: Catalog, probe: QueryProbe | None = None) -> BoundQuery:
    """The bound tree of a parsed query: of its last result; `probe` tells the columns that depend on rows."""
    return bind_query_tree(query, catalog, probe=probe)
