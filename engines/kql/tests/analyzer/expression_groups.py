"""What is asked of both: every operator, function and aggregate, and queries whose types an operator decides, over all types.

A shape is a text with holes: `{}` is a column of a type, `{=}` a constant of a type. Its answers are a letter for every choice of
types in the order of COLUMNS, the last hole changing fastest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

from nephoscope_kql.binder.built_in_calls import WINDOWS
from nephoscope_kql.plan.function_signatures import Callee, CalleeParameter, Signature
from nephoscope_kql.registry import load_aggregates, load_callable_functions
from nephoscope_kql.types import KqlType

COLUMNS = {
    "b": "bool", "i": "int", "l": "long", "r": "real", "m": "decimal", "s": "string", "d": "datetime", "t": "timespan",
    "g": "guid", "o": "dynamic",
}  # fmt: skip
"""A column of every type, by the letter that stands for the type."""
CONSTANTS = {
    "b": "true", "i": "int(1)", "l": "1", "r": "1.5", "m": "decimal(1.5)", "s": "'a'", "d": "datetime(2020-01-01)",
    "t": "1h", "g": "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "o": "dynamic([1])",
}  # fmt: skip
"""A constant of every type."""
LETTERS = {kind: letter for letter, kind in COLUMNS.items()} | {"": ".", "unknown": "?"}
"""How a type is written in a table of answers: `.` is a refusal, `?` an answer without such a column, or of no type."""
TABLE = f"datatable({', '.join(f'{name}: {kind}' for name, kind in COLUMNS.items())})[]"
ARITHMETIC = ("+", "-", "*", "/", "%")
COMPARISON = ("==", "!=", "<", "<=", ">", ">=")
TEXT = tuple(
    f"{negation}{word}{case}"
    for word in ("has", "hasprefix", "hassuffix", "contains", "startswith", "endswith")
    for negation in ("", "!")
    for case in ("", "_cs")
)
BINARY = (*ARITHMETIC, *COMPARISON, "and", "or", "=~", "!~", *TEXT, "matches regex")
LISTS = ("in", "!in", "in~", "!in~", "has_any", "has_all")
USUAL = "slbrodtgim"
"""In this order the type of an argument is chosen while others vary."""
_HOLE = re.compile(r"\{(=?)\}")


@dataclass(frozen=True)
class Group:
    """Shapes that stand behind the same text: `start` and then `x0=...`; with no start a shape is a query whose column x is meant."""

    name: str
    start: str
    shapes: tuple[str, ...]


def groups() -> Iterator[Group]:
    """Everything that is asked."""
    yield Group("operators", "project ", tuple(_operators()))
    yield Group("functions", "project ", _calls_of(load_callable_functions()))
    yield Group("aggregates", "summarize ", _calls_of(load_aggregates()))
    yield Group("windows", "serialize | extend ", tuple(_windows()))
    yield Group("queries", "", tuple(_queries()))


def expanded(shape: str) -> list[str]:
    """A shape with every choice of types."""
    parts = _HOLE.split(shape)
    texts, holes = parts[::2], parts[1::2]
    return [
        texts[0]
        + "".join(
            (CONSTANTS[kind] if hole else kind) + text
            for kind, hole, text in zip(kinds, holes, texts[1:], strict=True)
        )
        for kinds in product(COLUMNS, repeat=len(holes))
    ]


def _operators() -> Iterator[str]:
    yield from ("-{}", "+{}")
    yield from (f"{{}} {sign} {{}}" for sign in BINARY)
    yield from (f"{{}} {sign} ({{}})" for sign in LISTS)
    yield from (f"{{}} == {one}" for one in CONSTANTS.values())
    for sign in ("between", "!between"):
        yield from (f"{{}} {sign} ({one} .. {{}})" for one in "lds")


def _calls_of(callees: Mapping[str, Callee]) -> tuple[str, ...]:
    """By name, so that the tables keep their order when functions move to other modules."""
    return tuple(
        dict.fromkeys(shape for name, callee in sorted(callees.items()) for shape in _calls(name, callee))
    )


def _calls(name: str, callee: Callee) -> Iterator[str]:
    """Calls of every length; in the longest one argument varies at a time, or every two where the result's type hangs on them."""
    for item in callee.signatures:
        counts = _counts(item)
        for count in counts:
            parameters = [item.get_parameter(place, count) for place in range(count)]
            usual = [_usual(parameter) for parameter in parameters]
            yield f"{name}({', '.join(usual)})"
            if name == callee.name and count == max(counts):
                yield from (f"{name}({shape})" for shape in _varied(callee, item, parameters, usual))


def _counts(item: Signature) -> list[int]:
    longest = len(item.parameters) + (item.block if item.variadic else 0)
    return [count for count in range(item.minimum_arguments, longest + 1) if item.accepts_count(count)]


def _usual(parameter: CalleeParameter) -> str:
    kind = next((one for one in USUAL if KqlType(COLUMNS[one]) in parameter.accepted), "l")
    return CONSTANTS[kind] if parameter.constant else kind


def _varied(
    callee: Callee, item: Signature, parameters: list[CalleeParameter], usual: list[str]
) -> Iterator[str]:
    hangs = item.returns in ("T", "first") or callee.returns is not None
    several = 2 if hangs and len(usual) > 1 else min(1, len(usual))
    for places in combinations(range(len(usual)), several):
        yield ", ".join(
            ("{=}" if parameters[at].constant else "{}") if at in places else text
            for at, text in enumerate(usual)
        )
    if hangs:
        yield from (
            ", ".join(one if not parameters[at].constant else usual[at] for at in range(len(usual)))
            for one in "imr"
        )


def _windows() -> Iterator[str]:
    for name in sorted(WINDOWS - {"row_number", "row_window_session"}):
        yield f"{name}({{}})"
    yield from (f"{name}({{}}, 1, {{=}})" for name in ("prev", "next"))
    yield from (
        "row_number()",
        "row_number(5)",
        "row_window_session({}, 1h, 1m)",
        "row_window_session(d, {=}, 1m)",
    )


def _queries() -> Iterator[str]:
    """An operator that makes, unites or declares a column."""
    yield from (
        "print x = {=}",
        "print x = toscalar(T | project {})",
        "T | project x = {} | distinct x",
        "T | project x = {} | sample-distinct 2 of x",
        "T | project x = {} | mv-expand x",
        "T | project x = {} | top-nested 2 of x by max(1)",
        "T | project x = {} | top-nested 2 of 'a' by x = sum(x)",
        "T | make-series x = sum(i) default = {=} on l step 1",
        "T | make-series x = avg(i) on l step {=}",
        "T | summarize by x = bin({}, {=})",
        "T | summarize x = percentiles({}, 5, 90)",
        "T | summarize x = make_list({})",
        "T | summarize (y, x) = arg_max(i, {})",
        "T | getschema | project x = ColumnOrdinal",
        "union (T | project x = {}), (T | project x = {}) | take 1",
        "T | project x = {} | join (T | project x = {}) on x | project x = x1",
        "T | project y = {} | lookup (T | project y = {}, x = i) on y",
        "T | where {} in ((T | project {})) | project x = s",
        "range x from {=} to {=} step 1",
        "range x from {=} to 5 step {=}",
        "range x from {=} to datetime(2021-01-01) step 1h",
        "range x from datetime(2020-01-01) to {=} step {=}",
    )
    for kind in COLUMNS.values():
        yield f"T | mv-expand x = o to typeof({kind}) | project x"
        yield f"T | mv-apply x = o to typeof({kind}) on (take 1) | project x"
        yield f"T | parse s with * 'a' x:{kind} | project x"
        yield f"T | scan with_match_id = n declare (x: {kind}) with (step a: true;) | project x"
