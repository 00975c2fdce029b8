"""A query's tree -> bound relations."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from nephoscope_kql import tree
from nephoscope_kql.binder import calls, externaldata, operands, tables, values  # noqa: F401 - they declare what they bind
from nephoscope_kql.binder.column_naming import get_implied_name
from nephoscope_kql.binder.diagnostics import Diagnostics, TooManyErrorsError
from nephoscope_kql.binder.environment import GRAPH_IS_NO_TABLE, Binder, Env, Meaning
from nephoscope_kql.binder.options import limit_rows
from nephoscope_kql.binder.scope import declare_names, declare_unbound_names, is_tabular
from nephoscope_kql.catalog import Catalog
from nephoscope_kql.errors import (
    NOWHERE,
    CycleError,
    KqlError,
    TooLargeError,
    join_errors,
    make_invalid_error,
)
from nephoscope_kql.operators import load
from nephoscope_kql.operators.branching import list_branches
from nephoscope_kql.plan.query_probe import QueryProbe
from nephoscope_kql.plan.relations import Graph, ResultHint
from nephoscope_kql.plan.values import Relation

load()


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """The rows that a query gives, their name (`as`, a branch of fork; '' = none), what `render` asks for, what was noticed.

    `unseen`: columns depend on rows that no probe has read.
    """

    relation: Relation
    hint: ResultHint = field(default_factory=ResultHint)
    name: str = ""
    notes: tuple[str, ...] = ()
    unseen: bool = False


def bind_query_tree(
    query: tree.Query,
    catalog: Catalog,
    names: Mapping[str, Meaning] | None = None,
    probe: QueryProbe | None = None,
) -> BoundQuery:
    """Bind a query; its last result. KqlError where a name or a type is wrong in any of its results."""
    return bind_all_results(query, catalog, names, probe)[-1]


def bind_all_results(
    query: tree.Query,
    catalog: Catalog,
    names: Mapping[str, Meaning] | None = None,
    probe: QueryProbe | None = None,
) -> tuple[BoundQuery, ...]:
    """Bind every result of a query, in order: one a tabular statement, several where it ends in fork or facet; at least one."""
    try:
        return bind_results(query, Env(Binder(catalog, probe), names or {}))
    except (TooLargeError, CycleError):
        raise
    except KqlError as error:
        if probe is not None:
            raise
        raise _add_other_errors(error, query, catalog, names) from error.__cause__


def _add_other_errors(
    error: KqlError, query: tree.Query, catalog: Catalog, names: Mapping[str, Meaning] | None
) -> KqlError:
    """The error that ended binding, and those that are found where binding goes on."""
    mistakes = Diagnostics()
    with suppress(TooManyErrorsError, TooLargeError, RecursionError):
        bind_results(query, Env(Binder(catalog, None, mistakes), names or {}))
    found = {error.span: error, **mistakes.errors}
    return join_errors(list(found.values())) if len(found) > 1 else error


def bind_results(query: tree.Query, env: Env) -> tuple[BoundQuery, ...]:
    """The results of a query's statements in an environment; where its binder collects errors, those that it could bind."""
    binder = env.binder
    found: list[BoundQuery] = []
    for statement in query.statements:
        env = binder.bind_or_default(
            partial(declare_names, [statement], env), declare_unbound_names(statement, env), env
        )
        if isinstance(statement, tree.Evaluation):
            nothing: list[tuple[str, tree.Expression]] = []
            several = binder.bind_or_default(partial(list_branches, statement.value), nothing, env)
            found += [_build_result(name, value, env) for name, value in several]
    if not found and binder.mistakes is None:
        raise make_invalid_error("the query has no expression that gives rows", query.span or NOWHERE)
    notes = tuple(binder.notes)
    return tuple(replace(one, notes=notes, unseen=binder.unseen) for one in found)


def _build_result(name: str, expression: tree.Expression, env: Env) -> BoundQuery:
    env.binder.hint = None
    rows = _build_rows(expression, env)
    if isinstance(rows, Graph):
        raise make_invalid_error(GRAPH_IS_NO_TABLE, expression.span)
    relation = limit_rows(rows, env)
    return BoundQuery(relation, _build_result_hint(env.binder), name)


def _build_rows(expression: tree.Expression, env: Env) -> Relation:
    if is_tabular(expression, env) or isinstance(expression, tree.Pipe | tree.Name):
        return env.bind_tabular(expression)
    name = tree.Name(name=get_implied_name(expression) or "print_0")
    item = tree.Named(names=(name,), value=expression, span=expression.span)
    return env.binder.bind_operator(None, tree.operators.Print(items=(item,), span=expression.span), env)


def _build_result_hint(binder: Binder) -> ResultHint:
    if binder.hint is None:
        return ResultHint()
    return ResultHint(
        binder.hint.chart, {item.name: _format_property(item) for item in binder.hint.properties}
    )


def _format_property(item: tree.OperatorParameter) -> str:
    """The values of a property with commas between: names, texts and numbers, of which some have a sign."""
    return ",".join(_choose_literal_text(one) for one in item.values)


def _choose_literal_text(value: tree.Expression) -> str:
    if isinstance(value, tree.Unary):
        return f"{value.operator}{_choose_literal_text(value.operand)}".removeprefix("+")
    if isinstance(value, tree.Name):
        return value.name
    return str(value.value) if isinstance(value, tree.Literal) else ""
