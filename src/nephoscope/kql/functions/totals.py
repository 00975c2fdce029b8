"""Aggregates that count and add up."""

from __future__ import annotations

from sqlglot import exp

from nephoscope.kql.registry import Arguments, aggregate


@aggregate("count(): long", label="count_", nullable=False)
def count(_call: Arguments) -> exp.Expr:
    """Count the rows."""
    return exp.Count(this=exp.Star())


@aggregate("countif(condition: bool): long", label="countif_", nullable=False)
def countif(call: Arguments) -> exp.Expr:
    """Count the rows for which a condition is true."""
    return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=call[0]))
