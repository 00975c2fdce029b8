"""`in` and `in~` over values and over arrays."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.arrays import ITEMS
from nephoscope_kql.functions.text_operators import TEXTS, lower_case
from nephoscope_kql.functions.tostring import to_json
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType


def _build_member(call: Arguments, insensitive: bool) -> exp.Expr:
    operand = lower_case(call[0]) if insensitive else call[0]
    single = [place for place in range(1, len(call)) if not _is_set(call, place)]
    tests: list[exp.Expr] = []
    if single:
        items = [lower_case(call[place]) if insensitive else call[place] for place in single]
        tests.append(nodes.build_in_list(operand, items))
    tests += [
        _test_array(call, place, operand, insensitive)
        for place in range(1, len(call))
        if _is_set(call, place)
    ]
    found = nodes.build_chain("or", tests)
    return (
        nodes.build_coalesce(found, nodes.build_boolean(False))
        if any(item.nullable for item in call.bound)
        else found
    )


def _is_set(call: Arguments, place: int) -> bool:
    return call.types[place] == KqlType.DYNAMIC and call.types[0] != KqlType.DYNAMIC


def _test_array(call: Arguments, place: int, operand: exp.Expr, insensitive: bool) -> exp.Expr:
    if call.types[0] == KqlType.STRING:
        texts: exp.Expr = nodes.build_call(call.use(TEXTS), call[place])
        if insensitive:
            texts = nodes.build_call(
                "list_transform", texts, nodes.build_lambda(lambda item: nodes.build_call("lower", item), "e")
            )
        return nodes.build_call("list_contains", texts, operand)
    return nodes.build_call(
        "list_contains", nodes.build_call(call.use(ITEMS), call[place]), to_json(call, operand, call.types[0])
    )


@declare_function("in(value: any, items: any, ...): bool", nullable=False, hidden=True)
def in_(call: Arguments) -> exp.Expr:
    """Tell whether a value is among others."""
    return _build_member(call, insensitive=False)


@declare_function("in~(value: any, items: any, ...): bool", nullable=False, hidden=True)
def in_ignoring_case(call: Arguments) -> exp.Expr:
    """Tell whether a text is among others, but for case."""
    return _build_member(call, insensitive=True)
