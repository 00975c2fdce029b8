"""Column naming: the names that KQL gives to unnamed columns."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope_kql import tree
from nephoscope_kql.registry import load_aggregates

FIRST_ARGUMENT = frozenset(
    {
        *("tostring", "toint", "tolong", "todouble", "toreal", "tobool", "toboolean", "todatetime", "totimespan", "totime"),
        *("toguid", "todecimal", "todynamic", "toobject", "parse_json", "parsejson", "parse_csv", "parse_xml", "split", "tohex"),
        *("format_bytes", "format_datetime", "format_timespan", "bin", "floor", "bin_at", "bin_auto", "ceiling", "round"),
        *("startofday", "abs", "acos", "asin", "atan", "atan2", "cos", "erf", "erfc"),
        *("exp", "exp2", "exp10", "gamma", "log", "log2", "log10", "loggamma"),
        *("pow", "rand", "sin", "sqrt", "tan", "binary_and", "binary_not", "binary_or"),
        *("binary_shift_left", "binary_shift_right", "binary_xor", "bitset_count_ones"),
        *("series_fill_backward", "series_fill_const", "series_fill_forward", "series_fill_linear"),
        *("series_fir", "series_iir", "series_outliers"),
    }
)  # fmt: skip
"""Functions whose result is named like their first argument, as Microsoft's analyzer of KQL names it; of the edges of periods it
is the beginning of a day alone."""

PREFIXES = {
    "dcount_hll": "dcount_hll_",
    "gettype": "type_",
    "percentile_tdigest": "percentile_tdigest_",
    "percentiles_array_tdigest": "percentile_tdigest_",
    "repeat": "repeat_",
    "string_size": "string_size_",
    "strlen": "strlen_",
    "treepath": "tree_",
}
"""Functions whose result is named like their first argument with a word before it -> the word."""

LABELS_OF_OTHER_NAMES = {"cnt": "cnt_", "make_dictionary": "dictionary_{0}"}
"""Other names of aggregates that name their column by themselves -> the label."""

MERGED = {
    "hll_merge": "hll_merged_result",
    "merge_tdigest": "tdigests_merge_result",
    "tdigest_merge": "tdigests_merge_result",
}
"""Aggregates that with several arguments merge the values of a row -> the name of that column."""

COLUMN_BY_TEXT = frozenset({"column_ifexists", "columnifexists"})
"""Functions whose result is named by the text that they take."""


def get_implied_name(expression: tree.Expression) -> str:
    """The name of an expression's column, '' where it has none of its own (`Column1` or `print_0` then)."""
    if isinstance(expression, tree.Name):
        return expression.name
    if isinstance(expression, tree.Member):
        return _join_step(expression.target, expression.name)
    if isinstance(expression, tree.Index):
        return _join_step(expression.target, _format_step(expression.index))
    if isinstance(expression, tree.Call) and expression.name in FIRST_ARGUMENT and expression.arguments:
        return get_implied_name(expression.arguments[0])
    if isinstance(expression, tree.Call) and expression.name in PREFIXES and expression.arguments:
        name = get_implied_name(expression.arguments[0])
        return f"{PREFIXES[expression.name]}{name}" if name else ""
    if isinstance(expression, tree.Call) and expression.name in COLUMN_BY_TEXT and expression.arguments:
        wanted = expression.arguments[0]
        return str(wanted.value) if isinstance(wanted, tree.Literal) else ""
    if isinstance(expression, tree.Named) and len(expression.names) == 1:
        return expression.names[0].name
    if isinstance(expression, tree.Call) and expression.name in load_aggregates():
        return aggregate_name(expression)
    if isinstance(expression, tree.Pipe) and expression.source is not None and not expression.operators:
        return get_implied_name(expression.source)
    return ""


def aggregate_name(call: tree.Call) -> str:
    """The default name of an aggregate's column."""
    if len(call.arguments) > 1 and call.name in MERGED:
        return MERGED[call.name]
    label = LABELS_OF_OTHER_NAMES.get(call.name) or load_aggregates()[call.name].label
    for place, argument in enumerate(call.arguments):
        if isinstance(argument, tree.Literal):
            name = str(argument.value).removesuffix(".0").replace(".", "_")
        else:
            name = get_implied_name(argument)
        label = label.replace(f"{{{place}}}", name)
    return label.replace("{0}", "")


def _join_step(target: tree.Expression, step: str) -> str:
    if isinstance(target, tree.Name) and target.name in ("$left", "$right"):
        return step
    base = get_implied_name(target)
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

    def make_default_name(self, prefix: str = "Column", start: int = 1) -> str:
        """The next `Column1`, `print_0`."""
        number = start
        while f"{prefix}{number}" in self._taken:
            number += 1
        return self.make_unique(f"{prefix}{number}")
