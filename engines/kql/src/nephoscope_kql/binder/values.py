"""Binding of values: literals, columns and variables, members of dynamic values."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.built_in_calls import PLACE_PROPERTIES
from nephoscope_kql.binder.environment import (
    Env,
    LambdaMeaning,
    RowMeaning,
    ScalarMeaning,
    make_reference,
    register_scalar_binder,
)
from nephoscope_kql.binder.places import is_place, read_place_property
from nephoscope_kql.errors import KqlError, Span, UnknownNameError, make_invalid_error, suggest_word
from nephoscope_kql.plan.expressions import DynamicPath
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.types import KqlType


@register_scalar_binder(tree.Literal)
def bind_literal(node: tree.Literal, _env: Env) -> Bound:
    """A constant."""
    value = "" if node.type == KqlType.STRING and node.value is None else node.value
    return constants.make_constant(value, node.type, node.span)


@register_scalar_binder(tree.Name)
def bind_name(node: tree.Name, env: Env) -> Bound:
    """A column of the row, else a variable."""
    column = env.row.get(node.name)
    if column is not None:
        return make_reference(column, node.span)
    meaning = env.names.get(node.name)
    if isinstance(meaning, ScalarMeaning):
        return meaning.value
    if isinstance(meaning, RowMeaning):
        raise make_invalid_error(
            f"'{node.name}' depends on a row and cannot be used in a separate query", node.span
        )
    if isinstance(meaning, LambdaMeaning) and not meaning.function.parameters:
        return env.bind_scalar(tree.Call(name=node.name, span=node.span))
    if meaning is not None:
        raise make_invalid_error(f"'{node.name}' is a table or function, not a value", node.span)
    raise _build_unknown_name(node.name, env, node.span)


def _build_unknown_name(name: str, env: Env, span: Span) -> KqlError:
    known = [*env.row, *env.names]
    message = f"no column or variable is named '{name}'"
    hint = "a null has a type: int(null), datetime(null), dynamic(null)" if name == "null" else ""
    return UnknownNameError(name, message, span, hint or suggest_word(name, known))


@register_scalar_binder(tree.Pipe)
def bind_parenthesised(node: tree.Pipe, env: Env) -> Bound:
    """A scalar in the place of rows."""
    if node.source is None or node.operators:
        raise make_invalid_error(
            "a value is expected here, not rows", node.span, "toscalar() makes a value of rows"
        )
    return env.bind_scalar(node.source)


@register_scalar_binder(tree.Member)
def bind_member(node: tree.Member, env: Env) -> Bound:
    """`bag.key`, `$left.column`, `step.column` of scan."""
    if isinstance(node.target, tree.Name) and (
        node.target.name in env.sides or node.target.name in ("$left", "$right")
    ):
        side = env.sides.get(node.target.name)
        if side is None:
            raise make_invalid_error(
                f"{node.target.name} can be used only in the conditions of a join", node.span
            )
        if node.name not in side:
            message = f"no column of {node.target.name} is named '{node.name}'"
            raise UnknownNameError(node.name, message, node.span, suggest_word(node.name, side))
        return make_reference(side[node.name], node.span)
    if node.name in PLACE_PROPERTIES and is_place(node.target, env):
        return constants.make_text(read_place_property(node, env), node.span)
    return step_into_value(env.bind_scalar(node.target), node.name, node)


@register_scalar_binder(tree.Index)
def bind_index(node: tree.Index, env: Env) -> Bound:
    """`array[0]`, `bag['key']`, `bag[column]`."""
    target, place = env.bind_scalar(node.target), env.bind_scalar(node.index)
    if (
        isinstance(place, Constant)
        and isinstance(place.value, str | int)
        and not isinstance(place.value, bool)
    ):
        return step_into_value(target, place.value, node)
    if place.type not in (KqlType.STRING, KqlType.LONG, KqlType.INT, KqlType.DYNAMIC):
        raise make_invalid_error(f"an index is a number or a text, not {place.type}", node.index.span)
    return step_into_value(target, place, node)


def step_into_value(target: Bound, where: str | int | Bound, node: tree.Expression) -> Bound:
    """One step into a dynamic value; steps after another are one path."""
    if target.type != KqlType.DYNAMIC:
        raise make_invalid_error(
            f"{target.type} has no members", node.span, "parse_json() makes a dynamic of a text"
        )
    if isinstance(target, Constant) and not isinstance(where, Bound):
        return constants.make_constant(_descend_into(target.value, where), KqlType.DYNAMIC, node.span)
    if isinstance(target, DynamicPath):
        return DynamicPath(
            type=KqlType.DYNAMIC, span=node.span, target=target.target, steps=(*target.steps, where)
        )
    return DynamicPath(type=KqlType.DYNAMIC, span=node.span, target=target, steps=(where,))


def _descend_into(value: tree.Scalar, where: str | int) -> tree.Scalar:
    if isinstance(value, dict) and isinstance(where, str):
        return value.get(where)
    if isinstance(value, list) and isinstance(where, int) and -len(value) <= where < len(value):
        found: tree.Scalar = value[where]
        return found
    return None
