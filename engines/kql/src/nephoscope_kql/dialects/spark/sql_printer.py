"""Nodes as Spark's SQL text."""

from __future__ import annotations

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.spark import Spark
from sqlglot.generators.spark import SparkGenerator

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "$": "\\u0024", "\0": "\\u0000"})


class _Printer(SparkGenerator):
    """Text literals escaped so that neither a quote nor a `${variable}` of Spark's is seen in them; names as they are."""

    def literal_sql(self, expression: exp.Expression) -> str:
        """A literal."""
        if expression.is_string:
            return f"'{str(expression.this).translate(_ESCAPES)}'"
        return str(expression.this)


def format_node(node: exp.Expr) -> str:
    """The text of a node."""
    printer = _Printer(
        dialect=Spark, unsupported_level=ErrorLevel.RAISE, comments=False, normalize_functions=False
    )
    return printer.generate(node, copy=False)
