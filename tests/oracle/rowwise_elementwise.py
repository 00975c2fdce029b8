"""The witness's functions on series element by element, on two series, and what fills or filters one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rowwise_functions import gives
from rowwise_series_values import REALS, decomposed, mean, reals, shown


def pairwise(name: str, action: Any) -> None:
    """A function of two series (or a series and a number), element by element; null where one has none."""

    def run(one: Any, other: Any) -> Any:
        if not isinstance(one, list) and not isinstance(other, list):
            return []
        size = max(len(item) for item in (one, other) if isinstance(item, list))
        sides = [
            [numbers(item[at]) if at < len(item) else None for at in range(size)]
            if isinstance(item, list)
            else [numbers(item)] * size
            for item in (one, other)
        ]
        return shown_or_null([None if None in pair else action(*pair) for pair in zip(*sides, strict=True)])

    gives(name)(run)


def numbers(item: Any) -> Any:
    if isinstance(item, bool):
        return int(item)
    return REALS.get(item) if isinstance(item, str) else item if isinstance(item, int | float) else None


def shown_or_null(values: list[Any]) -> list[Any]:
    return [shown([one])[0] if isinstance(one, float) else one for one in values]


def ratio(one: float, other: float) -> float:
    if other == 0:
        return math.copysign(math.inf, one) if one else math.nan
    return one / other


for _name, _action in {
    "series_add": lambda one, other: one + other,
    "series_subtract": lambda one, other: one - other,
    "series_multiply": lambda one, other: one * other,
    "series_divide": ratio,
    "series_greater": lambda one, other: one > other,
    "series_greater_equals": lambda one, other: one >= other,
    "series_less": lambda one, other: one < other,
    "series_less_equals": lambda one, other: one <= other,
    "series_equals": lambda one, other: one == other,
    "series_not_equals": lambda one, other: one != other,
}.items():
    pairwise(_name, _action)


def elementwise(name: str, action: Callable[[Any], Any]) -> None:
    def run(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        found = [None if numbers(item) is None else action(numbers(item)) for item in value]
        return shown_or_null(found)

    gives(f"series_{name}")(run)


def within(action: Callable[[float], float]) -> Callable[[float], float]:
    """NaN where the function has no value."""

    def run(value: float) -> float:
        try:
            return action(value)
        except (ValueError, OverflowError):
            return math.nan

    return run


for _name, _one in {
    "abs": lambda x: abs(float(x)),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "exp": math.exp,
    "log": lambda x: math.log(x) if x else -math.inf,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "floor": lambda x: float(math.floor(x)),
    "ceiling": lambda x: float(math.ceil(x)),
}.items():
    elementwise(_name, within(_one))


def power(one: float, other: float) -> float:
    try:
        return math.pow(one, other)
    except ValueError:
        return math.inf if one == 0 else math.nan
    except OverflowError:
        return math.nan


pairwise("series_pow", power)


def missing(item: Any, placeholder: Any) -> bool:
    return item is None or (placeholder is not None and item == placeholder)


@gives("series_fill_forward", strict=False)
def series_fill_forward(value: Any, placeholder: Any = None) -> Any:
    if not isinstance(value, list):
        return None
    found: list[Any] = []
    for item in value:
        found.append((found[-1] if found else item) if missing(item, placeholder) else item)
    return found


@gives("series_fill_backward", strict=False)
def series_fill_backward(value: Any, placeholder: Any = None) -> Any:
    return series_fill_forward(value[::-1], placeholder)[::-1] if isinstance(value, list) else None


@gives("series_fill_const", strict=False)
def series_fill_const(value: Any, constant: Any, placeholder: Any = None) -> Any:
    if not isinstance(value, list):
        return None
    return [constant if missing(item, placeholder) else item for item in value]


def two(one: Any, other: Any) -> tuple[list[float], list[float]] | None:
    """Two series of one length as reals."""
    first, second = reals(one), reals(other)
    return (first, second) if first is not None and second is not None and len(first) == len(second) else None


@gives("series_dot_product")
def series_dot_product(one: Any, other: Any) -> Any:
    pair = two(one, other)
    return pair and math.fsum(x * y for x, y in zip(*pair, strict=True))


@gives("series_magnitude")
def series_magnitude(value: Any) -> Any:
    values = reals(value)
    return values and math.sqrt(math.fsum(x * x for x in values))


@gives("series_product")
def series_product(value: Any) -> Any:
    values = reals(value)
    return values and math.prod(values)


@gives("series_cosine_similarity")
def series_cosine_similarity(one: Any, other: Any) -> Any:
    pair = two(one, other)
    if pair is None:
        return None
    sizes = [math.sqrt(math.fsum(x * x for x in values)) for values in pair]
    return (
        math.fsum(x * y for x, y in zip(*pair, strict=True)) / (sizes[0] * sizes[1])
        if all(sizes)
        else math.nan
    )


@gives("series_pearson_correlation")
def series_pearson_correlation(one: Any, other: Any) -> Any:
    pair = two(one, other)
    if pair is None:
        return None
    mine, yours = ([x - mean(values) for x in values] for values in pair)
    size = math.sqrt(math.fsum(x * x for x in mine) * math.fsum(y * y for y in yours))
    return math.fsum(x * y for x, y in zip(mine, yours, strict=True)) / size if size else math.nan


@gives("series_iir")
def series_iir(value: Any, numerators: Any, denominators: Any) -> Any:
    """y[i] = (sum of b[j] x[i-j] - sum of a[j] y[i-j], j from 1) / a[0]."""
    values, b, a = reals(value), reals(numerators), reals(denominators)
    if values is None or b is None or a is None or not a[0]:
        return None
    found: list[float] = []
    for at in range(len(values)):
        given = sum(b[j] * values[at - j] for j in range(min(len(b), at + 1)))
        fed = sum(a[j] * found[at - j] for j in range(1, min(len(a), at + 1)))
        found.append((given - fed) / a[0])
    return found


@gives("series_seasonal", strict=False)
def series_seasonal(value: Any, period: Any = -1, test_points: Any = 0) -> Any:
    found = decomposed(value, period, "none", test_points, None)
    return found and found["seasonal"]
