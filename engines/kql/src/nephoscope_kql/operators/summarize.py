"""summarize."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from nephoscope_kql import tree
from nephoscope_kql.binder.calls import make_aggregate_call
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.diagnostics import ErrorExpression, build_unknown_value
from nephoscope_kql.binder.environment import CallCollector, Env, make_reference, register_operator_binder
from nephoscope_kql.binder.ordering import is_relation_serialized, sort_by_ordinal
from nephoscope_kql.errors import NOWHERE, make_invalid_error
from nephoscope_kql.plan.column_references import count_columns
from nephoscope_kql.plan.expressions import AggregateCall, ColumnRef
from nephoscope_kql.plan.relations import Aggregated, Assign
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation, SortKey
from nephoscope_kql.registry import load_aggregates
from nephoscope_kql.tree.operators import Summarize
from nephoscope_kql.types import KqlType

EXTREMES = frozenset({"arg_max", "arg_min", "argmax", "argmin"})
ANY = frozenset({"take_any", "any"})
Result = tuple[str, Bound]


@register_operator_binder(Summarize)
def bind_summarize(relation: Relation, operator: Summarize, env: Env) -> Relation:
    """`summarize aggregates by groups`."""
    if not operator.aggregates and not operator.groups:
        raise make_invalid_error("summarize needs an aggregate or a group", operator.span)
    inner = env.with_relation_columns(relation)
    groups, names = bind_groups(operator.groups, inner)
    for _, value in () if env.composed else groups:
        env.binder.bind_or_default(partial(_check_groupable, value, env), None, inner)
    collector = CallCollector()
    collecting = replace(inner, aggregates=collector)
    results: list[Result] = []
    for item in operator.aggregates:
        found = inner.binder.bind_or_default(
            partial(bind_results, item, collecting, relation, groups, names), None, inner
        )
        results += _build_unknown_results(item, names) if found is None else found
    return group_rows(relation, groups, collector, results, env)


def _check_groupable(value: Bound, env: Env) -> None:
    """Refuse a dynamic, which Kusto does not group by; one of a column that no rows have may be of any type."""
    untyped = isinstance(value, ColumnRef) and value.column.id in env.binder.untyped
    if value.type == KqlType.DYNAMIC and not untyped and not isinstance(value, ErrorExpression):
        hint = "convert it: tostring(), tolong() ..."
        raise make_invalid_error("rows cannot be grouped by a dynamic", value.span, hint)


def _build_unknown_results(item: tree.Expression, names: ColumnNames) -> list[Result]:
    """Return what stands for the columns of an item that cannot be bound."""
    given = [name.name for name in item.names] if isinstance(item, tree.Named) else [get_implied_name(item)]
    return [(name or names.make_default_name(), build_unknown_value(item.span)) for name in given]


def bind_groups(
    items: tuple[tree.Expression, ...], inner: Env
) -> tuple[list[tuple[Column, Bound]], ColumnNames]:
    """The groups with their columns, and the names that they take."""
    names = ColumnNames()
    groups: list[tuple[Column, Bound]] = []
    for item in items:
        value = inner.bind_scalar(item.value if isinstance(item, tree.Named) else item)
        name = item.names[0].name if isinstance(item, tree.Named) else get_implied_name(item)
        groups.append(
            (
                inner.binder.make_value_column(
                    names.make_unique(name) if name else names.make_default_name(), value
                ),
                value,
            )
        )
    return groups, names


def group_rows(
    relation: Relation,
    groups: list[tuple[Column, Bound]],
    collector: CallCollector,
    results: list[Result],
    env: Env,
) -> Relation:
    """The aggregation, and expressions over the aggregates where results are more than that."""
    calls = [(column, call) for column, call in collector.calls if isinstance(call, AggregateCall)]
    keys = tuple(column for column, _ in groups)
    hidden = (*keys, *(column for column, _ in calls))
    apart = [(column, make_reference(column, NOWHERE)) for column in env.partition]
    order: tuple[SortKey, ...] = ()
    if groups and calls and relation.order and not is_relation_serialized(relation):
        first = env.binder.make_column("", KqlType.LONG)
        calls.append((first, _build_first_place_aggregate(relation)))
        order = sort_by_ordinal(first)
    rows: Relation = Aggregated(
        columns=hidden, order=order, input=relation, groups=(*apart, *groups), aggregates=tuple(calls)
    )
    columns: list[Column] = list(keys)
    assigned: list[tuple[Column, Bound]] = []
    seen: set[str] = set()
    for name, value in results:
        if isinstance(value, ColumnRef) and value.column.id not in seen:
            seen.add(value.column.id)
            columns.append(value.column.with_name(name))
        else:
            column = env.binder.make_value_column(name, value)
            assigned.append((column, value))
            columns.append(column)
    return Assign(columns=tuple(columns), order=order, input=rows, assigned=tuple(assigned))


def _build_first_place_aggregate(relation: Relation) -> AggregateCall:
    """Return where the first row of a group stands among given rows: groups of these come in the order in which they are met."""
    place = relation.order[0].value
    return AggregateCall(
        type=place.type, span=place.span, aggregate=load_aggregates()["min"], arguments=(place,)
    )


def bind_results(
    item: tree.Expression,
    env: Env,
    relation: Relation,
    groups: list[tuple[Column, Bound]],
    names: ColumnNames,
) -> list[Result]:
    """The columns that one item of summarize gives."""
    given = [name.name for name in item.names] if isinstance(item, tree.Named) else []
    expression = item.value if isinstance(item, tree.Named) else item
    if isinstance(expression, tree.Call) and expression.name not in env.names:
        if expression.name in EXTREMES:
            return _bind_extreme(expression, given, env, relation, groups, names)
        if expression.name in ANY and _has_several_arguments(expression):
            return _bind_any(expression, given, env, relation, groups, names)
        if expression.name in ("percentiles", "percentilesw"):
            return _list_percentiles(expression, given, env, names)
    value = env.bind_scalar(expression)
    known = {column.id for column, _ in env.aggregates.calls} if env.aggregates is not None else set()
    if not count_columns([value]).keys() <= known:
        raise make_invalid_error(
            "a column can be used here only inside an aggregate", expression.span, "or name it after by"
        )
    if not given:
        implied = get_implied_name(expression)
        given = [names.make_unique(implied) if implied else names.make_default_name()]
    else:
        given = [names.make_unique(name) for name in given]
    if len(given) > 1:
        from nephoscope_kql.operators.column_operators import spread_elements

        return spread_elements(tuple(given), value, item.span)
    return [(given[0], value)]


def _has_several_arguments(call: tree.Call) -> bool:
    return (
        len(call.arguments) > 1 or isinstance(call.arguments[0], tree.Star | tree.Wildcard)
        if call.arguments
        else False
    )


def _without_aggregates(env: Env) -> Env:
    return replace(env, aggregates=None)


def _collect_aggregate(call: AggregateCall, env: Env) -> Bound:
    if env.aggregates is None:
        raise make_invalid_error("an aggregate cannot be used here", call.span)
    return make_reference(env.aggregates.find_column(call, env.binder), call.span)


def _bind_extreme(
    call: tree.Call,
    given: list[str],
    env: Env,
    relation: Relation,
    groups: list[tuple[Column, Bound]],
    names: ColumnNames,
) -> list[Result]:
    """`arg_max(by, values)`: the row's values where `by` is greatest.

    The former name `argmax` names its columns like `max(by)`, and the values behind that.
    """
    if not call.arguments:
        raise make_invalid_error(f"{call.name}() takes at least 1 argument", call.span)
    callee = load_aggregates()["arg_max" if call.name.endswith("max") else "arg_min"]
    name, by = _bind_value(call.arguments[0], env)
    wanted = [(name, by), *_bind_values(call.arguments[1:], env, relation, groups, exclude=by)]
    if "_" not in call.name:
        first = f"{call.name.removeprefix('arg')}_{name}"
        wanted = [(first, by), *((f"{first}_{one}", value) for one, value in wanted[1:])]
    results: list[Result] = []
    for place, (name, value) in enumerate(wanted):
        label = (
            names.make_unique(given[place])
            if place < len(given)
            else names.make_unique(name)
            if name
            else names.make_default_name()
        )
        results.append((label, _collect_aggregate(make_aggregate_call(callee, [by, value], call), env)))
    return results


def _bind_values(
    arguments: tuple[tree.Expression, ...],
    env: Env,
    relation: Relation,
    groups: list[tuple[Column, Bound]],
    exclude: Bound | None,
) -> list[Result]:
    """The values of `arg_max`'s and `take_any`'s arguments; `*` means every column that is no group and not `exclude`."""
    skipped = {value.column.id for _, value in groups if isinstance(value, ColumnRef)}
    if isinstance(exclude, ColumnRef):
        skipped.add(exclude.column.id)
    result: list[Result] = []
    for argument in arguments:
        if isinstance(argument, tree.Star | tree.Wildcard):
            from nephoscope_kql.operators.column_operators import match_columns

            result += [
                (column.name, make_reference(column, argument.span))
                for column in match_columns(relation, argument)
                if column.id not in skipped
            ]
        else:
            result.append(_bind_value(argument, env))
    return result


def _bind_value(argument: tree.Expression, env: Env) -> Result:
    """An argument of an aggregate with its column's name: the one that is given inside, else what its expression implies."""
    if isinstance(argument, tree.Named):
        return argument.names[0].name, _without_aggregates(env).bind_scalar(argument.value)
    return get_implied_name(argument), _without_aggregates(env).bind_scalar(argument)


def _bind_any(
    call: tree.Call,
    given: list[str],
    env: Env,
    relation: Relation,
    groups: list[tuple[Column, Bound]],
    names: ColumnNames,
) -> list[Result]:
    results: list[Result] = []
    callee = load_aggregates()["take_any"]
    for place, (name, value) in enumerate(_bind_values(call.arguments, env, relation, groups, exclude=None)):
        implied = name if call.name == "take_any" else f"any_{name}"
        label = (
            names.make_unique(given[place])
            if place < len(given)
            else names.make_unique(implied)
            if implied
            else names.make_default_name()
        )
        results.append((label, _collect_aggregate(make_aggregate_call(callee, [value], call), env)))
    return results


def _list_percentiles(call: tree.Call, given: list[str], env: Env, names: ColumnNames) -> list[Result]:
    """`percentiles(value, 5, 50)`: a column a percentile."""
    weighted = call.name == "percentilesw"
    fixed = 2 if weighted else 1
    callee = load_aggregates()["percentilew" if weighted else "percentile"]
    found = [_bind_value(argument, env) for argument in call.arguments]
    values = [value for _, value in found]
    base = found[0][0] if found else ""
    results: list[Result] = []
    for place, share in enumerate(values[fixed:]):
        if not isinstance(share, Constant):
            raise make_invalid_error("a percentile must be a constant", share.span)
        text = str(share.value).removesuffix(".0").replace(".", "_")
        label = given[place] if place < len(given) else f"percentile_{base}_{text}"
        made = make_aggregate_call(callee, [*values[:fixed], share], call)
        results.append((names.make_unique(label), _collect_aggregate(made, env)))
    return results
