"""The logical operators."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes


@declare_function("and(left: bool, right: bool): bool", nullable=False, hidden=True)
def and_(call: Arguments) -> exp.Expr:
    """Tell whether both are true."""
    return nodes.build_binary("and", call[0], call[1])


@declare_function("or(left: bool, right: bool): bool", nullable=False, hidden=True)
def or_(call: Arguments) -> exp.Expr:
    """Tell whether one is true."""
    return nodes.build_binary("or", call[0], call[1])


@declare_function("not(value: bool): bool", nullable=False)
def not_(call: Arguments) -> exp.Expr:
    """Turn true into false; null stays null."""
    return nodes.build_not(call[0])
