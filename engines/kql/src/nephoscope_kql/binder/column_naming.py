"""Column naming: the names that KQL gives to unnamed columns."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope_kql import tree
from nephoscope_kql.registry import aggregates

FIRST_ARGUMENT = frozenset(
    {
        *(
            "tostring",
            "toint",
            "tolong",
            "todouble",
            "toreal",
            "tobool",
            "toboolean",
            "todatetime",
            "totimespan",
            "totime",
        ),
        *(
            "toguid",
            "todecimal",
            "todynamic",
            "toobject",
            "parse_json",
            "parsejson",
            "bin",
            "floor",
            "bin_at",
            "bin_auto",
        ),
        *(
            "startofday",
            "startofweek",
            "startofmonth",
            "startofyear",
            "endofday",
            "endofweek",
            "endofmonth",
            "endofyear",
        ),
    }
)
"""Functions whose result is named like their first argument."""

COLUMN_BY_TEXT = frozenset({"column_ifexists", "columnifexists"})
"""Functions whose result is named by the text that they take."""


def implied_name(expression: tree.Expression) -> str:
    """The name of an expression's column, '' where it has none of its own (`Column1` or `print_0` then)."""
    if isinstance(expression, tree.Name):
        return expression.name
    if isinstance(expression, tree.Member):
        return _join_step(expression.target, expression.name)
    if isinstance(expression, tree.Index):
        return _join_step(expression.target, _format_step(expression.index))
    if isinstance(expression, tree.Call) and expression.name in FIRST_ARGUMENT and expression.arguments:
        return implied_name(expression.arguments[0])
    if isinstance(expression, tree.Call) and expression.name in COLUMN_BY_TEXT and expression.arguments:
        wanted = expression.arguments[0]
        return str(wanted.value) if isinstance(wanted, tree.Literal) else ""
    if isinstance(expression, tree.Named) and len(expression.names) == 1:
        return expression.names[0].name
    if isinstance(expression, tree.Call) and expression.name in aggregates():
        return aggregate_name(expression)
    if isinstance(expression, tree.Pipe) and expression.source is not None and not expression.operators:
        return implied_name(expression.source)
    return ""


def aggregate_name(call: tree.Call) -> str:
    """The default name of an aggregate's column."""
    label = aggregates()[call.name].label
    for place, argument in enumerate(call.arguments):
        if isinstance(argument, tree.Literal):
            name = str(argument.value).removesuffix(".0").replace(".", "_")
        else:
            name = implied_name(argument)
        label = label.replace(f"{{{place}}}", name)
    return label.replace("{0}", "")


def _join_step(target: tree.Expression, step: str) -> str:
    if isinstance(target, tree.Name) and target.name in ("$left", "$right"):
        return step
    base = implied_name(target)
    return f"{base}_{step}" if base and step else ""


def _format_step(index: tree.Expression) -> str:
    if isinstance(index, tree.Literal) and isinstance(index.value, str | int):
        return str(index.value)
    return ""


class ColumnNames:
    """Column names already taken in one operator's result."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def make_unique(self, name: str) -> str:
        """The name itself, or with the first number behind it that makes it new."""
        result, number = name, 0
        while result in self._taken:
            number += 1
            result = f"{name}{number}"
        self._taken.add(result)
        return result

    def next_default_name(self, prefix: str = "Column", start: int = 1) -> str:
        """The next `Column1`, `print_0`."""
        number = start
        while f"{prefix}{number}" in self._taken:
            number += 1
        return self.make_unique(f"{prefix}{number}")
