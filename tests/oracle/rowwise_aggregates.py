"""The witness's aggregates, by name: each gets the argument cells of a group's rows, in order, and the call that says their types."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from rowwise_dynamic import distinct, merged
from rowwise_values import element, json_text, wrapped

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import AggregateCall

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
    if call.type in ("datetime", "timespan"):
        return int(sum(values) // len(values))
    if call.type == "decimal":
        return sum(values, start=Decimal(0)) / len(values)
    total = sum(values)
    return (wrapped(total) if isinstance(total, int) else total) / len(values)


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
    """Of equal keys the first row's value stays."""
    return merged([row[0] for row in rows])


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


def shares(rows: Rows) -> list[tuple[Any, float]]:
    """Values with their weights, in order."""
    return sorted((row[0], row[1]) for row in rows if row[0] is not None and row[1])


@gives("percentilew")
def percentilew(rows: Rows, call: AggregateCall) -> Any:
    """The nearest rank among values that count as often as their weight says."""
    return weighted(rows, rows[0][2]) if rows else None


def weighted(rows: Rows, percent: float) -> Any:
    found = shares(rows)
    wanted, passed = sum(weight for _, weight in found) * percent / 100, 0.0
    for value, weight in found:
        passed += weight
        if passed >= wanted:
            return value
    return None


@gives("percentiles_array")
def percentiles_array(rows: Rows, call: AggregateCall) -> Any:
    kind = str(call.arguments[0].type)
    asked = percents(rows, 1)
    return [element(kind, percentile([[row[0], one] for row in rows], call)) for one in asked] or None


@gives("percentilesw_array")
def percentilesw_array(rows: Rows, call: AggregateCall) -> Any:
    kind = str(call.arguments[0].type)
    return [element(kind, weighted(rows, one)) for one in percents(rows, 2)] or None


def percents(rows: Rows, first: int) -> list[float]:
    """The percentages that stand behind the values, one by one or as an array."""
    given = rows[0][first:] if rows else []
    return [item for one in given for item in (one if isinstance(one, list) else [one])]


def covariant(rows: Rows) -> tuple[int, float]:
    pairs = [(float(row[0]), float(row[1])) for row in rows if None not in row[:2]]
    if not pairs:
        return 0, 0.0
    first, second = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    return len(pairs), sum((x - first) * (y - second) for x, y in pairs)


@gives("covariance")
def covariance(rows: Rows, call: AggregateCall) -> float:
    size, products = covariant(rows)
    return products / (size - 1) if size > 1 else 0.0


@gives("covariancep")
def covariancep(rows: Rows, call: AggregateCall) -> float:
    size, products = covariant(rows)
    return products / size if size else 0.0


for _name, _all in {
    "binary_all_and": lambda one, other: one & other,
    "binary_all_or": lambda one, other: one | other,
    "binary_all_xor": lambda one, other: one ^ other,
}.items():

    def _bits(rows: Rows, call: AggregateCall, _all: Callable[[int, int], int] = _all) -> Any:
        return functools.reduce(_all, known(rows)) if known(rows) else None

    AGGREGATES[_name] = _bits


@gives("hll_merge")
def hll_merge(rows: Rows, call: AggregateCall) -> Any:
    return distinct([item for sketch in known(rows) for item in sketch]) or None


for _name, _base in {
    "anyif": "take_any",
    "count_distinctif": "dcount",
    "covarianceif": "covariance",
    "covariancepif": "covariancep",
    "hll_if": "hll",
    "stdevpif": "stdevp",
    "variancepif": "variancep",
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
