"""Binding of function calls: built-in functions, aggregates, window functions, let and stored functions, special forms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.built_in_calls import WINDOWS
from nephoscope_kql.binder.column_naming import get_implied_name
from nephoscope_kql.binder.diagnostics import build_unknown_value
from nephoscope_kql.binder.environment import (
    CALLS,
    Env,
    make_reference,
    register_call_binder,
    register_scalar_binder,
)
from nephoscope_kql.binder.ingestion_time import find_ingestion_column
from nephoscope_kql.binder.operands import bind_arithmetic, require_condition
from nephoscope_kql.binder.options import find_bin_size, read_fixed_now
from nephoscope_kql.binder.overload_resolution import choose_signature, convert_arguments, convert_explicitly
from nephoscope_kql.binder.scope import enter_function, find_function, get_lambda_body, is_tabular
from nephoscope_kql.errors import Span, make_invalid_error, make_unsupported_query_error, suggest_word
from nephoscope_kql.plan.expressions import (
    AggregateCall,
    BoundCall,
    ScalarQuery,
    Variable,
    WindowCall,
    reads_row,
)
from nephoscope_kql.plan.function_signatures import Aggregate
from nephoscope_kql.plan.query_probe import is_nondeterministic
from nephoscope_kql.plan.values import Bound, Column, Constant
from nephoscope_kql.registry import load_aggregates, load_callable_functions, load_functions
from nephoscope_kql.types import TYPE_NAMES, KqlType


@register_scalar_binder(tree.Call)
def bind_scalar_call(node: tree.Call, env: Env) -> Bound:
    """A call of anything that gives a value."""
    known = load_callable_functions()
    if node.name in env.names or (node.name not in known and env.catalog.find_function(node.name)):
        found = find_function(node.name, env, node.span)
        if found is not None:
            return enter_function(found, node, env).bind_scalar(get_lambda_body(found, node.span))
    special = CALLS.get(node.name)
    if special is not None:
        return special(node, env)
    if node.name in load_aggregates() and (env.aggregates is not None or node.name not in known):
        return _bind_aggregate(node, env)
    if node.name in WINDOWS:
        return _bind_window_call(node, env)
    return _bind_function(node, env)


def _bind_function(node: tree.Call, env: Env) -> Bound:
    known = load_callable_functions()
    if node.name not in known:
        hint = suggest_word(node.name, [*known, *CALLS, *WINDOWS, *env.names, *load_aggregates()])
        _collect_argument_errors(list_positional_arguments(node), env)
        raise make_invalid_error(f"no function is named '{node.name}'", node.span, hint)
    return bind_call(
        node.name, [env.bind_scalar(argument) for argument in list_positional_arguments(node)], node
    )


def _collect_argument_errors(arguments: tuple[tree.Expression, ...], env: Env) -> None:
    """Find the errors in the arguments of a function that is not known."""
    mistakes = env.binder.mistakes
    if mistakes is None or mistakes.strict:
        return
    met = mistakes.met
    for argument in arguments:
        if not isinstance(argument, tree.Star) and not is_tabular(argument, env):
            env.bind_scalar(argument)
    mistakes.met = met


def bind_call(name: str, arguments: list[Bound], node: tree.Expression) -> Bound:
    """A built-in function on bound arguments."""
    callee = load_functions()[name]
    converted, kind = convert_arguments(
        callee, choose_signature(callee, arguments, node.span), arguments, node.span
    )
    return BoundCall(type=kind, span=node.span, function=callee, arguments=converted)


def list_positional_arguments(node: tree.Call) -> tuple[tree.Expression, ...]:
    """The arguments of a built-in function; a name before one is dropped."""
    return tuple(item.value if isinstance(item, tree.Named) else item for item in node.arguments)


def _bind_aggregate(node: tree.Call, env: Env) -> Bound:
    if env.aggregates is None:
        raise make_invalid_error(
            f"the aggregate {node.name}() can be used only in summarize and similar operators", node.span
        )
    found = aggregate_call(node, env)
    return make_reference(env.aggregates.find_column(found, env.binder), node.span)


def aggregate_call(node: tree.Call, env: Env) -> AggregateCall:
    """An aggregate over the rows; its arguments are bound without aggregates."""
    inner = replace(env, sides={}, aggregates=None, windows=None, partition=())
    arguments = [inner.bind_scalar(argument) for argument in list_positional_arguments(node)]
    return make_aggregate_call(load_aggregates()[node.name], arguments, node)


def make_aggregate_call(callee: Aggregate, arguments: list[Bound], node: tree.Expression) -> AggregateCall:
    """An aggregate on bound arguments."""
    converted, kind = convert_arguments(
        callee, choose_signature(callee, arguments, node.span), arguments, node.span
    )
    return AggregateCall(type=kind, span=node.span, aggregate=callee, arguments=converted)


def _bind_window_call(node: tree.Call, env: Env) -> Bound:
    if env.windows is None:
        raise make_invalid_error(
            f"{node.name}() requires ordered rows: use sort or serialize first", node.span
        )
    arguments = [env.bind_scalar(argument) for argument in list_positional_arguments(node)]
    found = _build_window_call(node, arguments)
    return make_reference(env.windows.find_column(found, env.binder), node.span)


def _build_window_call(node: tree.Call, arguments: list[Bound]) -> WindowCall:
    if node.name in ("prev", "next"):
        return _build_neighbor_row_call(node, arguments)
    name = "row_rank_dense" if node.name == "row_rank" else node.name
    if node.name == "row_window_session":
        kind, least, most = KqlType.DATETIME, 3, 4
        arguments = _build_session(node, arguments)
    elif node.name == "row_number":
        kind, least, most = KqlType.LONG, 0, 2
    else:
        kind, least, most = (arguments[0].type if arguments else KqlType.LONG), 1, 2
        kind = kind if node.name == "row_cumsum" else KqlType.LONG
    if not least <= len(arguments) <= most:
        raise make_invalid_error(f"{node.name}() does not take {len(arguments)} arguments", node.span)
    if node.name == "row_cumsum" and not (kind.is_numeric or kind == KqlType.TIMESPAN):
        raise make_invalid_error(f"row_cumsum() adds numbers or timespans, not {kind}", arguments[0].span)
    restart = require_condition(arguments[-1]) if len(arguments) == most else None
    values = tuple(arguments[:-1] if restart is not None else arguments)
    return WindowCall(type=kind, span=node.span, function=name, arguments=values, restart=restart)


def _build_session(node: tree.Call, arguments: list[Bound]) -> list[Bound]:
    """`row_window_session(time, most from the first, most between neighbors)`."""
    kinds = (KqlType.DATETIME, KqlType.TIMESPAN, KqlType.TIMESPAN)
    for place, (value, kind) in enumerate(zip(arguments, kinds, strict=False)):
        if value.type != kind:
            raise make_invalid_error(
                f"argument {place + 1} of {node.name}() is {value.type}, not {kind}", value.span
            )
        if place and not isinstance(value, Constant):
            raise make_invalid_error(f"argument {place + 1} of {node.name}() must be a constant", value.span)
    return arguments


def _build_neighbor_row_call(node: tree.Call, arguments: list[Bound]) -> WindowCall:
    if not 1 <= len(arguments) <= 3:
        raise make_invalid_error(f"{node.name}() takes 1 to 3 arguments", node.span)
    value = arguments[0]
    offset = arguments[1] if len(arguments) > 1 else constants.make_long_constant(1, node.span)
    if not isinstance(offset, Constant) or not isinstance(offset.value, int):
        raise make_invalid_error(f"the offset of {node.name}() must be a constant integer", offset.span)
    if offset.value < 1:
        raise make_invalid_error(f"the offset of {node.name}() must be 1 or more", offset.span)
    if len(arguments) > 2 and reads_row(arguments[2]):
        raise make_invalid_error(f"the default of {node.name}() must not depend on a row", arguments[2].span)
    absent = (
        convert_explicitly(arguments[2], value.type)
        if len(arguments) > 2
        else constants.make_null(value.type, node.span)
    )
    return WindowCall(type=value.type, span=node.span, function=node.name, arguments=(value, offset, absent))


@register_call_binder("typeof")
def _bind_typeof(node: tree.Call, _env: Env) -> Bound:
    """`typeof(long)` as an argument: the type's name."""
    item = node.arguments[0] if len(node.arguments) == 1 else None
    if not isinstance(item, tree.Name) or item.name not in TYPE_NAMES:
        raise make_invalid_error("typeof() takes one type here", node.span)
    return constants.make_text(TYPE_NAMES[item.name].value, node.span)


def _bind_now_function(node: tree.Call, env: Env) -> Bound:
    return read_fixed_now(env) or Variable(type=KqlType.DATETIME, span=node.span, name="now")


@register_call_binder("ingestion_time")
def _bind_ingestion_time(node: tree.Call, env: Env) -> Bound:
    """When the row came in: from the table below filters, computed columns and orders; null for rows that no table holds."""
    column = None if env.rows is None else find_ingestion_column(env.rows, node.span)
    return (
        constants.make_null(KqlType.DATETIME, node.span)
        if column is None
        else make_reference(column, node.span)
    )


@register_call_binder("bin_auto")
def _bind_bin_auto(node: tree.Call, env: Env) -> Bound:
    """`bin_auto(x)`: bins of `set query_bin_auto_size`, one of which begins at `query_bin_auto_at`."""
    size, start = find_bin_size(env)
    if size is None:
        raise make_invalid_error(
            "bin_auto() needs a size", node.span, "set query_bin_auto_size=1h; before the query"
        )
    if len(node.arguments) != 1:
        raise make_invalid_error("bin_auto() takes 1 argument", node.span)
    values = [env.bind_scalar(node.arguments[0]), size, *([] if start is None else [start])]
    return bind_call("bin" if start is None else "bin_at", values, node)


@register_call_binder("assert")
def _assert(node: tree.Call, env: Env) -> Bound:
    """`assert(condition, message)`: decided when the query is compiled."""
    if len(node.arguments) != 2:
        raise make_invalid_error("assert() takes 2 arguments: a constant condition and a message", node.span)
    tested, message = (env.bind_scalar(argument) for argument in node.arguments)
    found = constants.evaluate_condition(tested)
    if found is None or not isinstance(message, Constant):
        raise make_unsupported_query_error("assert() with a condition that is not constant", node.span)
    if not found:
        raise make_invalid_error(f"assertion failed: {message.value}", node.span)
    return constants.make_constant(True, KqlType.BOOL, node.span)


@register_call_binder("now")
def _now(node: tree.Call, env: Env) -> Bound:
    moment = _bind_now_function(node, env)
    if not node.arguments:
        return moment
    return bind_arithmetic(
        "+", moment, convert_explicitly(env.bind_scalar(node.arguments[0]), KqlType.TIMESPAN), node.span
    )


@register_call_binder("ago")
def _bind_ago(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 1:
        raise make_invalid_error("ago() takes 1 argument, a timespan", node.span)
    back = env.bind_scalar(node.arguments[0])
    if back.type not in (KqlType.TIMESPAN, KqlType.DYNAMIC):
        raise make_invalid_error(f"ago() takes a timespan, not {back.type}", back.span)
    moment = _bind_now_function(node, env)
    return bind_arithmetic("-", moment, convert_explicitly(back, KqlType.TIMESPAN), node.span)


@register_call_binder("toscalar")
def _bind_toscalar(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 1:
        raise make_invalid_error("toscalar() takes 1 argument: rows", node.span)
    argument = node.arguments[0]
    if is_tabular(argument, env.without_row()):
        relation = env.bind_tabular(argument)
    else:
        value = env.bind_scalar(argument)
        if reads_row(value) or not is_nondeterministic([value]):
            return value
        item = tree.Named(names=(tree.Name(name="value"),), value=argument, span=node.span)
        relation = env.bind_tabular(
            tree.Pipe(source=None, operators=(tree.operators.Print(items=(item,)),), span=node.span)
        )
    if not relation.columns:
        raise make_invalid_error("the rows have no column", node.span)
    column = relation.columns[0]
    return ScalarQuery(type=column.type, span=node.span, relation=relation, column=column)


@register_call_binder("column_ifexists", "columnifexists")
def _bind_column_ifexists(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 2:
        raise make_invalid_error(f"{node.name}() takes 2 arguments: a column's name and a default", node.span)
    wanted = env.bind_scalar(node.arguments[0])
    if not isinstance(wanted, Constant) or not isinstance(wanted.value, str):
        raise make_invalid_error("the column's name must be a constant string", wanted.span)
    column = env.row.get(wanted.value)
    if column is None and env.binder.mistakes is not None and env.rows is not None and env.rows.open:
        return build_unknown_value(node.span)
    return env.bind_scalar(node.arguments[1]) if column is None else make_reference(column, node.span)


@register_call_binder("pack_all")
def _pack_all(node: tree.Call, env: Env) -> Bound:
    skip = bool(node.arguments) and getattr(env.bind_scalar(node.arguments[0]), "value", False) is True
    return pack_columns(env.row.values(), node.span, "_pack_present" if skip else "bag_pack")


def pack_columns(columns: Collection[Column], span: Span, name: str = "bag_pack") -> Bound:
    """A bag of columns by their names."""
    pairs: list[Bound] = []
    if not columns:
        return constants.make_constant({}, KqlType.DYNAMIC, span)
    for column in columns:
        pairs += [constants.make_text(column.name, span), make_reference(column, span)]
    return BoundCall(type=KqlType.DYNAMIC, span=span, function=load_functions()[name], arguments=tuple(pairs))


@register_call_binder("bag_pack_columns")
def _pack_columns(node: tree.Call, env: Env) -> Bound:
    pairs: list[Bound] = []
    for argument in _expand_columns(node, env):
        pairs += [constants.make_text(get_implied_name(argument), argument.span), env.bind_scalar(argument)]
    if not pairs:
        raise make_invalid_error("bag_pack_columns() takes columns", node.span)
    return BoundCall(
        type=KqlType.DYNAMIC, span=node.span, function=load_functions()["bag_pack"], arguments=tuple(pairs)
    )


def _expand_columns(node: tree.Call, env: Env) -> list[tree.Expression]:
    """The arguments, a star being every column of the row."""
    result: list[tree.Expression] = []
    for argument in list_positional_arguments(node):
        if isinstance(argument, tree.Star):
            result += [tree.Name(name=name, span=argument.span) for name in env.row]
        else:
            result.append(argument)
    return result


@register_call_binder("estimate_data_size")
def _estimate(node: tree.Call, env: Env) -> Bound:
    values = tuple(env.bind_scalar(argument) for argument in _expand_columns(node, env))
    if not values:
        raise make_invalid_error("estimate_data_size() takes at least 1 value", node.span)
    return BoundCall(
        type=KqlType.LONG, span=node.span, function=load_functions()["estimate_data_size"], arguments=values
    )


@register_call_binder("column_names_of")
def _bind_column_names(node: tree.Call, env: Env) -> Bound:
    if len(node.arguments) != 1:
        raise make_invalid_error("column_names_of() takes 1 argument: rows", node.span)
    names: list[object] = [column.name for column in env.bind_tabular(node.arguments[0]).columns]
    return Constant(type=KqlType.DYNAMIC, span=node.span, value=names)
