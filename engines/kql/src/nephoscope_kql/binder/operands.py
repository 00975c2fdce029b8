"""Binding of KQL's infix operators: which types they take, what they give."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import Env, binds_scalar, reference
from nephoscope_kql.binder.overload_resolution import common_type, convert_explicitly, convert_to_dynamic
from nephoscope_kql.binder.scope import is_tabular
from nephoscope_kql.errors import KqlError, Span, invalid
from nephoscope_kql.plan.expressions import AggregateCall, BoundCall, DynamicPath, InQuery, ScalarQuery
from nephoscope_kql.plan.relations import Aggregated, Assign
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.registry import aggregates, functions
from nephoscope_kql.types import KqlType, promote_type, wider_number_type

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


def operation(name: str, kind: KqlType, span: Span, *arguments: Bound) -> BoundCall:
    """A call of an operator or function of the registry on arguments that fit already."""
    return BoundCall(type=kind, span=span, function=functions()[name], arguments=arguments)


@binds_scalar(tree.Unary)
def bind_unary(node: tree.Unary, env: Env) -> Bound:
    """`-x` and `+x`: of an int a long."""
    value = env.bind_scalar(node.operand)
    if value.type == KqlType.DYNAMIC:
        value = convert_explicitly(value, KqlType.REAL)
    if not value.type.numeric and value.type != KqlType.TIMESPAN:
        raise invalid(f"{node.operator} requires a number or a timespan, not {value.type}", node.span)
    value = convert_explicitly(value, promote_type(value.type))
    if node.operator == "+":
        return value
    return constants.negate_constant(value, node.span) or operation("_negate", value.type, node.span, value)


@binds_scalar(tree.Binary)
def bind_binary(node: tree.Binary, env: Env) -> Bound:
    """Any operator with two operands."""
    if isinstance(node.left, tree.Star):
        return _any_column(node, env)
    if node.operator in ("and", "or"):
        return _bind_logical(node, env)
    if node.operator in ARITHMETIC:
        return _bind_chain(node, env)
    left, right = env.bind_scalar(node.left), env.bind_scalar(node.right)
    if node.operator in COMPARISON:
        return comparison(node.operator, left, right, node.span)
    return bind_text_operation(node.operator, left, right, node.span)


def _bind_chain(node: tree.Binary, env: Env) -> Bound:
    """`a + b - c ...` from the left; long chains are walked without recursion."""
    links = [node]
    while isinstance(links[-1].left, tree.Binary) and links[-1].left.operator in ARITHMETIC:
        links.append(links[-1].left)
    links.reverse()
    result = env.bind_scalar(links[0].left)
    for link, right in zip(links, [env.bind_scalar(link.right) for link in links], strict=True):
        result = arithmetic(link.operator, result, right, link.span)
    return result


def _bind_logical(node: tree.Binary, env: Env) -> Bound:
    """`and` and `or`; long chains are walked without recursion."""
    operands: list[tree.Expression] = []
    current: tree.Expression = node
    while isinstance(current, tree.Binary) and current.operator == node.operator:
        operands.append(current.right)
        current = current.left
    operands.append(current)
    bound = [condition(env.bind_scalar(operand)) for operand in reversed(operands)]
    result = bound[0]
    for operand in bound[1:]:
        result = operation(node.operator, KqlType.BOOL, node.span, result, operand)
    return result


def condition(value: Bound) -> Bound:
    """A value where a bool is wanted."""
    if value.type == KqlType.BOOL:
        return value
    if value.type == KqlType.DYNAMIC or value.type.numeric:
        return convert_explicitly(value, KqlType.BOOL)
    raise invalid(f"a condition must be bool, not {value.type}", value.span)


def _any_column(node: tree.Binary, env: Env) -> Bound:
    """`* has "x"`: one of the columns does; the negation is that none does."""
    right = env.bind_scalar(node.right)
    operator = node.operator.removeprefix("!")
    negated = operator != node.operator
    tested = [
        bind_text_operation(operator, _bind_column_as_text(column, node), right, node.span)
        for column in env.row.values()
    ]
    if not tested:
        return constants.constant(negated, KqlType.BOOL, node.span)
    result = join_by_or(tested, node.span)
    return operation("not", KqlType.BOOL, node.span, result) if negated else result


def _bind_column_as_text(column: Column, node: tree.Binary) -> Bound:
    return convert_explicitly(reference(column, node.span), KqlType.STRING)


def arithmetic(operator: str, left: Bound, right: Bound, span: Span) -> Bound:
    """`+ - * / %` by the types of both sides; ints are computed as longs."""
    left, right = _convert_dynamic_operands(operator, left, right)
    times = _TIMES.get((operator, left.type, right.type))
    if left.type.numeric and right.type.numeric:
        kind = promote_type(wider_number_type(left.type, right.type))
        left, right = convert_explicitly(left, kind), convert_explicitly(right, kind)
    elif times is not None:
        kind = times
    elif (operator in "*/" and left.type == KqlType.TIMESPAN and right.type.numeric) or (
        operator == "*" and right.type == KqlType.TIMESPAN and left.type.numeric
    ):
        kind = KqlType.TIMESPAN
    else:
        raise invalid(f"{operator} cannot be applied to {left.type} and {right.type}", span)
    return constants.fold_arithmetic(operator, left, right, kind, span) or operation(
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
    return promote_type(other) if other.numeric or other in _SPACES else KqlType.REAL


def comparison(operator: str, left: Bound, right: Bound, span: Span) -> Bound:
    """`== != < <= > >=`; text is compared with a number or a bool for equality alone."""
    kinds = {left.type, right.type}
    if operator not in ("==", "!=") and KqlType.STRING in kinds and not kinds <= _ORDERED_AS_TEXT:
        raise _build_comparison_error(left, right, span)
    pair = to_common_type(left, right, span)
    return operation(operator, KqlType.BOOL, span, *pair)


def to_common_type(left: Bound, right: Bound, span: Span) -> tuple[Bound, Bound]:
    """Both sides converted to one type in which they can be compared."""
    if left.type == right.type:
        return left, right
    kinds = {left.type, right.type}
    if left.type.numeric and right.type.numeric:
        kind = wider_number_type(left.type, right.type)
    elif KqlType.DYNAMIC in kinds:
        kind = left.type if right.type == KqlType.DYNAMIC else right.type
        kind = _number_of_dynamic(left, right) if kind.integer else kind
    elif KqlType.BOOL in kinds and any(kind.numeric for kind in kinds):
        kind = KqlType.LONG
    elif kinds == {KqlType.STRING, KqlType.GUID}:
        kind = KqlType.STRING
    elif KqlType.STRING in kinds and any(kind.numeric or kind == KqlType.BOOL for kind in kinds):
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
    return invalid(f"{left.type} and {right.type} cannot be compared", span, "convert one side")


def _infer_non_text_type(left: Bound, right: Bound) -> KqlType:
    """Text compared with a number or a bool is read as one (`ResultType == 0`): text that is none equals nothing."""
    kind = left.type if right.type == KqlType.STRING else right.type
    return KqlType.LONG if kind.integer else kind


def _has_literal_side(left: Bound, right: Bound) -> bool:
    return isinstance(left if left.type == KqlType.STRING else right, Constant)


def _number_of_dynamic(left: Bound, right: Bound) -> KqlType:
    """A dynamic compared with a small integer is compared as a real, so that 5.5 is not 5; else as a long."""
    for side in (left, right):
        if isinstance(side, Constant) and isinstance(side.value, int) and abs(side.value) < 2**53:
            return KqlType.REAL
    return KqlType.LONG


def bind_text_operation(operator: str, left: Bound, right: Bound, span: Span) -> Bound:
    """`=~ has contains startswith matches regex ...`: both sides as text; `:` is has."""
    operator = "has" if operator == ":" else operator
    if operator not in functions():
        raise invalid(f"no operator is named '{operator}'", span)
    return operation(operator, KqlType.BOOL, span, _text_side(left), _text_side(right))


def _text_side(value: Bound) -> Bound:
    return convert_explicitly(value, KqlType.STRING)


@binds_scalar(tree.Between)
def bind_between(node: tree.Between, env: Env) -> Bound:
    """`between`: from low to high, both included; a timespan as high end is counted from low."""
    operand, low, high = env.bind_scalar(node.operand), env.bind_scalar(node.low), env.bind_scalar(node.high)
    if low.type == KqlType.DATETIME and high.type == KqlType.TIMESPAN:
        high = arithmetic("+", low, high, node.span)
    lower = comparison(">=", operand, low, node.span)
    upper = comparison("<=", operand, high, node.span)
    inside = operation("and", KqlType.BOOL, node.span, lower, upper)
    return operation("not", KqlType.BOOL, node.span, inside) if node.operator.startswith("!") else inside


@binds_scalar(tree.InList)
def bind_in_list(node: tree.InList, env: Env) -> Bound:
    """`in`, `in~`, their negations, `has_any` and `has_all`."""
    if isinstance(node.operand, tree.Star):
        return _any_column_in(node, env)
    operand = env.bind_scalar(node.operand)
    if len(node.items) == 1 and is_tabular(node.items[0], env):
        return _bind_query_list(node, operand, env)
    return _bind_value_list(node, operand, [env.bind_scalar(item) for item in node.items])


def join_by_or(tested: list[Bound], span: Span) -> Bound:
    """One of several holds; a tree as flat as can be, so that rows of hundreds of columns are no deep nest."""
    while len(tested) > 1:
        pairs = [tested[place : place + 2] for place in range(0, len(tested), 2)]
        tested = [operation("or", KqlType.BOOL, span, *pair) if len(pair) > 1 else pair[0] for pair in pairs]
    return tested[0]


def _any_column_in(node: tree.InList, env: Env) -> Bound:
    items = [env.bind_scalar(item) for item in node.items]
    tested = [
        _bind_value_list(node, convert_explicitly(reference(column, node.span), KqlType.STRING), items)
        for column in env.row.values()
    ]
    return join_by_or(tested, node.span)


def _bind_value_list(node: tree.InList, operand: Bound, items: list[Bound]) -> Bound:
    items = _flatten_arrays(items)
    if node.operator in ("has_any", "has_all"):
        parts = (_text_side(item) if item.type != KqlType.DYNAMIC else item for item in items)
        return operation(node.operator, KqlType.BOOL, node.span, _text_side(operand), *parts)
    negated = node.operator.startswith("!")
    name = node.operator.removeprefix("!")
    if not items:
        return constants.constant(negated, KqlType.BOOL, node.span)
    if name == "in~" and operand.type not in (KqlType.STRING, KqlType.DYNAMIC):
        raise invalid(f"in~ compares texts, not {operand.type}", node.span, "tostring() makes a text")
    kind = KqlType.STRING if name == "in~" else _infer_item_type(operand, items)
    dynamic = [
        item.type == KqlType.DYNAMIC and not isinstance(item, Constant | DynamicPath) for item in items
    ]
    values = [
        convert_to_dynamic(item) if is_set else convert_explicitly(item, kind)
        for item, is_set in zip(items, dynamic, strict=True)
    ]
    found = operation(name, KqlType.BOOL, node.span, convert_explicitly(operand, kind), *values)
    return operation("not", KqlType.BOOL, node.span, found) if negated else found


def _infer_item_type(operand: Bound, items: list[Bound]) -> KqlType:
    if operand.type != KqlType.DYNAMIC:
        if operand.type.integer:
            numbers = [item for item in items if item.type.numeric]
            return common_type([operand, *numbers]) or operand.type
        return operand.type
    kinds = {item.type for item in items} - {KqlType.DYNAMIC}
    if len(kinds) == 1:
        kind = kinds.pop()
        return KqlType.REAL if kind.integer else kind
    return KqlType.STRING


def _flatten_arrays(items: list[Bound]) -> list[Bound]:
    """Constant dynamic arrays become their elements."""
    result: list[Bound] = []
    for item in items:
        if isinstance(item, Constant) and item.type == KqlType.DYNAMIC and isinstance(item.value, list):
            result += [constants.element(value, item.span) for value in item.value]
        else:
            result.append(item)
    return result


def _bind_query_list(node: tree.InList, operand: Bound, env: Env) -> Bound:
    relation = env.bind_tabular(node.items[0])
    if not relation.columns:
        raise invalid("the rows have no column", node.items[0].span)
    if node.operator in ("has_any", "has_all"):
        return _has_rows(node, operand, relation, env)
    column = relation.columns[0]
    insensitive = node.operator.endswith("~")
    left: Bound = operand
    right: Bound = reference(column, node.span)
    if insensitive:
        left, right = _text_side(left), _text_side(right)
    else:
        left, right = to_common_type(left, right, node.span)
    if right != reference(column, node.span):
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
    value = convert_explicitly(reference(relation.columns[0], node.span), KqlType.STRING)
    column = env.binder.make_column("", KqlType.DYNAMIC)
    collected = AggregateCall(type=KqlType.DYNAMIC, aggregate=aggregates()["make_list"], arguments=(value,))
    rows = Aggregated(columns=(column,), input=relation, groups=(), aggregates=((column, collected),))
    array = ScalarQuery(type=KqlType.DYNAMIC, span=node.span, relation=rows, column=column)
    return operation(node.operator, KqlType.BOOL, node.span, _text_side(operand), array)
