"""Environment in which a query is bound: names in scope, fresh column names, and the binder of each node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from nephoscope_kql import tree
from nephoscope_kql.binder.constants import make_null
from nephoscope_kql.binder.diagnostics import CHOOSING, OPEN, Diagnostics, build_unknown_value
from nephoscope_kql.binder.ingestion_time import UncarriedIngestionTimeError, carry_ingestion_time
from nephoscope_kql.binder.operator_names import format_operator_name
from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.errors import (
    KqlError,
    Span,
    TooLargeError,
    UnknownNameError,
    make_invalid_error,
    make_unsupported_query_error,
)
from nephoscope_kql.known_options import describe_unknown_hints
from nephoscope_kql.plan.expressions import AggregateCall, ColumnRef, WindowCall, reads_row
from nephoscope_kql.plan.relations import Assign, Graph, Rows
from nephoscope_kql.plan.values import Bound, Column
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.catalog import Catalog, StoredFunction
    from nephoscope_kql.plan.query_probe import QueryProbe
    from nephoscope_kql.plan.values import Relation

MAX_DEPTH = 200
"""How deep functions and sub-queries may nest."""
ON_GRAPHS = (
    tree.operators.GraphMarkComponents,
    tree.operators.GraphMatch,
    tree.operators.GraphToTable,
    tree.operators.GraphWhere,
)
"""The operators that take a graph; all others take rows."""
GRAPH_IS_NO_TABLE = "a graph has no rows: graph-match, graph-shortest-paths or graph-to-table make some"
MAX_NODES = 200_000
"""How many nodes a query may have after its functions are expanded."""


@dataclass(frozen=True, slots=True)
class ScalarMeaning:
    """A name that stands for a value."""

    value: Bound


@dataclass(frozen=True, slots=True)
class RowMeaning:
    """A name whose value depends on a row, seen from a sub-query that has no such row."""


@dataclass(frozen=True, slots=True)
class TableMeaning:
    """A name that stands for rows: bound anew at every use, so that every use has columns of its own."""

    expression: tree.Expression
    env: Env


@dataclass(frozen=True, slots=True)
class SharedTableMeaning:
    """A name that stands for rows that are computed once (`as`, `materialize`)."""

    make: Callable[[], Relation]


@dataclass(frozen=True, slots=True)
class LambdaMeaning:
    """A name that stands for a function; `env` is where it was declared."""

    function: tree.Lambda
    env: Env


@dataclass(frozen=True, slots=True)
class PatternMeaning:
    """A name that stands for functions, one for each combination of constant arguments; `env` is where it was declared."""

    pattern: tree.Pattern
    env: Env


@dataclass(frozen=True, slots=True)
class EntityGroupMeaning:
    """A name that stands for entities, of which macro-expand runs a query each; `env` is where it was declared."""

    group: tree.EntityGroup
    env: Env


@dataclass(frozen=True, slots=True)
class EntityMeaning:
    """A name that stands for the tables and functions of a place in the query of macro-expand."""

    place: tree.Expression
    env: Env


Meaning: TypeAlias = (
    ScalarMeaning
    | RowMeaning
    | TableMeaning
    | SharedTableMeaning
    | LambdaMeaning
    | PatternMeaning
    | EntityGroupMeaning
    | EntityMeaning
)


@dataclass(eq=False)
class CallCollector:
    """Aggregates (in summarize) or window functions that an expression uses, each once, with the hidden column that holds it."""

    calls: list[tuple[Column, AggregateCall | WindowCall]] = field(default_factory=list)

    def find_column(self, call: AggregateCall | WindowCall, binder: Binder) -> Column:
        """The column of a call."""
        for column, known in self.calls:
            if known == call:
                return column
        column = binder.make_column("", call.type)
        if binder.mistakes is not None and any(map(binder.mistakes.is_mistaken, call.arguments)):
            binder.mistakes.mark_column(column)
        self.calls.append((column, call))
        return column


@dataclass(frozen=True, slots=True)
class Site:
    """Call site of the stored function whose text is being bound."""

    function: str
    call: Span


@dataclass(frozen=True, slots=True)
class Env:
    """Environment in which an expression is bound: let names, the row's columns by name, and what the operator allows.

    `sides` are the columns of `$left` and `$right`; `aggregates` and `windows` collect such calls where the operator has them.
    `partition`: hidden columns by which operators work on each part of the rows alone (mv-apply, partition). `rows` is the relation
    of `row`. `place`: the catalog of another workspace or database whose function is being expanded. `visible`: patterns of the names
    that `restrict access to` leaves (None = all). `site`: None in the query's own text. `composed`: the text is nephoscope's.
    `calls`: the stored functions whose text is being bound, the outermost first.
    """

    binder: Binder
    names: Mapping[str, Meaning] = field(default_factory=dict)
    row: Mapping[str, Column] = field(default_factory=dict)
    sides: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    aggregates: CallCollector | None = None
    windows: CallCollector | None = None
    partition: tuple[Column, ...] = ()
    rows: Relation | None = None
    place: Catalog | None = None
    visible: tuple[str, ...] | None = None
    site: Site | None = None
    composed: bool = False
    calls: tuple[StoredFunction, ...] = ()

    @property
    def catalog(self) -> Catalog:
        """Return where tables and stored functions come from here."""
        return self.binder.catalog if self.place is None else self.place

    def can_see(self, name: str) -> bool:
        """Return whether `restrict access to` leaves a table, a function or a variable that holds rows."""
        return self.visible is None or any(fnmatchcase(name, pattern) for pattern in self.visible)

    def with_relation_columns(self, relation: Relation, windows: CallCollector | None = None) -> Env:
        """Return the same names over the columns of a relation."""
        row = {column.name: column for column in relation.columns}
        return replace(self, row=row, rows=relation, sides={}, aggregates=None, windows=windows)

    def without_row(self) -> Env:
        """Return the same names, no row: where a sub-query or a function's body is bound."""
        return replace(self, row={}, rows=None, sides={}, aggregates=None, windows=None, partition=())

    def list_parts(self, span: Span) -> tuple[Bound, ...]:
        """The values that say which part a row belongs to."""
        return tuple(make_reference(column, span) for column in self.partition)

    def with_names(self, names: Mapping[str, Meaning]) -> Env:
        """With further names."""
        return replace(self, names=MappingProxyType({**self.names, **names}))

    def bind_scalar(self, expression: tree.Expression) -> Bound:
        """Bind a scalar expression here."""
        return self.binder.bind_scalar(expression, self)

    def bind_tabular(self, expression: tree.Expression) -> Relation:
        """Bind a tabular expression here, without the row's columns and the values that need them."""
        needing = {
            name: RowMeaning()
            for name, meaning in self.names.items()
            if isinstance(meaning, ScalarMeaning) and reads_row(meaning.value)
        }
        env = self.without_row()
        return self.binder.bind_tabular(expression, env.with_names(needing) if needing else env)


ScalarBinder: TypeAlias = Callable[[object, Env], Bound]
OperatorBinder: TypeAlias = Callable[[object, object, Env], "Relation"]
SourceBinder: TypeAlias = Callable[[object, Env], "Relation"]
CallBinder: TypeAlias = Callable[[tree.Call, Env], Bound]

SCALARS: dict[type[tree.Node], ScalarBinder] = {}
OPERATORS: dict[type[tree.Node], OperatorBinder] = {}
SOURCES: dict[type[tree.Node], SourceBinder] = {}
CALLS: dict[str, CallBinder] = {}
"""Calls that are bound by themselves, not by a signature: `now`, `typeof`, `column_ifexists`."""

B = TypeVar("B", bound=Callable[..., object])
T = TypeVar("T")


def register_scalar_binder(kind: type[tree.Node]) -> Callable[[B], B]:
    """The decorated function (node, env) -> Bound binds such scalar nodes."""
    return _make_registrar(SCALARS, kind)


def register_source_binder(kind: type[tree.Node]) -> Callable[[B], B]:
    """The decorated function (node, env) -> Relation binds such nodes where rows are wanted."""
    return _make_registrar(SOURCES, kind)


def register_operator_binder(kind: type[tree.Node]) -> Callable[[B], B]:
    """The decorated function (input or None, operator, env) -> Relation binds such tabular operators."""
    return _make_registrar(OPERATORS, kind)


def register_call_binder(*names: str) -> Callable[[CallBinder], CallBinder]:
    """The decorated function (call, env) -> Bound binds the calls of these names."""

    def register(body: CallBinder) -> CallBinder:
        CALLS.update(dict.fromkeys(names, body))
        return body

    return register


def _make_registrar(table: dict[type[tree.Node], Any], kind: type[tree.Node]) -> Callable[[B], B]:
    def register(body: B) -> B:
        table[kind] = body
        return body

    return register


class Binder:
    """The state of binding one query: its `set` options, its aliases of databases, the notes for who asked, what render says.

    `unseen`: without `probe` it could not tell all columns, which depend on rows.

    `untyped`: the ids of columns that no rows have, so that nobody knows their types.

    `mistakes` collects the errors (None = the first one is raised).
    """

    def __init__(
        self, catalog: Catalog, probe: QueryProbe | None = None, mistakes: Diagnostics | None = None
    ) -> None:
        self.catalog = catalog
        self.mistakes = mistakes
        self.probe = probe
        self.unseen = False
        self.untyped: set[str] = set()
        self._ids = count(1)
        self._depth = self._nodes = 0
        self.hint: tree.operators.Render | None = None
        self.options: dict[str, Bound | None] = {}
        self.aliases: dict[str, Catalog] = {}
        self.notes: dict[str, None] = {}

    def make_column(self, name: str, kind: KqlType) -> Column:
        """A new column."""
        return Column(f"c{next(self._ids)}", name, kind)

    def build_fresh_columns(self, relation: Relation) -> tuple[Column, ...]:
        """New columns named and typed as those of a relation."""
        return tuple(self.copy_column(column) for column in relation.columns)

    def copy_column(self, column: Column) -> Column:
        """A new column with the name and type of another."""
        made = self.make_column(column.name, column.type)
        if column.id in self.untyped:
            self.untyped.add(made.id)
        if self.mistakes is not None and column.id in self.mistakes.columns:
            self.mistakes.mark_column(made)
        return made

    def choose_shared_name(self) -> str:
        """A new name for rows that are computed once."""
        return f"s{next(self._ids)}"

    def bind_scalar(self, expression: tree.Expression, env: Env) -> Bound:
        """Bind a scalar expression; KqlError where it has no meaning."""
        met = self.error_count
        try:
            bind = SCALARS.get(type(expression))
            if bind is None:
                raise make_invalid_error("a scalar expression is expected here, not rows", expression.span)
            found: Bound = self._bind_guarded_expression(bind, expression.span, expression, env)
        except KqlError as error:
            self._report_error(error, met, env)
            return build_unknown_value(expression.span)
        return found if self.mistakes is None else self.mistakes.mark_as_mistaken(found, met)

    def bind_tabular(self, expression: tree.Expression, env: Env) -> Relation:
        """Bind an expression that gives rows; KqlError where it has no meaning."""
        met = self.error_count
        try:
            bind = SOURCES.get(type(expression))
            if bind is None:
                raise make_invalid_error("rows are expected here, not a scalar expression", expression.span)
            found: Relation = self._bind_guarded_expression(bind, expression.span, expression, env)
        except KqlError as error:
            self._report_error(error, met, env)
            return self.build_unknown_rows()
        if self.mistakes is not None and (found.open or self._has_mistaken_columns(found)):
            self.mistakes.met += 1
        return found

    def bind_operator(self, relation: Relation | None, operator: tree.Operator, env: Env) -> Relation:
        """Bind a tabular operator over its input (None where it starts the pipe)."""
        met = self.error_count
        try:
            found = self._bind_operator(relation, operator, env)
        except KqlError as error:
            self._report_error(error, met, env)
            kept = relation if isinstance(operator, CHOOSING) else None
            return self.build_unknown_rows() if kept is None else kept
        return (
            found if self.mistakes is None else self.mistakes.track_operator(found, relation, operator, met)
        )

    def _bind_operator(self, relation: Relation | None, operator: tree.Operator, env: Env) -> Relation:
        bind = OPERATORS.get(type(operator))
        if bind is None:
            raise make_unsupported_query_error(
                f"the operator {format_operator_name(operator)}", operator.span
            )
        if isinstance(relation, Graph) and not isinstance(operator, ON_GRAPHS):
            raise make_invalid_error(GRAPH_IS_NO_TABLE, operator.span)
        self.add_warning(*describe_unknown_hints(operator))
        while True:
            try:
                found: Relation = self._bind_guarded_expression(bind, operator.span, relation, operator, env)
            except UncarriedIngestionTimeError as error:
                if relation is None:
                    raise
                relation = carry_ingestion_time(relation, error.span, self.make_column)
                continue
            except UnknownNameError as error:
                names = () if relation is None else [one.name for one in relation.columns]
                if relation is None or not relation.open or error.name in names:
                    raise
                relation = self._with_null(relation, error.name)
                continue
            keeps = relation is not None and relation.open and isinstance(operator, OPEN)
            return replace(found, open=True) if keeps and not found.open else found

    @property
    def error_count(self) -> int:
        """Return how much that is mistaken was met so far."""
        return 0 if self.mistakes is None else self.mistakes.met

    def bind_or_default(self, make: Callable[[], T], otherwise: T, env: Env) -> T:
        """Return what `make` binds; where errors are collected, `otherwise` stands for what it cannot bind."""
        met = self.error_count
        try:
            return make()
        except KqlError as error:
            self._report_error(error, met, env)
            return otherwise

    def _report_error(self, error: KqlError, met: int, env: Env) -> None:
        """Note an error and let binding go on, or raise it."""
        if env.site is not None and not error.placed:
            error.relocate_to_call(env.site.function, env.site.call)
        error.placed = True
        if (
            self.mistakes is None
            or self.mistakes.strict
            or isinstance(error, TooLargeError | UncarriedIngestionTimeError)
        ):
            raise error
        if isinstance(error, UnknownNameError) and env.rows is not None and env.rows.open:
            self.mistakes.met += 1
        else:
            self.mistakes.add_error(error, met)

    def add_warning(self, *texts: str) -> None:
        """Tell whoever asked; '' tells nothing."""
        self.notes.update((text, None) for text in texts if text)

    def build_unknown_rows(self) -> Relation:
        """Rows of columns that nobody knows: whatever name they are asked for they may have."""
        return Rows(columns=(), rows=(), ordinal=self.make_column("", KqlType.LONG), open=True)

    def _has_mistaken_columns(self, relation: Relation) -> bool:
        marked = set() if self.mistakes is None else self.mistakes.columns
        return any(column.id in marked for column in relation.columns)

    def make_value_column(self, name: str, value: Bound) -> Column:
        """A new column for a value."""
        column = self.make_column(name, value.type)
        mistaken = self.mistakes is not None and self.mistakes.is_mistaken(value)
        return self.mistakes.mark_column(column) if self.mistakes is not None and mistaken else column

    def _with_null(self, relation: Relation, name: str) -> Relation:
        """A relation of an open schema with a further column, which its rows lack."""
        column = self.make_column(name, KqlType.DYNAMIC)
        self.untyped.add(column.id)
        if self.mistakes is not None:
            self.mistakes.mark_column(column)
        return Assign(
            columns=(*relation.columns, column),
            order=relation.order,
            open=True,
            input=relation,
            assigned=((column, make_null(KqlType.DYNAMIC)),),
        )

    def _bind_guarded_expression(self, bind: Callable[..., Any], span: Span, *arguments: Any) -> Any:
        self._nodes += 1
        if self._depth >= MAX_DEPTH or self._nodes > MAX_NODES:
            raise TooLargeError("the query is too deep or too large once its functions are expanded", span)
        check_deadline(self._nodes)
        self._depth += 1
        try:
            return bind(*arguments)
        finally:
            self._depth -= 1


def make_reference(column: Column, span: Span) -> ColumnRef:
    """The value of a column."""
    return ColumnRef(type=column.type, span=span, column=column)
