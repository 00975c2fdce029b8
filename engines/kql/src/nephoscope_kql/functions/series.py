"""Series (arrays of numbers): element by element, filling, filters, seasons. Computed once a distinct series, not a row."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from sqlglot import exp

from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.functions import series_detection as detection
from nephoscope_kql.functions.declaration import apply_routine, declare_rowwise, declare_scalar_macro
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.functions.tostring import to_json
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.sql import nodes

Numbers: TypeAlias = list[Any]
MAX_POINTS = 1_000_000
MAX_PRODUCTS = 2_000_000_000
"""Products that a convolution is added up of; one of more is computed by spectra."""


def parse_numbers(text: str) -> Numbers | None:
    """The elements of a series: numbers, or None where one is none; None where it is no array."""
    value = json.loads(text)
    if not isinstance(value, list) or len(value) > MAX_POINTS:
        return None
    return [_read_number(item) for item in value]


def _read_number(item: object) -> object:
    if isinstance(item, bool):
        return int(item)
    if isinstance(item, int | float):
        return item
    return (
        {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(item)
        if isinstance(item, str)
        else None
    )


def parse_reals(text: str) -> detection.Reals | None:
    """A series without gaps as reals; None where it is empty or an element is no number."""
    found = parse_numbers(text)
    if not found or None in found:
        return None
    return np.array(found, dtype=float)


def _to_floats(values: Iterable[float]) -> list[float]:
    return [float(item) for item in values]


def _make_nan_on_error(action: Callable[..., object]) -> Callable[..., object]:
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


def _declare_elementwise(name: str, summary: str, action: Callable[[float], object]) -> ScalarFunction:
    guarded = _make_nan_on_error(action)

    def compute_value(text: str) -> str | None:
        found = parse_numbers(text)
        return None if found is None else format_json([guarded(item) for item in found])

    return declare_scalar_macro(
        __name__,
        f"series_{name}(series: dynamic): dynamic",
        summary=summary,
        routine=declare_rowwise(f"kql_series_{name}", ("VARCHAR",), "VARCHAR", compute_value),
    )


def _compute_log(value: float) -> float:
    return math.log(value) if value else -math.inf


series_abs = _declare_elementwise("abs", "Give the absolute value of every element.", lambda x: abs(float(x)))
series_acos = _declare_elementwise("acos", "Give the arc cosine of every element.", math.acos)
series_asin = _declare_elementwise("asin", "Give the arc sine of every element.", math.asin)
series_atan = _declare_elementwise("atan", "Give the arc tangent of every element.", math.atan)
series_ceiling = _declare_elementwise("ceiling", "Round every element up.", lambda x: float(math.ceil(x)))
series_floor = _declare_elementwise("floor", "Round every element down.", lambda x: float(math.floor(x)))
series_cos = _declare_elementwise("cos", "Give the cosine of every element.", math.cos)
series_sin = _declare_elementwise("sin", "Give the sine of every element.", math.sin)
series_tan = _declare_elementwise("tan", "Give the tangent of every element.", math.tan)
series_exp = _declare_elementwise("exp", "Give e to the power of every element.", math.exp)
series_log = _declare_elementwise("log", "Give the natural logarithm of every element.", _compute_log)
series_sign = _declare_elementwise(
    "sign", "Give the sign of every element.", lambda x: float((x > 0) - (x < 0))
)


def _declare_pairwise(name: str, summary: str, action: Callable[[float, float], object]) -> ScalarFunction:
    guarded = _make_nan_on_error(action)

    def compute_value(left: str, right: str) -> str | None:
        one, two = json.loads(left), json.loads(right)
        size = (
            max(len(item) for item in (one, two) if isinstance(item, list))
            if list in (type(one), type(two))
            else 0
        )
        first, second = (_pad_with_nulls(item, size) for item in (one, two))
        return format_json([guarded(a, b) for a, b in zip(first, second, strict=True)]) if size else "[]"

    routine = declare_rowwise(f"kql_series_{name}", ("VARCHAR", "VARCHAR"), "VARCHAR", compute_value)

    def build_node(call: Arguments) -> exp.Expr:
        return apply_routine(
            call, routine, *(to_json(call, node, kind) for node, kind in zip(call, call.types, strict=True))
        )

    build_node.__doc__ = summary
    build_node.__module__ = __name__
    return declare_function(
        f"series_{name}(left: dynamic|number, right: dynamic|number): dynamic".replace(
            "number", "long|real|decimal"
        )
    )(build_node)


def _pad_with_nulls(value: object, size: int) -> list[object]:
    if isinstance(value, list):
        return [_read_number(item) for item in value] + [None] * (size - len(value))
    return [_read_number(value)] * size


series_add = _declare_pairwise("add", "Add two series element by element.", operator.add)
series_subtract = _declare_pairwise("subtract", "Subtract a series from another.", operator.sub)
series_multiply = _declare_pairwise("multiply", "Multiply two series element by element.", operator.mul)
series_divide = _declare_pairwise("divide", "Divide a series by another.", lambda a, b: float(a) / b)
series_pow = _declare_pairwise("pow", "Raise a series to the power of another.", math.pow)
series_equals = _declare_pairwise("equals", "Tell where two series are equal.", operator.eq)
series_not_equals = _declare_pairwise("not_equals", "Tell where two series differ.", operator.ne)
series_greater = _declare_pairwise("greater", "Tell where a series is above another.", operator.gt)
series_greater_equals = _declare_pairwise(
    "greater_equals", "Tell where a series is not below another.", operator.ge
)
series_less = _declare_pairwise("less", "Tell where a series is below another.", operator.lt)
series_less_equals = _declare_pairwise(
    "less_equals", "Tell where a series is not above another.", operator.le
)


def _find_missing_values(values: Numbers, placeholder: float | None) -> list[bool]:
    return [
        item is None or (isinstance(item, float) and math.isnan(item)) or item == placeholder
        for item in values
    ]


def _fill_forward(values: Numbers, gaps: list[bool]) -> Numbers:
    result, last = [], None
    for item, gap in zip(values, gaps, strict=True):
        last = last if gap else item
        result.append(item if last is None else last)
    return result


def _declare_fill(name: str, summary: str, fill: Callable[[Numbers, list[bool]], Numbers]) -> ScalarFunction:
    def compute_value(text: str, placeholder: float | None) -> str | None:
        found = parse_numbers(text) if text is not None else None
        return None if found is None else format_json(fill(found, _find_missing_values(found, placeholder)))

    return declare_scalar_macro(
        __name__,
        f"series_fill_{name}(series: dynamic, [placeholder: real]): dynamic",
        summary=summary,
        routine=declare_rowwise(
            f"kql_series_fill_{name}", ("VARCHAR", "DOUBLE"), "VARCHAR", compute_value, strict=False
        ),
    )


series_fill_forward = _declare_fill("forward", "Fill gaps with the value before them.", _fill_forward)
series_fill_backward = _declare_fill(
    "backward",
    "Fill gaps with the value after them.",
    lambda values, gaps: _fill_forward(values[::-1], gaps[::-1])[::-1],
)


def _compute_constant(text: str | None, constant: str | None, placeholder: float | None) -> str | None:
    found = parse_numbers(text) if text is not None else None
    if found is None:
        return None
    filler = None if constant is None else json.loads(constant)
    gaps = _find_missing_values(found, placeholder)
    return format_json([filler if gap else item for item, gap in zip(found, gaps, strict=True)])


_FILL_CONST = declare_rowwise(
    "kql_series_fill_const", ("VARCHAR", "VARCHAR", "DOUBLE"), "VARCHAR", _compute_constant, strict=False
)


@declare_function(
    "series_fill_const(series: dynamic, [constant: long|real|decimal], [placeholder: real]): dynamic"
)
def series_fill_const(call: Arguments) -> exp.Expr:
    """Fill gaps with a constant (0)."""
    constant = to_json(call, call[1], call.types[1]) if len(call) > 1 else nodes.build_text("0")
    return apply_routine(
        call,
        _FILL_CONST,
        call[0],
        constant,
        call[2] if len(call) > 2 else nodes.build_cast(exp.Null(), "DOUBLE"),
    )


def _fill_linearly(
    text: str | None, placeholder: float | None, edges: bool | None, constant: float | None
) -> str | None:
    found = parse_numbers(text) if text is not None else None
    if found is None:
        return None
    gaps = _find_missing_values(found, placeholder)
    known = [place for place, gap in enumerate(gaps) if not gap]
    if not known:
        return format_json([constant or 0.0] * len(found))
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
    return format_json(result)


series_fill_linear = declare_scalar_macro(
    __name__,
    "series_fill_linear(series: dynamic, [placeholder: real], [edges: bool], [constant: real]): dynamic",
    summary="Fill gaps along the line between their neighbors.",
    routine=declare_rowwise(
        "kql_series_fill_linear",
        ("VARCHAR", "DOUBLE", "BOOLEAN", "DOUBLE"),
        "VARCHAR",
        _fill_linearly,
        strict=False,
    ),
)


def _declare_real_statistic(
    name: str, summary: str, action: Callable[[detection.Reals], float]
) -> ScalarFunction:
    def compute_value(text: str) -> float | None:
        found = parse_reals(text)
        return None if found is None else float(action(found))

    return declare_scalar_macro(
        __name__,
        f"series_{name}(series: dynamic): real",
        summary=summary,
        routine=declare_rowwise(f"kql_series_{name}", ("VARCHAR",), "DOUBLE", compute_value),
    )


series_magnitude = _declare_real_statistic(
    "magnitude", "Give the length of a series as a vector.", lambda x: float(np.sqrt(x @ x))
)
series_product = _declare_real_statistic("product", "Multiply the elements.", lambda x: float(np.prod(x)))


def _declare_pair_statistic(
    name: str, summary: str, action: Callable[[detection.Reals, detection.Reals], float]
) -> ScalarFunction:
    def compute_value(left: str, right: str) -> float | None:
        one, two = parse_reals(left), parse_reals(right)
        if one is None or two is None or len(one) != len(two):
            return None
        with np.errstate(all="ignore"):
            return float(action(one, two))

    return declare_scalar_macro(
        __name__,
        f"series_{name}(left: dynamic, right: dynamic): real",
        summary=summary,
        routine=declare_rowwise(f"kql_series_{name}", ("VARCHAR", "VARCHAR"), "DOUBLE", compute_value),
    )


def _compute_pearson(one: detection.Reals, two: detection.Reals) -> float:
    a, b = one - one.mean(), two - two.mean()
    return float(np.float64(a @ b) / np.sqrt((a @ a) * (b @ b)))


series_pearson_correlation = _declare_pair_statistic(
    "pearson_correlation", "Give Pearson's correlation of two series.", _compute_pearson
)
series_dot_product = _declare_pair_statistic(
    "dot_product", "Give the dot product of two series.", lambda a, b: float(a @ b)
)
series_cosine_similarity = _declare_pair_statistic(
    "cosine_similarity",
    "Give the cosine of the angle between two series.",
    lambda a, b: float(np.float64(a @ b) / np.sqrt((a @ a) * (b @ b))),
)


def _apply_fir(text: str, taps: str, normalize: bool | None, center: bool | None) -> str | None:
    values, weights = parse_reals(text), parse_reals(taps)
    if values is None or weights is None:
        return None
    total = float(weights.sum())
    uniform = bool((weights == weights[0]).all())
    if total and (normalize or (normalize is None and uniform)):
        weights = weights / total
    full = _convolve_values(values, weights)
    shift = len(weights) // 2 if center else 0
    return format_json(_to_floats(full[shift : shift + len(values)]))


def _convolve_values(values: detection.Reals, weights: detection.Reals) -> detection.Reals:
    """The convolution of two series; of long ones by their spectra, in a time that their product is no measure of."""
    if len(values) * len(weights) <= MAX_PRODUCTS:
        return np.convolve(values, weights)
    size = len(values) + len(weights) - 1
    length = 1 << (size - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(values, length) * np.fft.rfft(weights, length), length)[:size]


series_fir = declare_scalar_macro(
    __name__,
    "series_fir(series: dynamic, filter: dynamic, [normalize: bool], [center: bool]): dynamic",
    summary="Apply a filter of finite response.",
    routine=declare_rowwise(
        "kql_series_fir",
        ("VARCHAR", "VARCHAR", "BOOLEAN", "BOOLEAN"),
        "VARCHAR",
        lambda text, taps, normalize, center: (
            None if text is None or taps is None else _apply_fir(text, taps, normalize, center)
        ),
        strict=False,
    ),
)


def _apply_iir(text: str, numerators: str, denominators: str) -> str | None:
    values, ahead, back = parse_reals(text), parse_reals(numerators), parse_reals(denominators)
    if values is None or ahead is None or back is None or not back[0]:
        return None
    result: list[float] = []
    for place in range(len(values)):
        check_deadline(place)
        total = sum(float(ahead[i] * values[place - i]) for i in range(min(len(ahead), place + 1)))
        total -= sum(float(back[i]) * result[place - i] for i in range(1, min(len(back), place + 1)))
        result.append(total / float(back[0]))
    return format_json(result)


series_iir = declare_scalar_macro(
    __name__,
    "series_iir(series: dynamic, numerators: dynamic, denominators: dynamic): dynamic",
    summary="Apply a filter of infinite response.",
    routine=declare_rowwise("kql_series_iir", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR", _apply_iir),
)


def _compute_seasonal(text: str, period: int | None, test_points: int | None) -> str | None:
    found = parse_reals(text) if text is not None else None
    if found is None:
        return None
    size = max(1, len(found) - (test_points or 0))
    length = detection.detect_period(found[:size], 0.6) if period is None or period < 0 else period
    return format_json(_to_floats(detection.compute_season(found, length, size)))


series_seasonal = declare_scalar_macro(
    __name__,
    "series_seasonal(series: dynamic, [period: long], [test_points: long]): dynamic",
    summary="Give the seasonal part of a series, of a period that is detected where none is given.",
    routine=declare_rowwise(
        "kql_series_seasonal", ("VARCHAR", "BIGINT", "BIGINT"), "VARCHAR", _compute_seasonal, strict=False
    ),
)
