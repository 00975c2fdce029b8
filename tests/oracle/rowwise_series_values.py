"""The witness's functions on series: lines, seasons, outliers, decompositions, statistics."""

from __future__ import annotations

import math
import statistics
from typing import Any

from rowwise_functions import gives

REALS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def reals(value: Any) -> list[float] | None:
    """A series as reals; None where it is empty, or has what is no number."""
    if not isinstance(value, list) or not value:
        return None
    found = [REALS.get(item) if isinstance(item, str) else item for item in value]
    if any(not isinstance(item, int | float) for item in found):
        return None
    return [float(item) for item in found]  # type: ignore[arg-type]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def line(values: list[float]) -> tuple[float, float]:
    """Slope and start of the least-squares line."""
    middle, level = (len(values) - 1) / 2, mean(values)
    spread = math.fsum((x - middle) ** 2 for x in range(len(values)))
    slope = math.fsum((x - middle) * (y - level) for x, y in enumerate(values)) / spread if spread else 0.0
    return slope, level - slope * middle


def along(slope: float, start: float, size: int) -> list[float]:
    return [start + slope * x for x in range(size)]


def fit(values: list[float]) -> dict[str, Any]:
    slope, start = line(values)
    fitted = along(slope, start, len(values))
    level, size = mean(values), max(1, len(values) - 1)
    total = math.fsum((y - level) ** 2 for y in values)
    rest = math.fsum((y - x) ** 2 for x, y in zip(fitted, values, strict=True))
    return {
        "rsquare": 1 - rest / total if total else 1.0,
        "slope": slope,
        "variance": total / size,
        "rvariance": rest / size,
        "interception": start,
        "line_fit": fitted,
    }


@gives("series_fit_line")
def series_fit_line(value: Any) -> Any:
    values = reals(value)
    return None if values is None else list(fit(values).values())


@gives("series_fit_line_dynamic")
def series_fit_line_dynamic(value: Any) -> Any:
    values = reals(value)
    return None if values is None else fit(values)


def correlation(one: list[float], other: list[float]) -> float:
    first, second = mean(one), mean(other)
    mine, yours = [x - first for x in one], [y - second for y in other]
    size = math.sqrt(math.fsum(x * x for x in mine) * math.fsum(y * y for y in yours))
    return math.fsum(x * y for x, y in zip(mine, yours, strict=True)) / size if size > 1e-12 else 0.0


def period_of(values: list[float], threshold: float) -> int:
    """The lag, of four points up to a third of the series, at which it is most like itself; 0 where it is not."""
    most = len(values) // 3
    base = along(*line(values), len(values))
    rest = [y - x for x, y in zip(base, values, strict=True)]
    lags = {lag: correlation(rest[:-lag], rest[lag:]) for lag in range(3, min(most + 1, len(values) - 2) + 1)}
    tops = [
        (-round(value, 2), lag)
        for lag, value in lags.items()
        if 4 <= lag <= most
        and value >= threshold
        and value >= max(lags.get(lag - 1, -2.0), lags.get(lag + 1, -2.0))
    ]
    return min(tops)[1] if tops else 0


def decomposed(
    value: Any, period: Any, trend: Any, test_points: Any, threshold: Any
) -> dict[str, list[float]] | None:
    """Season (a median for each phase), trend (a line, a mean, none), rest; the last test points do not teach."""
    values = reals(value)
    if values is None:
        return None
    taught = values[: max(1, len(values) - max(0, test_points or 0))]
    length = -1 if period is None else period
    if length < 0:
        length = period_of(taught, 0.6 if threshold is None else threshold)
    if not 1 <= length <= len(taught):
        length = 0
    phases = [statistics.median(taught[at::length]) for at in range(length)]
    seasonal = [phases[at % length] if length else 0.0 for at in range(len(values))]
    rest = [y - x for x, y in zip(seasonal, values, strict=True)]
    kind = (trend or "avg").lower()
    level = [0.0] * len(values)
    if kind == "linefit":
        level = along(*line(rest[: len(taught)]), len(values))
    elif kind == "avg":
        level = [mean(rest[: len(taught)])] * len(values)
    baseline = [one + other for one, other in zip(seasonal, level, strict=True)]
    residual = [y - x for x, y in zip(baseline, values, strict=True)]
    return {"baseline": baseline, "seasonal": seasonal, "trend": level, "residual": residual}


@gives("series_decompose", strict=False)
def series_decompose(
    value: Any, period: Any = -1, trend: Any = "avg", test_points: Any = 0, threshold: Any = 0.6
) -> Any:
    found = decomposed(value, period, trend, test_points, threshold)
    return found and list(found.values())


@gives("series_decompose_forecast", strict=False)
def series_decompose_forecast(
    value: Any, points: Any, period: Any = -1, trend: Any = "linefit", threshold: Any = 0.6
) -> Any:
    found = decomposed(value, period, trend or "linefit", points, threshold)
    return found and found["baseline"]


def share(values: list[float], percent: float) -> float:
    """A percentile between two values in proportion."""
    place = (len(values) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def scores(values: list[float], tukey: bool, test_points: int = 0) -> list[float]:
    """How far outside two percentiles, in units of their difference."""
    taught = sorted(one for one in values[: max(1, len(values) - max(0, test_points))] if math.isfinite(one))
    if not taught:
        return [0.0] * len(values)
    low, high = (share(taught, percent) for percent in ((25, 75) if tukey else (10, 90)))
    scale = 1.0 if tukey else 2.7726056059079149

    def score(one: float) -> float:
        distance = max(one - high, 0.0) + min(one - low, 0.0)
        if high - low > 0:
            return distance / (high - low) * scale
        return math.copysign(math.inf, distance) if distance else 0.0

    return [score(one) for one in values]


@gives("series_outliers", strict=False)
def series_outliers(value: Any, kind: Any = "ctukey", *_: Any) -> Any:
    values = reals(value)
    return None if values is None else shown(scores(values, (kind or "ctukey").lower() == "tukey"))


@gives("series_decompose_anomalies", strict=False)
def series_decompose_anomalies(
    value: Any,
    threshold: Any = 1.5,
    period: Any = -1,
    trend: Any = "avg",
    test_points: Any = 0,
    method: Any = "ctukey",
    seasonality: Any = 0.6,
) -> Any:
    found = decomposed(value, period, trend, test_points, seasonality)
    if found is None:
        return None
    rated = scores(found["residual"], (method or "ctukey").lower() == "tukey", test_points or 0)
    limit = 1.5 if threshold is None else threshold
    flags = [(one > limit) - (one < -limit) for one in rated]
    return [flags, shown(rated), found["baseline"]]


def shown(values: list[float]) -> list[Any]:
    """Reals as elements of a dynamic."""
    names = {math.inf: "Infinity", -math.inf: "-Infinity"}
    return ["NaN" if one != one else names.get(one, one) for one in values]


@gives("series_stats")
def series_stats(value: Any, ignore: bool = False) -> Any:
    found = statistics_of(value, ignore)
    return found and list(found.values())[:7]


@gives("series_stats_dynamic")
def series_stats_dynamic(value: Any, ignore: bool = False) -> Any:
    return statistics_of(value, ignore)


def statistics_of(value: Any, ignore: bool) -> dict[str, Any] | None:
    if not isinstance(value, list):
        return None
    values = [REALS.get(item) if isinstance(item, str) else item for item in value]
    values = [float(item) if isinstance(item, int | float) else math.nan for item in values]
    kept = [one for one in values if math.isfinite(one)] if ignore else values
    names = ("min", "min_idx", "max", "max_idx", "avg", "stdev", "variance", "sum")
    if not kept or not all(map(math.isfinite, kept)):
        return {**dict.fromkeys(names), "len": len(values)}
    level = mean(kept)
    variance = math.fsum((one - level) ** 2 for one in kept) / (len(kept) - 1) if len(kept) > 1 else 0.0
    low, high = min(kept), max(kept)
    cells = (
        low,
        values.index(low),
        high,
        values.index(high),
        level,
        math.sqrt(variance),
        variance,
        math.fsum(kept),
    )
    return {**dict(zip(names, cells, strict=True)), "len": len(values)}
