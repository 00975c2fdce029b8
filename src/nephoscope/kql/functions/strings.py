"""Functions of text."""

from __future__ import annotations

from sqlglot import exp

from nephoscope.kql.dialects import build
from nephoscope.kql.registry import Arguments, function


@function("strlen(source: string): long", nullable=False)
def strlen(call: Arguments) -> exp.Expr:
    """Count the characters of a text."""
    return build.call("length", call[0])


@function("tolower(source: string): string", nullable=False)
def tolower(call: Arguments) -> exp.Expr:
    """Write a text in lower case."""
    return build.call("lower", call[0])


@function("toupper(source: string): string", nullable=False)
def toupper(call: Arguments) -> exp.Expr:
    """Write a text in upper case."""
    return build.call("upper", call[0])
