"""Series (arrays of numbers): element by element, filling, filters, seasons. Computed once a distinct series, not a row."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from sqlglot import exp

from nephoscope_kql.deadline import check
from nephoscope_kql.functions import series_detection as detection
from nephoscope_kql.functions.declaration import apply, each, scalar
from nephoscope_kql.functions.property_bags import dumps
from nephoscope_kql.functions.tostring import as_json
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, function
from nephoscope_kql.sql import nodes

Numbers: TypeAlias = list[Any]
MAX_POINTS = 1_000_000
MAX_PRODUCTS = 2_000_000_000
"""Products that a convolution is added up of; one of more is computed by spectra."""


def numbers(text: str) -> Numbers | None:
    """The elements of a series: numbers, or None where one is none; None where it is no array."""
    value = json.loads(text)
    if not isinstance(value, list) or len(value) > MAX_POINTS:
        return None
    return [_number(item) for item in value]


def _number(item: object) -> object:
    if isinstance(item, bool):
        return int(item)
    if isinstance(item, int | float):
        return item
    return (
        {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(item)
        if isinstance(item, str)
        else None
    )


def reals(text: str) -> detection.Reals | None:
    """A series without gaps as reals; None where it is empty or an element is no number."""
    found = numbers(text)
    if not found or None in found:
        return None
    return np.array(found, dtype=float)


def _plain(values: Iterable[float]) -> list[float]:
    return [float(item) for item in values]


def _safe(action: Callable[..., object]) -> Callable[..., object]:
    def run(*arguments: Any) -> object:
        if None in arguments:
            return None
        try:
            return action(*arguments)
        except ZeroDivisionError:
            return math.copysign(math.inf, arguments[0]) if arguments[0] else math.nan
        except (ValueError, OverflowError):
            return math.nan

    return run


def _each_one(name: str, summary: str, action: Callable[[float], object]) -> ScalarFunction:
    guarded = _safe(action)

    def value(text: str) -> str | None:
        found = numbers(text)
        return None if found is None else dumps([guarded(item) for item in found])

    return scalar(
        __name__,
        f"series_{name}(series: dynamic): dynamic",
        summary=summary,
        routine=each(f"kql_series_{name}", ("VARCHAR",), "VARCHAR", value),
    )


def _log(value: float) -> float:
    return math.log(value) if value else -math.inf


series_abs = _each_one("abs", "Give the absolute value of every element.", lambda x: abs(float(x)))
series_acos = _each_one("acos", "Give the arc cosine of every element.", math.acos)
series_asin = _each_one("asin", "Give the arc sine of every element.", math.asin)
series_atan = _each_one("atan", "Give the arc tangent of every element.", math.atan)
series_ceiling = _each_one("ceiling", "Round every element up.", lambda x: float(math.ceil(x)))
series_floor = _each_one("floor", "Round every element down.", lambda x: float(math.floor(x)))
series_cos = _each_one("cos", "Give the cosine of every element.", math.cos)
series_sin = _each_one("sin", "Give the sine of every element.", math.sin)
series_tan = _each_one("tan", "Give the tangent of every element.", math.tan)
series_exp = _each_one("exp", "Give e to the power of every element.", math.exp)
series_log = _each_one("log", "Give the natural logarithm of every element.", _log)
series_sign = _each_one("sign", "Give the sign of every element.", lambda x: float((x > 0) - (x < 0)))


def _each_pair(name: str, summary: str, action: Callable[[float, float], object]) -> ScalarFunction:
    guarded = _safe(action)

    def value(left: str, right: str) -> str | None:
        one, two = json.loads(left), json.loads(right)
        size = (
            max(len(item) for item in (one, two) if isinstance(item, list))
            if list in (type(one), type(two))
            else 0
        )
        first, second = (_stretch(item, size) for item in (one, two))
        return dumps([guarded(a, b) for a, b in zip(first, second, strict=True)]) if size else "[]"

    routine = each(f"kql_series_{name}", ("VARCHAR", "VARCHAR"), "VARCHAR", value)

    def builder(call: Arguments) -> exp.Expr:
        return apply(
            call, routine, *(as_json(call, node, kind) for node, kind in zip(call, call.types, strict=True))
        )

    builder.__doc__ = summary
    builder.__module__ = __name__
    return function(
        f"series_{name}(left: dynamic|number, right: dynamic|number): dynamic".replace(
            "number", "long|real|decimal"
        )
    )(builder)


def _stretch(value: object, size: int) -> list[object]:
    if isinstance(value, list):
        return [_number(item) for item in value] + [None] * (size - len(value))
    return [_number(value)] * size


series_add = _each_pair("add", "Add two series element by element.", operator.add)
series_subtract = _each_pair("subtract", "Subtract a series from another.", operator.sub)
series_multiply = _each_pair("multiply", "Multiply two series element by element.", operator.mul)
series_divide = _each_pair("divide", "Divide a series by another.", lambda a, b: float(a) / b)
series_pow = _each_pair("pow", "Raise a series to the power of another.", math.pow)
series_equals = _each_pair("equals", "Tell where two series are equal.", operator.eq)
series_not_equals = _each_pair("not_equals", "Tell where two series differ.", operator.ne)
series_greater = _each_pair("greater", "Tell where a series is above another.", operator.gt)
series_greater_equals = _each_pair("greater_equals", "Tell where a series is not below another.", operator.ge)
series_less = _each_pair("less", "Tell where a series is below another.", operator.lt)
series_less_equals = _each_pair("less_equals", "Tell where a series is not above another.", operator.le)


def _find_missing(values: Numbers, placeholder: float | None) -> list[bool]:
    return [
        item is None or (isinstance(item, float) and math.isnan(item)) or item == placeholder
        for item in values
    ]


def _forward(values: Numbers, gaps: list[bool]) -> Numbers:
    result, last = [], None
    for item, gap in zip(values, gaps, strict=True):
        last = last if gap else item
        result.append(item if last is None else last)
    return result


def _declare_fill(name: str, summary: str, fill: Callable[[Numbers, list[bool]], Numbers]) -> ScalarFunction:
    def value(text: str, placeholder: float | None) -> str | None:
        found = numbers(text) if text is not None else None
        return None if found is None else dumps(fill(found, _find_missing(found, placeholder)))

    return scalar(
        __name__,
        f"series_fill_{name}(series: dynamic, [placeholder: real]): dynamic",
        summary=summary,
        routine=each(f"kql_series_fill_{name}", ("VARCHAR", "DOUBLE"), "VARCHAR", value, strict=False),
    )


series_fill_forward = _declare_fill("forward", "Fill gaps with the value before them.", _forward)
series_fill_backward = _declare_fill(
    "backward",
    "Fill gaps with the value after them.",
    lambda values, gaps: _forward(values[::-1], gaps[::-1])[::-1],
)


def _constant(text: str | None, constant: str | None, placeholder: float | None) -> str | None:
    found = numbers(text) if text is not None else None
    if found is None:
        return None
    filler = None if constant is None else json.loads(constant)
    gaps = _find_missing(found, placeholder)
    return dumps([filler if gap else item for item, gap in zip(found, gaps, strict=True)])


_FILL_CONST = each(
    "kql_series_fill_const", ("VARCHAR", "VARCHAR", "DOUBLE"), "VARCHAR", _constant, strict=False
)


@function("series_fill_const(series: dynamic, [constant: long|real|decimal], [placeholder: real]): dynamic")
def series_fill_const(call: Arguments) -> exp.Expr:
    """Fill gaps with a constant (0)."""
    constant = as_json(call, call[1], call.types[1]) if len(call) > 1 else nodes.text("0")
    return apply(
        call, _FILL_CONST, call[0], constant, call[2] if len(call) > 2 else nodes.cast(exp.Null(), "DOUBLE")
    )


def _linear(
    text: str | None, placeholder: float | None, edges: bool | None, constant: float | None
) -> str | None:
    found = numbers(text) if text is not None else None
    if found is None:
        return None
    gaps = _find_missing(found, placeholder)
    known = [place for place, gap in enumerate(gaps) if not gap]
    if not known:
        return dumps([constant or 0.0] * len(found))
    whole = all(isinstance(found[place], int) for place in known)
    filled = np.interp(range(len(found)), known, [float(found[place]) for place in known])
    result: Numbers = []
    for place, (item, gap) in enumerate(zip(found, gaps, strict=True)):
        outside = place < known[0] or place > known[-1]
        if not gap:
            result.append(item)
        elif outside and edges is False:
            result.append(None if placeholder is None else item)
        else:
            result.append(int(filled[place]) if whole else float(filled[place]))
    return dumps(result)


series_fill_linear = scalar(
    __name__,
    "series_fill_linear(series: dynamic, [placeholder: real], [edges: bool], [constant: real]): dynamic",
    summary="Fill gaps along the line between their neighbours.",
    routine=each(
        "kql_series_fill_linear", ("VARCHAR", "DOUBLE", "BOOLEAN", "DOUBLE"), "VARCHAR", _linear, strict=False
    ),
)


def _real(name: str, summary: str, action: Callable[[detection.Reals], float]) -> ScalarFunction:
    def value(text: str) -> float | None:
        found = reals(text)
        return None if found is None else float(action(found))

    return scalar(
        __name__,
        f"series_{name}(series: dynamic): real",
        summary=summary,
        routine=each(f"kql_series_{name}", ("VARCHAR",), "DOUBLE", value),
    )


series_magnitude = _real(
    "magnitude", "Give the length of a series as a vector.", lambda x: float(np.sqrt(x @ x))
)
series_product = _real("product", "Multiply the elements.", lambda x: float(np.prod(x)))


def _pair_real(
    name: str, summary: str, action: Callable[[detection.Reals, detection.Reals], float]
) -> ScalarFunction:
    def value(left: str, right: str) -> float | None:
        one, two = reals(left), reals(right)
        if one is None or two is None or len(one) != len(two):
            return None
        with np.errstate(all="ignore"):
            return float(action(one, two))

    return scalar(
        __name__,
        f"series_{name}(left: dynamic, right: dynamic): real",
        summary=summary,
        routine=each(f"kql_series_{name}", ("VARCHAR", "VARCHAR"), "DOUBLE", value),
    )


def _pearson(one: detection.Reals, two: detection.Reals) -> float:
    a, b = one - one.mean(), two - two.mean()
    return float(np.float64(a @ b) / np.sqrt((a @ a) * (b @ b)))


series_pearson_correlation = _pair_real(
    "pearson_correlation", "Give Pearson's correlation of two series.", _pearson
)
series_dot_product = _pair_real(
    "dot_product", "Give the dot product of two series.", lambda a, b: float(a @ b)
)
series_cosine_similarity = _pair_real(
    "cosine_similarity",
    "Give the cosine of the angle between two series.",
    lambda a, b: float(np.float64(a @ b) / np.sqrt((a @ a) * (b @ b))),
)


def _fir(text: str, taps: str, normalize: bool | None, center: bool | None) -> str | None:
    values, weights = reals(text), reals(taps)
    if values is None or weights is None:
        return None
    total = float(weights.sum())
    uniform = bool((weights == weights[0]).all())
    if total and (normalize or (normalize is None and uniform)):
        weights = weights / total
    full = _convolve(values, weights)
    shift = len(weights) // 2 if center else 0
    return dumps(_plain(full[shift : shift + len(values)]))


def _convolve(values: detection.Reals, weights: detection.Reals) -> detection.Reals:
    """The convolution of two series; of long ones by their spectra, in a time that their product is no measure of."""
    if len(values) * len(weights) <= MAX_PRODUCTS:
        return np.convolve(values, weights)
    size = len(values) + len(weights) - 1
    length = 1 << (size - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(values, length) * np.fft.rfft(weights, length), length)[:size]


series_fir = scalar(
    __name__,
    "series_fir(series: dynamic, filter: dynamic, [normalize: bool], [center: bool]): dynamic",
    summary="Apply a filter of finite response.",
    routine=each(
        "kql_series_fir",
        ("VARCHAR", "VARCHAR", "BOOLEAN", "BOOLEAN"),
        "VARCHAR",
        lambda text, taps, normalize, center: (
            None if text is None or taps is None else _fir(text, taps, normalize, center)
        ),
        strict=False,
    ),
)


def _iir(text: str, numerators: str, denominators: str) -> str | None:
    values, ahead, back = reals(text), reals(numerators), reals(denominators)
    if values is None or ahead is None or back is None or not back[0]:
        return None
    result: list[float] = []
    for place in range(len(values)):
        check(place)
        total = sum(float(ahead[i] * values[place - i]) for i in range(min(len(ahead), place + 1)))
        total -= sum(float(back[i]) * result[place - i] for i in range(1, min(len(back), place + 1)))
        result.append(total / float(back[0]))
    return dumps(result)


series_iir = scalar(
    __name__,
    "series_iir(series: dynamic, numerators: dynamic, denominators: dynamic): dynamic",
    summary="Apply a filter of infinite response.",
    routine=each("kql_series_iir", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR", _iir),
)


def _seasonal(text: str, period: int | None, test_points: int | None) -> str | None:
    found = reals(text) if text is not None else None
    if found is None:
        return None
    size = max(1, len(found) - (test_points or 0))
    length = detection.detected_period(found[:size], 0.6) if period is None or period < 0 else period
    return dumps(_plain(detection.season(found, length, size)))


series_seasonal = scalar(
    __name__,
    "series_seasonal(series: dynamic, [period: long], [test_points: long]): dynamic",
    summary="Give the seasonal part of a series, of a period that is detected where none is given.",
    routine=each("kql_series_seasonal", ("VARCHAR", "BIGINT", "BIGINT"), "VARCHAR", _seasonal, strict=False),
)
