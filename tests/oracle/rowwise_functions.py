"""The witness's scalar functions, by the names the binder gives them: plain Python on one row's cells (see rowwise_values)."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from rowwise_values import (
    convert,
    element,
    finite_ticks,
    wrapped,
)

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall

Body: TypeAlias = "Callable[[list[Any], BoundCall, int], Any]"
FUNCTIONS: dict[str, Body] = {}
"""name -> body(cells, call, now): `call.type` and the types of `call.arguments` say what the cells are."""


def gives(*names: str, strict: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function on cells; `strict`: null where one of them is null (or '' where the result is a string)."""

    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        def run(cells: list[Any], call: BoundCall, now: int) -> Any:
            if strict and any(cell is None for cell in cells):
                return "" if call.type == "string" else None
            result = body(*cells)
            return "" if result is None and call.type == "string" else result

        FUNCTIONS.update(dict.fromkeys(names, run))
        return body

    return declare


def typed(*names: str) -> Callable[[Body], Body]:
    """Declare a function that needs the call's types or the time, and handles nulls itself."""

    def declare(body: Body) -> Body:
        FUNCTIONS.update(dict.fromkeys(names, body))
        return body

    return declare


def kinds(call: BoundCall) -> list[str]:
    return [str(argument.type) for argument in call.arguments]


# logic and comparison


@gives("and", strict=False)
def and_(one: Any, other: Any) -> Any:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


@gives("or", strict=False)
def or_(one: Any, other: Any) -> Any:
    if one or other:
        return True
    return None if one is None or other is None else False


@gives("not")
def not_(one: Any) -> bool:
    return not one


def equal(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return None if one is None and other is None else False
    return one == other


@gives("==", strict=False)
def equals(one: Any, other: Any) -> Any:
    return equal(one, other)


@gives("!=", strict=False)
def differs(one: Any, other: Any) -> Any:
    same = equal(one, other)
    return None if same is None else not same


for _name, _test in {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}.items():
    gives(_name)(_test)


@gives("between", strict=False)
def between(one: Any, low: Any, high: Any) -> Any:
    return None if None in (one, low, high) else low <= one <= high


@typed("in", "in~")
def in_(cells: list[Any], call: BoundCall, now: int) -> Any:
    wanted, *items = cells
    flat: list[Any] = []
    for kind, item in zip(kinds(call)[1:], items, strict=True):
        if kind == "dynamic" and kinds(call)[0] != "dynamic":
            flat += [
                convert("dynamic", kinds(call)[0], each)
                for each in (item if isinstance(item, list) else [item])
            ]
        else:
            flat.append(item)
    if call.function.name == "in~":
        return str(wanted).lower() in [str(item).lower() for item in flat]
    return any(equal(wanted, item) for item in flat)


# arithmetic


def computed(operator: str, one: Any, other: Any) -> Any:
    if operator == "+":
        return one + other
    if operator == "-":
        return one - other
    if operator == "*":
        return one * other
    return divided(one, other) if operator == "/" else modulo(one, other)


def divided(one: Any, other: Any) -> Any:
    if isinstance(one, float) or isinstance(other, float):
        if other == 0:
            return (
                math.nan if one == 0 or one != one else math.copysign(math.inf, one) * math.copysign(1, other)
            )
        return one / other
    if other == 0:
        return None
    if isinstance(one, Decimal):
        return one / other
    whole = abs(one) // abs(other)
    return whole if (one < 0) == (other < 0) else -whole


def modulo(one: Any, other: Any) -> Any:
    """Never negative."""
    if other == 0:
        return math.nan if isinstance(one, float) else None
    if isinstance(one, float) and not math.isfinite(one):
        return math.nan
    return one % abs(other)


@typed("+", "-", "*", "/", "%")
def arithmetic(cells: list[Any], call: BoundCall, now: int) -> Any:
    if None in cells:
        return None
    one, other = cells
    operator = call.function.name
    if call.type == "real" and kinds(call)[0] in ("timespan", "datetime"):
        return divided(float(one), float(other))
    if call.type == "timespan" and operator in "*/" and kinds(call) != ["timespan", "timespan"]:
        exact = (
            Decimal(repr(one)) if isinstance(one, float) else one,
            Decimal(repr(other)) if isinstance(other, float) else other,
        )
        return (
            wrapped(int(exact[0] * exact[1]))
            if operator == "*"
            else None
            if other == 0
            else int(Decimal(exact[0]) / exact[1])
        )
    value = computed(operator, one, other)
    if value is None or isinstance(value, float | Decimal):
        return value
    return finite_ticks(value) if call.type == "datetime" else wrapped(value)


@typed("_negate")
def negate(cells: list[Any], call: BoundCall, now: int) -> Any:
    value = cells[0]
    return value if value is None else -value if isinstance(value, float | Decimal) else wrapped(-value)


@typed("abs")
def absolute(cells: list[Any], call: BoundCall, now: int) -> Any:
    value = cells[0]
    return (
        value if value is None else abs(value) if isinstance(value, float | Decimal) else wrapped(abs(value))
    )


@typed("bin", "floor")
def bin_(cells: list[Any], call: BoundCall, now: int) -> Any:
    if None in cells:
        return None
    value, size = cells if len(cells) == 2 else (*cells, 1)
    if size <= 0:
        return None
    if isinstance(value, float) or isinstance(size, float):
        return math.floor(value / size) * size if math.isfinite(value) else value
    if isinstance(value, Decimal):
        return math.floor(value / size) * size
    return value // size * size


@typed("bin_at")
def bin_at(cells: list[Any], call: BoundCall, now: int) -> Any:
    if None in cells or cells[1] <= 0:
        return None
    value, size, start = cells
    return (
        start + math.floor((value - start) / size) * size
        if isinstance(value, float)
        else (start + (value - start) // size * size)
    )


for _name, _body in {
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
    "exp": math.exp,
    "log": lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "log10": lambda x: math.log10(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "log2": lambda x: math.log2(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "sign": lambda x: float(x > 0) - float(x < 0),
    "ceiling": lambda x: type(x)(math.ceil(x)),
}.items():
    gives(_name)(_body)


# null and empty


@gives("isnull", strict=False)
def isnull(value: Any) -> bool:
    return value is None


@gives("isnotnull", "notnull", strict=False)
def isnotnull(value: Any) -> bool:
    return value is not None


@gives("isempty", strict=False)
def isempty(value: Any) -> bool:
    return value is None or value == ""


@gives("isnotempty", "notempty", strict=False)
def isnotempty(value: Any) -> bool:
    return not isempty(value)


@gives("iff", "iif", strict=False)
def iff(condition: Any, one: Any, other: Any) -> Any:
    return one if condition else other


@gives("case", strict=False)
def case(*cells: Any) -> Any:
    for condition, value in zip(cells[:-1:2], cells[1::2], strict=True):
        if condition:
            return value
    return cells[-1]


@typed("coalesce")
def coalesce(cells: list[Any], call: BoundCall, now: int) -> Any:
    empty = ("",) if call.type == "string" else ()
    found = next((cell for cell in cells if cell is not None and cell not in empty), None)
    return "" if found is None and call.type == "string" else found


# conversions


for _kind in ("bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "guid", "dynamic"):

    def _convert(cells: list[Any], call: BoundCall, now: int, _to: str = _kind) -> Any:
        return convert(kinds(call)[0], _to, cells[0])

    typed(f"to{_kind}")(_convert)
FUNCTIONS["todouble"] = FUNCTIONS["toreal"]
FUNCTIONS["parse_json"] = FUNCTIONS["todynamic"]
FUNCTIONS["toboolean"] = FUNCTIONS["tobool"]


@typed("_as_dynamic")
def as_dynamic(cells: list[Any], call: BoundCall, now: int) -> Any:
    return element(kinds(call)[0], cells[0])


@typed("gettype")
def gettype(cells: list[Any], call: BoundCall, now: int) -> str:
    kind = kinds(call)[0]
    names = {
        dict: "dictionary",
        list: "array",
        bool: "bool",
        int: "long",
        float: "double",
        str: "string",
        type(None): "null",
    }
    return names[type(cells[0])] if kind == "dynamic" else kind


@gives("min_of", strict=False)
def min_of(*cells: Any) -> Any:
    known = [cell for cell in cells if cell is not None]
    return min(known) if known else None


@gives("max_of", strict=False)
def max_of(*cells: Any) -> Any:
    known = [cell for cell in cells if cell is not None]
    return max(known) if known else None
