"""Binding of KQL's infix operators: which types they take, what they give."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import Env, make_reference, register_scalar_binder
from nephoscope_kql.binder.overload_resolution import convert_explicitly, convert_to_dynamic, find_common_type
from nephoscope_kql.binder.scope import is_tabular
from nephoscope_kql.errors import KqlError, Span, make_invalid_error
from nephoscope_kql.plan.expressions import AggregateCall, BoundCall, DynamicPath, InQuery, ScalarQuery
from nephoscope_kql.plan.relations import Aggregated, Assign
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.registry import load_aggregates, load_functions
from nephoscope_kql.types import KqlType, choose_wider_number_type, promote_type

ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})
COMPARISON = frozenset({"==", "!=", "<", "<=", ">", ">="})
_ORDERED_AS_TEXT = frozenset(
    {KqlType.STRING, KqlType.GUID, KqlType.DYNAMIC, KqlType.DATETIME, KqlType.TIMESPAN}
)
"""Types that may be at the other side of a text in `< <= > >=`."""
_SPACES = (KqlType.DATETIME, KqlType.TIMESPAN)
_TIMES = {
    ("+", KqlType.DATETIME, KqlType.TIMESPAN): KqlType.DATETIME,
    ("+", KqlType.TIMESPAN, KqlType.DATETIME): KqlType.DATETIME,
    ("+", KqlType.TIMESPAN, KqlType.TIMESPAN): KqlType.TIMESPAN,
    ("-", KqlType.DATETIME, KqlType.TIMESPAN): KqlType.DATETIME,
    ("-", KqlType.DATETIME, KqlType.DATETIME): KqlType.TIMESPAN,
    ("-", KqlType.TIMESPAN, KqlType.TIMESPAN): KqlType.TIMESPAN,
    ("/", KqlType.TIMESPAN, KqlType.TIMESPAN): KqlType.REAL,
    ("%", KqlType.TIMESPAN, KqlType.TIMESPAN): KqlType.TIMESPAN,
    ("%", KqlType.DATETIME, KqlType.TIMESPAN): KqlType.TIMESPAN,
    ("/", KqlType.DATETIME, KqlType.TIMESPAN): KqlType.REAL,
}


def bind_operation(name: str, kind: KqlType, span: Span, *arguments: Bound) -> BoundCall:
    """A call of an operator or function of the registry on arguments that fit already."""
    return BoundCall(type=kind, span=span, function=load_functions()[name], arguments=arguments)


@register_scalar_binder(tree.Unary)
def bind_unary(node: tree.Unary, env: Env) -> Bound:
    """`-x` and `+x`: of an int a long."""
    value = env.bind_scalar(node.operand)
    if value.type == KqlType.DYNAMIC:
        value = convert_explicitly(value, KqlType.REAL)
    if not value.type.is_numeric and value.type != KqlType.TIMESPAN:
        raise make_invalid_error(
            f"{node.operator} requires a number or a timespan, not {value.type}", node.span
        )
    value = convert_explicitly(value, promote_type(value.type))
    if node.operator == "+":
        return value
    return constants.negate_constant(value, node.span) or bind_operation(
        "_negate", value.type, node.span, value
    )


@register_scalar_binder(tree.Binary)
def bind_binary(node: tree.Binary, env: Env) -> Bound:
    """Any operator with two operands."""
    if isinstance(node.left, tree.Star):
        return _bind_any_column(node, env)
    if node.operator in ("and", "or"):
        return _bind_logical(node, env)
    if node.operator in ARITHMETIC:
        return _bind_chain(node, env)
    left, right = env.bind_scalar(node.left), env.bind_scalar(node.right)
    if node.operator in COMPARISON:
        return bind_comparison(node.operator, left, right, node.span)
    return bind_text_operation(node.operator, left, right, node.span)


def _bind_chain(node: tree.Binary, env: Env) -> Bound:
    """`a + b - c ...` from the left; long chains are walked without recursion."""
    links = [node]
    while isinstance(links[-1].left, tree.Binary) and links[-1].left.operator in ARITHMETIC:
        links.append(links[-1].left)
    links.reverse()
    result = env.bind_scalar(links[0].left)
    for link, right in zip(links, [env.bind_scalar(link.right) for link in links], strict=True):
        result = bind_arithmetic(link.operator, result, right, link.span)
    return result


def _bind_logical(node: tree.Binary, env: Env) -> Bound:
    """`and` and `or`; long chains are walked without recursion."""
    operands: list[tree.Expression] = []
    current: tree.Expression = node
    while isinstance(current, tree.Binary) and current.operator == node.operator:
        operands.append(current.right)
        current = current.left
    operands.append(current)
    bound = [require_condition(env.bind_scalar(operand)) for operand in reversed(operands)]
    result = bound[0]
    for operand in bound[1:]:
        result = bind_operation(node.operator, KqlType.BOOL, node.span, result, operand)
    return result


def require_condition(value: Bound) -> Bound:
    """A value where a bool is wanted."""
    if value.type == KqlType.BOOL:
        return value
    if value.type == KqlType.DYNAMIC or value.type.is_numeric:
        return convert_explicitly(value, KqlType.BOOL)
    raise make_invalid_error(f"a condition must be bool, not {value.type}", value.span)


def _bind_any_column(node: tree.Binary, env: Env) -> Bound:
    """`* has "x"`: one of the columns does; the negation is that none does."""
    right = env.bind_scalar(node.right)
    operator = node.operator.removeprefix("!")
    negated = operator != node.operator
    tested = [
        bind_text_operation(operator, _bind_column_as_text(column, node), right, node.span)
        for column in env.row.values()
    ]
    if not tested:
        return constants.make_constant(negated, KqlType.BOOL, node.span)
    result = join_by_or(tested, node.span)
    return bind_operation("not", KqlType.BOOL, node.span, result) if negated else result


def _bind_column_as_text(column: Column, node: tree.Binary) -> Bound:
    return convert_explicitly(make_reference(column, node.span), KqlType.STRING)


def bind_arithmetic(operator: str, left: Bound, right: Bound, span: Span) -> Bound:
    """`+ - * / %` by the types of both sides; ints are computed as longs."""
    left, right = _convert_dynamic_operands(operator, left, right)
    times = _TIMES.get((operator, left.type, right.type))
    if left.type.is_numeric and right.type.is_numeric:
        kind = promote_type(choose_wider_number_type(left.type, right.type))
        left, right = convert_explicitly(left, kind), convert_explicitly(right, kind)
    elif times is not None:
        kind = times
    elif (operator in "*/" and left.type == KqlType.TIMESPAN and right.type.is_numeric) or (
        operator == "*" and right.type == KqlType.TIMESPAN and left.type.is_numeric
    ):
        kind = KqlType.TIMESPAN
    else:
        raise make_invalid_error(f"{operator} cannot be applied to {left.type} and {right.type}", span)
    return constants.fold_arithmetic(operator, left, right, kind, span) or bind_operation(
        operator, kind, span, left, right
    )


def _convert_dynamic_operands(operator: str, left: Bound, right: Bound) -> tuple[Bound, Bound]:
    """A dynamic side takes the other's type; two dynamic sides are computed as reals."""
    one, two = left.type == KqlType.DYNAMIC, right.type == KqlType.DYNAMIC
    if one and two:
        return convert_explicitly(left, KqlType.REAL), convert_explicitly(right, KqlType.REAL)
    if one:
        return convert_explicitly(left, _infer_dynamic_operand_type(operator, right.type)), right
    if two:
        return left, convert_explicitly(right, _infer_dynamic_operand_type(operator, left.type))
    return left, right


def _infer_dynamic_operand_type(operator: str, other: KqlType) -> KqlType:
    if other == KqlType.DATETIME and operator == "+":
        return KqlType.TIMESPAN
    return promote_type(other) if other.is_numeric or other in _SPACES else KqlType.REAL


def bind_comparison(operator: str, left: Bound, right: Bound, span: Span) -> Bound:
    """`== != < <= > >=`; text is compared with a number or a bool for equality alone."""
    kinds = {left.type, right.type}
    if operator not in ("==", "!=") and KqlType.STRING in kinds and not kinds <= _ORDERED_AS_TEXT:
        raise _build_comparison_error(left, right, span)
    pair = convert_to_common_type(left, right, span)
    return bind_operation(operator, KqlType.BOOL, span, *pair)


def convert_to_common_type(left: Bound, right: Bound, span: Span) -> tuple[Bound, Bound]:
    """Both sides converted to one type in which they can be compared."""
    if left.type == right.type:
        return left, right
    kinds = {left.type, right.type}
    if left.type.is_numeric and right.type.is_numeric:
        kind = choose_wider_number_type(left.type, right.type)
    elif KqlType.DYNAMIC in kinds:
        kind = left.type if right.type == KqlType.DYNAMIC else right.type
        kind = _choose_dynamic_number_type(left, right) if kind.is_integer else kind
    elif KqlType.BOOL in kinds and any(kind.is_numeric for kind in kinds):
        kind = KqlType.LONG
    elif kinds == {KqlType.STRING, KqlType.GUID}:
        kind = KqlType.STRING
    elif KqlType.STRING in kinds and any(kind.is_numeric or kind == KqlType.BOOL for kind in kinds):
        kind = _infer_non_text_type(left, right)
    elif (
        KqlType.STRING in kinds
        and kinds & {KqlType.DATETIME, KqlType.TIMESPAN}
        and _has_literal_side(left, right)
    ):
        kind = left.type if right.type == KqlType.STRING else right.type
    else:
        raise _build_comparison_error(left, right, span)
    return convert_explicitly(left, kind), convert_explicitly(right, kind)


def _build_comparison_error(left: Bound, right: Bound, span: Span) -> KqlError:
    return make_invalid_error(f"{left.type} and {right.type} cannot be compared", span, "convert one side")


def _infer_non_text_type(left: Bound, right: Bound) -> KqlType:
    """Text compared with a number or a bool is read as one (`ResultType == 0`): text that is none equals nothing."""
    kind = left.type if right.type == KqlType.STRING else right.type
    return KqlType.LONG if kind.is_integer else kind


def _has_literal_side(left: Bound, right: Bound) -> bool:
    return isinstance(left if left.type == KqlType.STRING else right, Constant)


def _choose_dynamic_number_type(left: Bound, right: Bound) -> KqlType:
    """A dynamic compared with a small integer is compared as a real, so that 5.5 is not 5; else as a long."""
    for side in (left, right):
        if isinstance(side, Constant) and isinstance(side.value, int) and abs(side.value) < 2**53:
            return KqlType.REAL
    return KqlType.LONG


def bind_text_operation(operator: str, left: Bound, right: Bound, span: Span) -> Bound:
    """`=~ has contains startswith matches regex ...`: both sides as text; `:` is has."""
    operator = "has" if operator == ":" else operator
    if operator not in load_functions():
        raise make_invalid_error(f"no operator is named '{operator}'", span)
    return bind_operation(operator, KqlType.BOOL, span, _convert_text_side(left), _convert_text_side(right))


def _convert_text_side(value: Bound) -> Bound:
    return convert_explicitly(value, KqlType.STRING)


@register_scalar_binder(tree.Between)
def bind_between(node: tree.Between, env: Env) -> Bound:
    """`between`: from low to high, both included; a timespan as high end is counted from low."""
    operand, low, high = env.bind_scalar(node.operand), env.bind_scalar(node.low), env.bind_scalar(node.high)
    if low.type == KqlType.DATETIME and high.type == KqlType.TIMESPAN:
        high = bind_arithmetic("+", low, high, node.span)
    lower = bind_comparison(">=", operand, low, node.span)
    upper = bind_comparison("<=", operand, high, node.span)
    inside = bind_operation("and", KqlType.BOOL, node.span, lower, upper)
    return bind_operation("not", KqlType.BOOL, node.span, inside) if node.operator.startswith("!") else inside


@register_scalar_binder(tree.InList)
def bind_in_list(node: tree.InList, env: Env) -> Bound:
    """`in`, `in~`, their negations, `has_any` and `has_all`."""
    if isinstance(node.operand, tree.Star):
        return _bind_any_column_in(node, env)
    operand = env.bind_scalar(node.operand)
    if len(node.items) == 1 and is_tabular(node.items[0], env):
        return _bind_query_list(node, operand, env)
    return _bind_value_list(node, operand, [env.bind_scalar(item) for item in node.items])


def join_by_or(tested: list[Bound], span: Span) -> Bound:
    """One of several holds; a tree as flat as can be, so that rows of hundreds of columns are no deep nest."""
    while len(tested) > 1:
        pairs = [tested[place : place + 2] for place in range(0, len(tested), 2)]
        tested = [
            bind_operation("or", KqlType.BOOL, span, *pair) if len(pair) > 1 else pair[0] for pair in pairs
        ]
    return tested[0]


def _bind_any_column_in(node: tree.InList, env: Env) -> Bound:
    items = [env.bind_scalar(item) for item in node.items]
    tested = [
        _bind_value_list(node, convert_explicitly(make_reference(column, node.span), KqlType.STRING), items)
        for column in env.row.values()
    ]
    return join_by_or(tested, node.span)


def _bind_value_list(node: tree.InList, operand: Bound, items: list[Bound]) -> Bound:
    items = _flatten_arrays(items)
    if node.operator in ("has_any", "has_all"):
        parts = (_convert_text_side(item) if item.type != KqlType.DYNAMIC else item for item in items)
        return bind_operation(node.operator, KqlType.BOOL, node.span, _convert_text_side(operand), *parts)
    negated = node.operator.startswith("!")
    name = node.operator.removeprefix("!")
    if not items:
        return constants.make_constant(negated, KqlType.BOOL, node.span)
    if name == "in~" and operand.type not in (KqlType.STRING, KqlType.DYNAMIC):
        raise make_invalid_error(
            f"in~ compares texts, not {operand.type}", node.span, "tostring() makes a text"
        )
    kind = KqlType.STRING if name == "in~" else _infer_item_type(operand, items)
    dynamic = [
        item.type == KqlType.DYNAMIC and not isinstance(item, Constant | DynamicPath) for item in items
    ]
    values = [
        convert_to_dynamic(item) if is_set else convert_explicitly(item, kind)
        for item, is_set in zip(items, dynamic, strict=True)
    ]
    found = bind_operation(name, KqlType.BOOL, node.span, convert_explicitly(operand, kind), *values)
    return bind_operation("not", KqlType.BOOL, node.span, found) if negated else found


def _infer_item_type(operand: Bound, items: list[Bound]) -> KqlType:
    if operand.type != KqlType.DYNAMIC:
        if operand.type.is_integer:
            numbers = [item for item in items if item.type.is_numeric]
            return find_common_type([operand, *numbers]) or operand.type
        return operand.type
    kinds = {item.type for item in items} - {KqlType.DYNAMIC}
    if len(kinds) == 1:
        kind = kinds.pop()
        return KqlType.REAL if kind.is_integer else kind
    return KqlType.STRING


def _flatten_arrays(items: list[Bound]) -> list[Bound]:
    """Constant dynamic arrays become their elements."""
    result: list[Bound] = []
    for item in items:
        if isinstance(item, Constant) and item.type == KqlType.DYNAMIC and isinstance(item.value, list):
            result += [constants.make_element_constant(value, item.span) for value in item.value]
        else:
            result.append(item)
    return result


def _bind_query_list(node: tree.InList, operand: Bound, env: Env) -> Bound:
    relation = env.bind_tabular(node.items[0])
    if not relation.columns:
        raise make_invalid_error("the rows have no column", node.items[0].span)
    if node.operator in ("has_any", "has_all"):
        return _has_rows(node, operand, relation, env)
    column = relation.columns[0]
    insensitive = node.operator.endswith("~")
    left: Bound = operand
    right: Bound = make_reference(column, node.span)
    if insensitive:
        left, right = _convert_text_side(left), _convert_text_side(right)
    else:
        left, right = convert_to_common_type(left, right, node.span)
    if right != make_reference(column, node.span):
        relation, column = _convert_column(env, relation, right)
    return InQuery(
        type=KqlType.BOOL,
        span=node.span,
        operand=left,
        relation=relation,
        column=column,
        negated=node.operator.startswith("!"),
        insensitive=insensitive,
    )


def _convert_column(env: Env, relation: Relation, value: Bound) -> tuple[Relation, Column]:
    column = env.binder.make_column(relation.columns[0].name, value.type)
    return Assign(columns=(column,), input=relation, assigned=((column, value),)), column


def _has_rows(node: tree.InList, operand: Bound, relation: Relation, env: Env) -> Bound:
    """The rows' values as one array."""
    value = convert_explicitly(make_reference(relation.columns[0], node.span), KqlType.STRING)
    column = env.binder.make_column("", KqlType.DYNAMIC)
    collected = AggregateCall(
        type=KqlType.DYNAMIC, aggregate=load_aggregates()["make_list"], arguments=(value,)
    )
    rows = Aggregated(columns=(column,), input=relation, groups=(), aggregates=((column, collected),))
    array = ScalarQuery(type=KqlType.DYNAMIC, span=node.span, relation=rows, column=column)
    return bind_operation(node.operator, KqlType.BOOL, node.span, _convert_text_side(operand), array)
