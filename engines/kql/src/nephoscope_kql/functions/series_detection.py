"""Decomposition of a series: period, season, trend, and how far each point is off. Held to what the real engine recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

MIN_PERIOD = 4
MIN_CYCLES = 3
TUKEY_SCALE = 2.7726056059079149
"""Turns a distance from the 10th or 90th percentile, in units of their difference, into Kusto's score (recorded; 1.5 is mild)."""


@dataclass(frozen=True, slots=True)
class SeriesParts:
    """A series as season + trend + residual; `baseline` is season + trend."""

    seasonal: Reals
    trend: Reals
    baseline: Reals
    residual: Reals


def fit_line(values: Reals, size: int) -> tuple[float, float]:
    """Slope and start of the least-squares line through the first `size` values."""
    x = np.arange(size, dtype=float)
    y = values[:size]
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ (y - y.mean())) / spread if spread else 0.0
    return slope, float(y.mean()) - slope * float(x.mean())


def compute_line_values(slope: float, start: float, size: int) -> Reals:
    """The values of a line."""
    return start + slope * np.arange(size, dtype=float)


def compute_correlations(values: Reals, least: int, most: int) -> dict[int, float]:
    """The correlation of a series, its line taken off, with itself for every lag."""
    rest = values - compute_line_values(*fit_line(values, len(values)), len(values))
    found: dict[int, float] = {}
    for lag in range(max(1, least), min(most, len(values) - 2) + 1):
        head, tail = rest[:-lag] - rest[:-lag].mean(), rest[lag:] - rest[lag:].mean()
        size = float(np.sqrt((head @ head) * (tail @ tail)))
        found[lag] = float(head @ tail) / size if size > 1e-12 else 0.0
    return found


def find_correlation_peaks(found: dict[int, float]) -> list[tuple[int, float]]:
    """Lags whose correlation is above both neighbors', best first; of near equals the shortest."""
    tops = [
        (lag, value)
        for lag, value in found.items()
        if value >= found.get(lag - 1, -2.0) and value >= found.get(lag + 1, -2.0)
    ]
    return sorted(tops, key=lambda item: (-round(item[1], 2), item[0]))


def detect_period(values: Reals, threshold: float) -> int:
    """The period of a series; 0 where none is clear."""
    most = len(values) // MIN_CYCLES
    found = find_correlation_peaks(compute_correlations(values, MIN_PERIOD - 1, most + 1))
    best = [(lag, value) for lag, value in found if MIN_PERIOD <= lag <= most and value >= threshold]
    return best[0][0] if best else 0


def compute_season(values: Reals, period: int, size: int) -> Reals:
    """The median of every phase of the first `size` values, repeated over the whole series."""
    if period < 1 or period > size:
        return np.zeros(len(values))
    phases = np.array([np.median(values[start:size:period]) for start in range(period)])
    return np.tile(phases, len(values) // period + 1)[: len(values)]


def decompose_series(
    values: Reals, period: int, trend: str, test_points: int, threshold: float
) -> SeriesParts:
    """The parts of a series; `period` -1 detects it, 0 has none; the last `test_points` do not teach."""
    size = max(1, len(values) - max(0, test_points))
    if period < 0:
        period = detect_period(values[:size], threshold)
    seasonal = compute_season(values, period, size) if period else np.zeros(len(values))
    rest = values - seasonal
    if trend == "linefit":
        level = compute_line_values(*fit_line(rest, size), len(values))
    elif trend == "avg":
        level = np.full(len(values), float(rest[:size].mean()))
    else:
        level = np.zeros(len(values))
    baseline = seasonal + level
    return SeriesParts(seasonal, level, baseline, values - baseline)


def compute_outlier_scores(
    values: Reals, low: float = 10.0, high: float = 90.0, test_points: int = 0
) -> Reals:
    """Signed scores: 0 between two percentiles, outside by the distance in units of their difference."""
    size = max(1, len(values) - max(0, test_points))
    finite = values[:size][np.isfinite(values[:size])]
    if not len(finite):
        return np.zeros(len(values))
    below, above = (float(item) for item in np.percentile(finite, [low, high]))
    width = above - below
    distance = np.where(values > above, values - above, np.where(values < below, values - below, 0.0))
    if width <= 0:
        return np.asarray(np.sign(distance) * np.where(distance != 0, np.inf, 0.0))
    scale = TUKEY_SCALE if (low, high) == (10.0, 90.0) else 1.0
    return np.asarray(distance / width * scale)


def find_best_split(values: Reals) -> tuple[int, float]:
    """Return where to divide a series so that a line on each side leaves the least squares, and those squares."""
    size = len(values)
    best = (0, float("inf"))
    for cut in range(1, size - 1):
        left, right = values[:cut], values[cut:]
        squares = sum(
            float(((part - compute_line_values(*fit_line(part, len(part)), len(part))) ** 2).sum())
            for part in (left, right)
        )
        if squares < best[1] - 1e-12:
            best = (cut, squares)
    return best
