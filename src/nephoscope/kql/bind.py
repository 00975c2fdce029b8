"""A query's tree -> bound relations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nephoscope.kql import bind_calls, bind_operands, bind_tables, bind_values, tree
from nephoscope.kql.binder import Binder, Env, Meaning
from nephoscope.kql.catalog import Catalog
from nephoscope.kql.errors import NOWHERE, invalid
from nephoscope.kql.naming import implied_name
from nephoscope.kql.operators import load
from nephoscope.kql.relations import Relation, ResultHint
from nephoscope.kql.scope import declared, is_tabular

__all__ = ["bind_calls", "bind_operands", "bind_tables", "bind_values"]
load()


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """The rows that a query gives, and what `render` asks for."""

    relation: Relation
    hint: ResultHint = field(default_factory=ResultHint)


def bind(query: tree.Query, catalog: Catalog, names: Mapping[str, Meaning] | None = None) -> BoundQuery:
    """Bind the last expression of a query; KqlError where a name or a type is wrong."""
    binder = Binder(catalog)
    env = Env(binder, names or {})
    last: tree.Evaluation | None = None
    for statement in query.statements:
        env = declared([statement], env)
        if isinstance(statement, tree.Evaluation):
            last = statement
    if last is None:
        raise invalid("the query has no expression that gives rows", query.span or NOWHERE)
    relation = _rows(last.value, env)
    return BoundQuery(relation, _hint(binder))


def _rows(expression: tree.Expression, env: Env) -> Relation:
    if is_tabular(expression, env) or isinstance(expression, tree.Pipe | tree.Name):
        return env.tabular(expression)
    name = tree.Name(name=implied_name(expression) or "print_0")
    item = tree.Named(names=(name,), value=expression, span=expression.span)
    return env.binder.operator(None, tree.operators.Print(items=(item,), span=expression.span), env)


def _hint(binder: Binder) -> ResultHint:
    if binder.hint is None:
        return ResultHint()
    return ResultHint(binder.hint.chart, {item.name: item.word for item in binder.hint.properties})
