"""Binding of function calls: built-in functions, aggregates, window functions, let and stored functions, special forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nephoscope.kql import constants, tree
from nephoscope.kql.bind_operands import arithmetic, condition
from nephoscope.kql.binder import Env, binds_scalar, reference
from nephoscope.kql.bound import (
    AggregateCall,
    Bound,
    Call,
    Constant,
    ScalarQuery,
    Variable,
    WindowCall,
    reads_row,
)
from nephoscope.kql.convert import choose, explicit, prepared
from nephoscope.kql.errors import did_you_mean, invalid
from nephoscope.kql.naming import implied_name
from nephoscope.kql.registry import Aggregate, aggregates, functions
from nephoscope.kql.scope import body_of, entered, function_named, is_tabular
from nephoscope.kql.types import TYPE_NAMES, KqlType

WINDOWS = frozenset(
    {"prev", "next", "row_number", "row_cumsum", "row_rank_dense", "row_rank_min", "row_window_session"}
)
Special = Callable[[tree.Call, Env], Bound]


@binds_scalar(tree.Call)
def call(node: tree.Call, env: Env) -> Bound:
    """A call of anything that gives a value."""
    if node.name in env.names or (node.name not in functions() and env.binder.catalog.function(node.name)):
        found = function_named(node.name, env, node.span)
        if found is not None:
            return entered(found, node, env).scalar(body_of(found, node.span))
    special = SPECIAL.get(node.name)
    if special is not None:
        return special(node, env)
    if node.name in aggregates() and (env.aggregates is not None or node.name not in functions()):
        return _collected(node, env)
    if node.name in WINDOWS:
        return _windowed(node, env)
    return _function(node, env)


def _function(node: tree.Call, env: Env) -> Bound:
    callee = functions().get(node.name)
    if callee is None:
        hint = did_you_mean(node.name, [*functions(), *env.names, *aggregates()])
        raise invalid(f"no function is named '{node.name}'", node.span, hint)
    arguments = [env.scalar(argument) for argument in plain(node)]
    converted, kind = prepared(callee, choose(callee, arguments, node.span), arguments, node.span)
    return Call(type=kind, span=node.span, function=callee, arguments=converted)


def plain(node: tree.Call) -> tuple[tree.Expression, ...]:
    """The arguments of a built-in function; a name before one is dropped."""
    return tuple(item.value if isinstance(item, tree.Named) else item for item in node.arguments)


def _collected(node: tree.Call, env: Env) -> Bound:
    if env.aggregates is None:
        raise invalid(f"the aggregate {node.name}() has a meaning only in summarize and its kin", node.span)
    found = aggregate_call(node, env)
    return reference(env.aggregates.column(found, env.binder), node.span)


def aggregate_call(node: tree.Call, env: Env) -> AggregateCall:
    """An aggregate over the rows; its arguments are bound without aggregates."""
    inner = Env(env.binder, env.names, env.row)
    arguments = [inner.scalar(argument) for argument in plain(node)]
    return aggregated(aggregates()[node.name], arguments, node)


def aggregated(callee: Aggregate, arguments: list[Bound], node: tree.Expression) -> AggregateCall:
    """An aggregate on bound arguments."""
    converted, kind = prepared(callee, choose(callee, arguments, node.span), arguments, node.span)
    return AggregateCall(type=kind, span=node.span, aggregate=callee, arguments=converted)


def _windowed(node: tree.Call, env: Env) -> Bound:
    if env.windows is None:
        raise invalid(f"{node.name}() needs rows in an order: sort or serialize them before", node.span)
    arguments = [env.scalar(argument) for argument in plain(node)]
    found = _window_call(node, arguments)
    return reference(env.windows.column(found, env.binder), node.span)


def _window_call(node: tree.Call, arguments: list[Bound]) -> WindowCall:
    if node.name in ("prev", "next"):
        return _neighbour(node, arguments)
    if node.name == "row_window_session":
        kind, least, most = KqlType.DATETIME, 3, 4
    elif node.name == "row_number":
        kind, least, most = KqlType.LONG, 0, 2
    else:
        kind, least, most = (arguments[0].type if arguments else KqlType.LONG), 1, 2
        kind = kind if node.name == "row_cumsum" else KqlType.LONG
    if not least <= len(arguments) <= most:
        raise invalid(f"{node.name}() does not take {len(arguments)} arguments", node.span)
    restart = condition(arguments[-1]) if len(arguments) == most else None
    values = tuple(arguments[:-1] if restart is not None else arguments)
    return WindowCall(type=kind, span=node.span, function=node.name, arguments=values, restart=restart)


def _neighbour(node: tree.Call, arguments: list[Bound]) -> WindowCall:
    if not 1 <= len(arguments) <= 3:
        raise invalid(f"{node.name}() takes 1 to 3 arguments", node.span)
    value = arguments[0]
    offset = arguments[1] if len(arguments) > 1 else constants.long(1, node.span)
    if not isinstance(offset, Constant) or not isinstance(offset.value, int):
        raise invalid(f"the offset of {node.name}() must be a constant number", offset.span)
    if offset.value < 1:
        raise invalid(f"the offset of {node.name}() must be 1 or more", offset.span)
    if len(arguments) > 2 and reads_row(arguments[2]):
        raise invalid(f"the default of {node.name}() must not depend on a row", arguments[2].span)
    absent = (
        explicit(arguments[2], value.type) if len(arguments) > 2 else constants.null(value.type, node.span)
    )
    return WindowCall(type=value.type, span=node.span, function=node.name, arguments=(value, offset, absent))


def _typeof(node: tree.Call, _env: Env) -> Bound:
    """`typeof(long)` as an argument: the type's name."""
    item = node.arguments[0] if len(node.arguments) == 1 else None
    if not isinstance(item, tree.Name) or item.name not in TYPE_NAMES:
        raise invalid("typeof() takes one type here", node.span)
    return constants.text(TYPE_NAMES[item.name].value, node.span)


def _now(node: tree.Call, env: Env) -> Bound:
    moment = Variable(type=KqlType.DATETIME, span=node.span, name="now")
    if not node.arguments:
        return moment
    return arithmetic("+", moment, explicit(env.scalar(node.arguments[0]), KqlType.TIMESPAN), node.span)


def _ago(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 1:
        raise invalid("ago() takes 1 argument, a timespan", node.span)
    back = env.scalar(node.arguments[0])
    if back.type not in (KqlType.TIMESPAN, KqlType.DYNAMIC):
        raise invalid(f"ago() takes a timespan, not {back.type}", back.span)
    moment = Variable(type=KqlType.DATETIME, span=node.span, name="now")
    return arithmetic("-", moment, explicit(back, KqlType.TIMESPAN), node.span)


def _toscalar(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 1:
        raise invalid("toscalar() takes 1 argument: rows", node.span)
    argument = node.arguments[0]
    if not is_tabular(argument, env.without_row()):
        return env.scalar(argument)
    relation = env.tabular(argument)
    if not relation.columns:
        raise invalid("the rows have no column", node.span)
    column = relation.columns[0]
    return ScalarQuery(type=column.type, span=node.span, relation=relation, column=column)


def _column_ifexists(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 2:
        raise invalid(f"{node.name}() takes 2 arguments: a column's name and a default", node.span)
    wanted = env.scalar(node.arguments[0])
    if not isinstance(wanted, Constant) or not isinstance(wanted.value, str):
        raise invalid("the column's name must be a constant text", wanted.span)
    column = env.row.get(wanted.value)
    return env.scalar(node.arguments[1]) if column is None else reference(column, node.span)


def _pack_all(node: tree.Call, env: Env) -> Bound:
    skip = bool(node.arguments) and getattr(env.scalar(node.arguments[0]), "value", False) is True
    callee = functions()["_pack_present" if skip else "bag_pack"]
    pairs: list[Bound] = []
    for column in env.row.values():
        pairs += [constants.text(column.name, node.span), reference(column, node.span)]
    return Call(type=KqlType.DYNAMIC, span=node.span, function=callee, arguments=tuple(pairs))


def _pack_columns(node: tree.Call, env: Env) -> Bound:
    pairs: list[Bound] = []
    for argument in _columns_of(node, env):
        pairs += [constants.text(implied_name(argument), argument.span), env.scalar(argument)]
    if not pairs:
        raise invalid("bag_pack_columns() takes columns", node.span)
    return Call(
        type=KqlType.DYNAMIC, span=node.span, function=functions()["bag_pack"], arguments=tuple(pairs)
    )


def _columns_of(node: tree.Call, env: Env) -> list[tree.Expression]:
    """The arguments, a star being every column of the row."""
    result: list[tree.Expression] = []
    for argument in plain(node):
        if isinstance(argument, tree.Star):
            result += [tree.Name(name=name, span=argument.span) for name in env.row]
        else:
            result.append(argument)
    return result


def _estimate(node: tree.Call, env: Env) -> Bound:
    values = tuple(env.scalar(argument) for argument in _columns_of(node, env))
    if not values:
        raise invalid("estimate_data_size() takes at least 1 value", node.span)
    return Call(
        type=KqlType.LONG, span=node.span, function=functions()["estimate_data_size"], arguments=values
    )


def _column_names(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 1:
        raise invalid("column_names_of() takes 1 argument: rows", node.span)
    names: list[Any] = [column.name for column in env.tabular(node.arguments[0]).columns]
    return Constant(type=KqlType.DYNAMIC, span=node.span, value=names)


SPECIAL: dict[str, Special] = {
    "bag_pack_columns": _pack_columns,
    "estimate_data_size": _estimate,
    "column_names_of": _column_names,
    "now": _now,
    "typeof": _typeof,
    "ago": _ago,
    "toscalar": _toscalar,
    "column_ifexists": _column_ifexists,
    "columnifexists": _column_ifexists,
    "pack_all": _pack_all,
}
