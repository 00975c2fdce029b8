"""The names of tabular operators, for messages."""

from __future__ import annotations

from nephoscope_kql import tree


def format_operator_name(operator: tree.Operator) -> str:
    """An operator's name as a query writes it."""
    if isinstance(operator, tree.operators.UnknownOperator):
        return operator.name
    words = "".join(
        f"-{letter.lower()}" if letter.isupper() else letter for letter in type(operator).__name__
    )
    return words.strip("-")
