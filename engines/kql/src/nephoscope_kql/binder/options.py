"""`set` options that change what a query gives; all others are accepted and change nothing."""

from __future__ import annotations

from nephoscope_kql.binder.environment import Env, make_reference
from nephoscope_kql.binder.operands import bind_comparison
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import NOWHERE
from nephoscope_kql.known_options import BIN_AT, BIN_SIZE, COLUMN, FROM, MOST, NOW, TO
from nephoscope_kql.plan.relations import Filter, Limited
from nephoscope_kql.plan.values import Bound, Constant, Relation
from nephoscope_kql.types import KqlType


def read_fixed_now(env: Env) -> Bound | None:
    """Return what `set query_now` says that now() is."""
    values = [env.binder.options.get(name) for name in NOW]
    found = next((value for value in values if value is not None), None)
    return None if found is None else convert_explicitly(found, KqlType.DATETIME)


def restrict_to_scope(relation: Relation, env: Env) -> Relation:
    """The rows of a table whose datetime column lies in the scope; all rows of a table that has no such column."""
    label = env.binder.options.get(COLUMN)
    if not isinstance(label, Constant):
        return relation
    column = next((item for item in relation.columns if item.name == label.value), None)
    if column is None or column.type != KqlType.DATETIME:
        return relation
    value = make_reference(column, NOWHERE)
    tests = [
        bind_comparison(operator, value, convert_explicitly(bound, KqlType.DATETIME), NOWHERE)
        for operator, name in ((">=", FROM), ("<=", TO))
        if (bound := env.binder.options.get(name)) is not None
    ]
    for test in tests:
        relation = Filter(columns=relation.columns, order=relation.order, input=relation, predicate=test)
    return relation


def limit_rows(relation: Relation, env: Env) -> Relation:
    """The result with no more rows than `query_take_max_records`."""
    most = env.binder.options.get(MOST)
    if most is None:
        return relation
    count = convert_explicitly(most, KqlType.LONG)
    return Limited(columns=relation.columns, order=relation.order, input=relation, count=count)


def find_bin_size(env: Env) -> tuple[Bound | None, Bound | None]:
    """The size and the fixed point of bin_auto()'s bins; None where the option is not set."""
    return env.binder.options.get(BIN_SIZE), env.binder.options.get(BIN_AT)
