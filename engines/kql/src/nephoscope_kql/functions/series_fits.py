"""Series functions with several results: statistics, lines, periods, outliers, decomposition.

Each gives a dynamic array of its results in order; `outputs` names them (and their types) for `extend` and `project`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sqlglot import exp

from nephoscope_kql.functions import series_detection as detection
from nephoscope_kql.functions.arrays import JOINED
from nephoscope_kql.functions.declaration import apply_routine, declare_rowwise, declare_scalar_macro
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.functions.series import parse_numbers, parse_reals
from nephoscope_kql.functions.tostring import get_json_argument
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import ArrowFunction

_TREND = "avg"
_THRESHOLD = 0.6


def _declare_several_outputs(
    name: str, parameters: str, outputs: str, summary: str, routine: ArrowFunction
) -> ScalarFunction:
    made = declare_scalar_macro(__name__, f"{name}({parameters}): dynamic", summary=summary, routine=routine)
    made.extra["outputs"] = outputs
    return made


def _to_floats(values: Iterable[float]) -> list[float]:
    return [float(item) for item in values]


def _compute_statistics(text: str | None, ignore: bool | None) -> dict[str, object] | None:
    found = parse_numbers(text) if text is not None else None
    if found is None:
        return None
    values = np.array([np.nan if item is None else item for item in found], dtype=float)
    kept = values[np.isfinite(values)] if ignore else values
    if not len(kept) or not np.isfinite(kept).all():
        empty = dict.fromkeys(("min", "min_idx", "max", "max_idx", "avg", "stdev", "variance"))
        return {**empty, "sum": None, "len": len(found)}
    low, high = float(kept.min()), float(kept.max())
    variance = float(kept.var(ddof=1)) if len(kept) > 1 else 0.0
    return {
        "min": low,
        "min_idx": int(np.argmax(values == low)),
        "max": high,
        "max_idx": int(np.argmax(values == high)),
        "avg": float(kept.mean()),
        "stdev": variance**0.5,
        "variance": variance,
        "sum": float(kept.sum()),
        "len": len(found),
    }


def _compute_stats(text: str | None, ignore: bool | None) -> str | None:
    found = _compute_statistics(text, ignore)
    return None if found is None else format_json(list(found.values())[:7])


def _compute_stats_bag(text: str | None, ignore: bool | None) -> str | None:
    found = _compute_statistics(text, ignore)
    return None if found is None else format_json(found)


series_stats = _declare_several_outputs(
    "series_stats",
    "series: dynamic, [ignore_nonfinite: bool]",
    "min:real min_idx:long max:real max_idx:long avg:real stdev:real variance:real",
    "Give minimum, maximum (with their places), mean, deviation and variance of a series.",
    declare_rowwise("kql_series_stats", ("VARCHAR", "BOOLEAN"), "VARCHAR", _compute_stats, strict=False),
)
series_stats_dynamic = declare_scalar_macro(
    __name__,
    "series_stats_dynamic(series: dynamic, [ignore_nonfinite: bool]): dynamic",
    summary="Give the statistics of a series as a bag.",
    routine=declare_rowwise(
        "kql_series_stats_bag", ("VARCHAR", "BOOLEAN"), "VARCHAR", _compute_stats_bag, strict=False
    ),
)


def _build_square(values: detection.Reals, fitted: detection.Reals) -> dict[str, float]:
    """Return how well a line fits: r², the variance of the values and of what is left."""
    size = max(1, len(values) - 1)
    total = float(((values - values.mean()) ** 2).sum())
    rest = float(((values - fitted) ** 2).sum())
    return {
        "rsquare": 1 - rest / total if total else 1.0,
        "variance": total / size,
        "rvariance": rest / size,
    }


def _build_line(values: detection.Reals) -> dict[str, Any]:
    slope, start = detection.fit_line(values, len(values))
    fitted = detection.compute_line_values(slope, start, len(values))
    return {
        **_build_square(values, fitted),
        "slope": slope,
        "interception": start,
        "line_fit": _to_floats(fitted),
    }


_LINE = ("rsquare", "slope", "variance", "rvariance", "interception", "line_fit")


def _fit_line(text: str) -> str | None:
    values = parse_reals(text)
    return None if values is None else format_json([_build_line(values)[key] for key in _LINE])


def _fit_line_bag(text: str) -> str | None:
    values = parse_reals(text)
    return None if values is None else format_json(_build_line(values))


def _format_outputs(*names: str) -> str:
    return " ".join(
        f"{name}:{'dynamic' if name == 'line_fit' else 'long' if name == 'split_idx' else 'real'}"
        for name in names
    )


series_fit_line = _declare_several_outputs(
    "series_fit_line",
    "series: dynamic",
    _format_outputs(*_LINE),
    "Fit a line to a series.",
    declare_rowwise("kql_series_fit_line", ("VARCHAR",), "VARCHAR", _fit_line),
)
series_fit_line_dynamic = declare_scalar_macro(
    __name__,
    "series_fit_line_dynamic(series: dynamic): dynamic",
    summary="Fit a line to a series; the results are a bag.",
    routine=declare_rowwise("kql_series_fit_line_bag", ("VARCHAR",), "VARCHAR", _fit_line_bag),
)
_SIDE = ("rsquare", "slope", "interception", "variance", "rvariance")
_LINES = (
    "rsquare",
    "split_idx",
    "variance",
    "rvariance",
    "line_fit",
    *(f"{side}_{name}" for side in ("right", "left") for name in _SIDE),
)


def _fit_two_lines(values: detection.Reals) -> dict[str, Any] | None:
    if len(values) < 3:
        return None
    cut, _ = detection.find_best_split(values)
    left, right = _build_line(values[:cut]), _build_line(values[cut:])
    fitted = np.array(left["line_fit"] + right["line_fit"])
    sides = {f"{name}_{key}": part[key] for name, part in (("right", right), ("left", left)) for key in _SIDE}
    return {**_build_square(values, fitted), "split_idx": cut, "line_fit": _to_floats(fitted), **sides}


def _fit_lines(text: str) -> str | None:
    values = parse_reals(text)
    found = None if values is None else _fit_two_lines(values)
    return None if found is None else format_json([found[key] for key in _LINES])


def _fit_lines_bag(text: str) -> str | None:
    values = parse_reals(text)
    found = None if values is None else _fit_two_lines(values)
    if found is None:
        return None
    sides = {side: {key: found[f"{side}_{key}"] for key in _SIDE} for side in ("right", "left")}
    return format_json({**{key: found[key] for key in _LINES[:5]}, **sides})


series_fit_2lines = _declare_several_outputs(
    "series_fit_2lines",
    "series: dynamic",
    _format_outputs(*_LINES),
    "Fit two lines to a series, divided where they fit best.",
    declare_rowwise("kql_series_fit_2lines", ("VARCHAR",), "VARCHAR", _fit_lines),
)
series_fit_2lines_dynamic = declare_scalar_macro(
    __name__,
    "series_fit_2lines_dynamic(series: dynamic): dynamic",
    summary="Fit two lines to a series; the results are a bag.",
    routine=declare_rowwise("kql_series_fit_2lines_bag", ("VARCHAR",), "VARCHAR", _fit_lines_bag),
)


def _compute_polynomial(text: str | None, places: str | None, degree: int | None) -> str | None:
    values = parse_reals(text) if text is not None else None
    x = parse_reals(places) if places is not None else None
    power = 5 if degree is None else degree
    if values is None or not 1 <= power <= 7 or len(values) <= power:
        return None
    at = np.arange(len(values), dtype=float) if x is None else x
    if len(at) != len(values):
        return None
    fit = np.polynomial.Polynomial.fit(at, values, power).convert()
    fitted = fit(at)
    coefficients = np.zeros(power + 1)
    coefficients[: len(fit.coef)] = fit.coef
    return format_json(
        [_build_square(values, fitted)["rsquare"], _to_floats(coefficients), _to_floats(fitted)]
    )


series_fit_poly = _declare_several_outputs(
    "series_fit_poly",
    "series: dynamic, [x: dynamic], [degree: long]",
    "rsquare:real coefficients:dynamic poly_fit:dynamic",
    "Fit a polynomial to a series.",
    declare_rowwise(
        "kql_series_fit_poly", ("VARCHAR", "VARCHAR", "BIGINT"), "VARCHAR", _compute_polynomial, strict=False
    ),
)


def _compute_periods(text: str, least: float, most: float, count: int) -> str | None:
    values = parse_reals(text)
    if values is None or len(values) < 4:
        return None
    upper = min(int(most), len(values) // 2)
    found = detection.find_correlation_peaks(
        detection.compute_correlations(values, max(1, int(least) - 1), upper + 1)
    )
    best = [(lag, score) for lag, score in found if least <= lag <= upper and score > 0][: max(0, count)]
    return format_json([[float(lag) for lag, _ in best], [score for _, score in best]])


series_periods_detect = _declare_several_outputs(
    "series_periods_detect",
    "series: dynamic, least: real, most: real, count: long",
    "periods:dynamic scores:dynamic",
    "Give the clearest periods of a series, with scores from 0 to 1.",
    declare_rowwise(
        "kql_series_periods", ("VARCHAR", "DOUBLE", "DOUBLE", "BIGINT"), "VARCHAR", _compute_periods
    ),
)


def _compute_outliers(
    text: str | None, _kind: str | None, low: float | None, high: float | None
) -> str | None:
    found = parse_numbers(text) if text is not None else None
    if found is None:
        return None
    values = np.array([np.nan if item is None else item for item in found], dtype=float)
    scores = detection.compute_outlier_scores(
        values, 10.0 if low is None else low, 90.0 if high is None else high
    )
    return format_json(_to_floats(scores))


_OUTLIERS = declare_rowwise(
    "kql_series_outliers",
    ("VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE"),
    "VARCHAR",
    _compute_outliers,
    strict=False,
)


@declare_function("series_outliers(series: dynamic, [kind: const string]): dynamic")
def series_outliers(call: Arguments) -> exp.Expr:
    """Score how far every element is outside the percentiles 10 and 90 (1.5 is mild, 3 is strong)."""
    kind = call.get_text(1).lower() if len(call) > 1 else "ctukey"
    if kind not in ("ctukey", "tukey"):
        raise call.make_error(1, "the kind is 'ctukey' or 'tukey'")
    shares = (10.0, 90.0) if kind == "ctukey" else (25.0, 75.0)
    return apply_routine(
        call, _OUTLIERS, call[0], nodes.build_text(kind), *(nodes.build_number(share) for share in shares)
    )


def _read_settings(
    text: str | None, period: int | None, trend: str | None, test_points: int | None, threshold: float | None
) -> tuple[detection.Reals, detection.SeriesParts] | None:
    values = parse_reals(text) if text is not None else None
    if values is None:
        return None
    parts = detection.decompose_series(
        values,
        -1 if period is None else period,
        (trend or _TREND).lower(),
        test_points or 0,
        _THRESHOLD if threshold is None else threshold,
    )
    return values, parts


def _decompose_empty_series(*arguments: Any) -> str | None:
    found = _read_settings(*arguments)
    if found is None:
        return None
    parts = found[1]
    return format_json(
        [_to_floats(item) for item in (parts.baseline, parts.seasonal, parts.trend, parts.residual)]
    )


def _forecast_series(
    text: str | None, points: int | None, period: int | None, trend: str | None, threshold: float | None
) -> str | None:
    found = _read_settings(text, period, trend or "linefit", points, threshold)
    return None if found is None else format_json(_to_floats(found[1].baseline))


def _compute_anomalies(json_text: str) -> str | None:
    text, threshold, period, trend, test_points, method, season = _compute_arguments(json_text)
    found = _read_settings(json.dumps(text), period, trend, test_points, season)
    if found is None:
        return None
    shares = (25.0, 75.0) if (method or "ctukey").lower() == "tukey" else (10.0, 90.0)
    scores = detection.compute_outlier_scores(found[1].residual, *shares, test_points=test_points or 0)
    limit = 1.5 if threshold is None else threshold
    flags = np.where(scores > limit, 1, np.where(scores < -limit, -1, 0))
    return format_json([[int(item) for item in flags], _to_floats(scores), _to_floats(found[1].baseline)])


def _compute_arguments(text: str) -> list[Any]:
    """The arguments of a JSON array; reals that JSON lacks are texts there."""
    first, *rest = json.loads(text)
    special = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
    return [first, *(special.get(item, item) if isinstance(item, str) else item for item in rest)]


def _declare_fit(name: str, value: Callable[..., str | None]) -> ArrowFunction:
    return declare_rowwise(name, ("VARCHAR",), "VARCHAR", value)


def _declare_packed_function(
    name: str, signature: str, outputs: str, summary: str, value: Callable[..., str | None], count: int
) -> ScalarFunction:
    """A function of many optional arguments: they reach the routine as one JSON array."""
    routine = _declare_fit(f"kql_{name}", value)

    def build_node(call: Arguments) -> exp.Expr:
        texts = [get_json_argument(call, place) for place in range(len(call))]
        texts += [nodes.build_text("null") for _ in range(count - len(call))]
        return apply_routine(call, routine, apply_routine(call, JOINED, nodes.build_array(texts)))

    build_node.__doc__ = summary
    build_node.__module__ = __name__
    made = declare_function(f"{name}({signature}): dynamic")(build_node)
    made.extra["outputs"] = outputs
    return made


def _unpack_arguments(action: Callable[..., str | None]) -> Callable[[str], str | None]:
    def compute_value(text: str) -> str | None:
        first, *rest = _compute_arguments(text)
        return action(json.dumps(first), *rest)

    return compute_value


_SERIES = "series: dynamic, [period: long], [trend: string], [test_points: long], [seasonality: real]"
series_decompose = _declare_packed_function(
    "series_decompose",
    _SERIES,
    "baseline:dynamic seasonal:dynamic trend:dynamic residual:dynamic",
    "Take a series apart into season, trend and rest.",
    _unpack_arguments(_decompose_empty_series),
    5,
)
series_decompose_forecast = _declare_packed_function(
    "series_decompose_forecast",
    "series: dynamic, points: long, [period: long], [trend: string], [seasonality: real]",
    "forecast:dynamic",
    "Forecast the last points of a series from what is before them.",
    _unpack_arguments(_forecast_series),
    5,
)
series_decompose_anomalies = _declare_packed_function(
    "series_decompose_anomalies",
    "series: dynamic, [threshold: real], [period: long], [trend: string], [test_points: long], "
    "[method: string], [seasonality: real]",
    "ad_flag:dynamic ad_score:dynamic baseline:dynamic",
    "Find the points of a series that are far from its season and trend.",
    _compute_anomalies,
    7,
)
