"""The witness's aggregates, by name: each gets the argument cells of a group's rows, in order, and the call that says their types."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from rowwise_functions import distinct
from rowwise_values import element, json_text, wrapped

if TYPE_CHECKING:
    from nephoscope.kql.bound import AggregateCall

Rows: TypeAlias = "list[list[Any]]"
AGGREGATES: dict[str, Callable[[Any, Any], Any]] = {}


def gives(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        AGGREGATES.update(dict.fromkeys(names, body))
        return body

    return declare


def conditional(name: str, base: str) -> None:
    """`nameif(..., predicate)`: the base over the rows for which the last argument is true."""

    def run(rows: Rows, call: AggregateCall) -> Any:
        return AGGREGATES[base]([row[:-1] for row in rows if row[-1] is True], call)

    AGGREGATES[name] = run


def known(rows: Rows) -> list[Any]:
    """The first arguments that are not null."""
    return [row[0] for row in rows if row[0] is not None]


@gives("count")
def count(rows: Rows, call: AggregateCall) -> int:
    return len(rows)


@gives("countif")
def countif(rows: Rows, call: AggregateCall) -> int:
    return sum(row[0] is True for row in rows)


@gives("sum")
def sum_(rows: Rows, call: AggregateCall) -> Any:
    total = sum(known(rows), start=Decimal(0) if call.type == "decimal" else 0)
    return float(total) if call.type == "real" else total if call.type == "decimal" else wrapped(int(total))


@gives("avg")
def avg(rows: Rows, call: AggregateCall) -> Any:
    values = known(rows)
    if not values:
        return math.nan if call.type == "real" else None
    total = sum(values, start=Decimal(0)) if call.type == "decimal" else sum(values)
    return int(total // len(values)) if call.type in ("datetime", "timespan") else total / len(values)


def best(values: list[Any], call: AggregateCall, choose: Callable[..., Any]) -> Any:
    """The least or greatest value; NaN is both."""
    undefined = [value for value in values if value != value]
    if not values:
        return "" if call.type == "string" else None
    return undefined[0] if undefined else choose(values)


@gives("min")
def min_(rows: Rows, call: AggregateCall) -> Any:
    return best(known(rows), call, min)


@gives("max")
def max_(rows: Rows, call: AggregateCall) -> Any:
    return best(known(rows), call, max)


@gives("dcount", "count_distinct")
def dcount(rows: Rows, call: AggregateCall) -> int:
    return len({json_text(element(str(call.arguments[0].type), value)) for value in known(rows)})


@gives("make_list")
def make_list(rows: Rows, call: AggregateCall) -> Any:
    return _collected(rows, call)[: _limit(rows, call)]


def _collected(rows: Rows, call: AggregateCall) -> list[Any]:
    """The values in order: nulls are left out but those of a dynamic, whose arrays are flattened."""
    kind = str(call.arguments[0].type)
    if kind != "dynamic":
        return [element(kind, value) for value in known(rows)]
    return [item for row in rows for item in (row[0] if isinstance(row[0], list) else [row[0]])]


@gives("make_list_with_nulls")
def make_list_with_nulls(rows: Rows, call: AggregateCall) -> Any:
    kind = str(call.arguments[0].type)
    values = [element(kind, row[0]) for row in rows]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


@gives("make_set")
def make_set(rows: Rows, call: AggregateCall) -> Any:
    return distinct(_collected(rows, call))[: _limit(rows, call)]


def _limit(rows: Rows, call: AggregateCall) -> int:
    return rows[0][1] if rows and len(rows[0]) > 1 and rows[0][1] is not None else 1_048_576


@gives("hll")
def hll(rows: Rows, call: AggregateCall) -> Any:
    """The distinct values themselves: the engine's counts of distinct values are exact."""
    return distinct([element(str(call.arguments[0].type), value) for value in known(rows)]) or None


@gives("percentile")
def percentile(rows: Rows, call: AggregateCall) -> Any:
    """The nearest rank."""
    values = sorted(known(rows))
    place = math.ceil(len(values) * rows[0][1] / 100) - 1 if values else 0
    return values[max(place, 0)] if values else None


@gives("make_bag")
def make_bag(rows: Rows, call: AggregateCall) -> Any:
    bag: dict[str, Any] = {}
    for value in known(rows):
        if isinstance(value, dict):
            bag = {**bag, **value}
    return bag


@gives("take_any", "any")
def take_any(rows: Rows, call: AggregateCall) -> Any:
    return next(iter(known(rows)), "" if call.type == "string" else None)


def extreme(rows: Rows, call: AggregateCall, most: bool) -> Any:
    """`[by, value]`: the value on the first row whose `by` is greatest or least; of any row where every `by` is null."""
    found = next((row for row in rows if row[0] != row[0]), None)
    for row in [] if found else rows:
        if found is None or found[0] is None or (row[0] is not None and beyond(row[0], found[0], most)):
            found = row if found is None or row[0] is not None else found
    return found[1] if found is not None else "" if call.type == "string" else None


def beyond(one: Any, other: Any, most: bool) -> bool:
    return bool(one > other if most else one < other)


@gives("arg_max")
def arg_max(rows: Rows, call: AggregateCall) -> Any:
    return extreme(rows, call, most=True)


@gives("arg_min")
def arg_min(rows: Rows, call: AggregateCall) -> Any:
    return extreme(rows, call, most=False)


def moments(rows: Rows) -> tuple[int, float]:
    """How many values, and the sum of their squared distances from the mean."""
    values = [float(value) for value in known(rows)]
    mean = sum(values) / len(values) if values else 0.0
    return len(values), sum((value - mean) ** 2 for value in values)


@gives("variance")
def variance(rows: Rows, call: AggregateCall) -> float:
    size, squares = moments(rows)
    return squares / (size - 1) if size > 1 else 0.0


@gives("variancep")
def variancep(rows: Rows, call: AggregateCall) -> float:
    size, squares = moments(rows)
    return squares / size if size else 0.0


@gives("stdev")
def stdev(rows: Rows, call: AggregateCall) -> float:
    return math.sqrt(variance(rows, call))


@gives("stdevp")
def stdevp(rows: Rows, call: AggregateCall) -> float:
    return math.sqrt(variancep(rows, call))


for _name, _base in {
    "sumif": "sum",
    "avgif": "avg",
    "minif": "min",
    "maxif": "max",
    "dcountif": "dcount",
    "make_list_if": "make_list",
    "make_set_if": "make_set",
    "make_bag_if": "make_bag",
    "take_anyif": "take_any",
    "stdevif": "stdev",
    "varianceif": "variance",
}.items():
    conditional(_name, _base)
