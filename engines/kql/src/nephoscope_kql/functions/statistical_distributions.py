"""The functions of statistics over single numbers: gamma, error and beta functions, and Welch's test."""

from __future__ import annotations

import math
from collections.abc import Callable

from nephoscope_kql.functions.declaration import declare_rowwise, declare_scalar_macro
from nephoscope_kql.plan.function_signatures import ScalarFunction
from nephoscope_kql.sql.routines import ArrowFunction


def _declare_distribution(name: str, count: int, value: Callable[..., float | None]) -> ArrowFunction:
    def call_guarded(*numbers: float) -> float | None:
        try:
            return value(*numbers)
        except (ArithmeticError, ValueError):
            return math.nan

    return declare_rowwise(f"kql_{name}", ("DOUBLE",) * count, "DOUBLE", call_guarded)


def _compute_log_gamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def _compute_gamma(x: float) -> float:
    try:
        return math.gamma(x)
    except ValueError:
        return math.nan
    except OverflowError:
        return math.inf


def _compute_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (Lentz's method)."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for part in (even, odd):
            d = 1 / (1 + part * d or tiny)
            c = 1 + part / (c or tiny) or tiny
            result *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return result


def compute_beta_distribution(x: float, a: float, b: float) -> float:
    """The beta distribution's cumulative probability; NaN outside 0 to 1, 1 for shapes that are not positive."""
    if not 0 <= x <= 1:
        return math.nan
    if not (a > 0 and b > 0):
        return 1.0
    if x in (0.0, 1.0):
        return x
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return scale * _compute_fraction(x, a, b) / a
    return 1 - scale * _compute_fraction(1 - x, b, a) / b


def _compute_beta_inverse(p: float, a: float, b: float) -> float | None:
    if not 0 <= p <= 1:
        return None
    if not (a > 0 and b > 0):
        return math.nan
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if compute_beta_distribution(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def _compute_beta_density(x: float, a: float, b: float) -> float:
    if not 0 <= x <= 1 or not (a > 0 and b > 0):
        return math.nan
    if x in (0.0, 1.0):
        edge = a if x == 0.0 else b
        return math.inf if edge < 1 else (0.0 if edge > 1 else (b if x == 0.0 else a))
    return math.exp(
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + (a - 1) * math.log(x)
        + (b - 1) * math.log1p(-x)
    )


def _declare_statistic(
    name: str, parameters: tuple[str, ...], summary: str, value: Callable[..., float | None]
) -> ScalarFunction:
    return declare_scalar_macro(
        __name__,
        f"{name}({', '.join(f'{item}: real' for item in parameters)}): real",
        summary=summary,
        routine=_declare_distribution(name, len(parameters), value),
    )


gamma = _declare_statistic("gamma", ("number",), "Give the gamma function.", _compute_gamma)
loggamma = _declare_statistic(
    "loggamma", ("number",), "Give the logarithm of the gamma function.", _compute_log_gamma
)
erf = _declare_statistic("erf", ("number",), "Give the error function.", math.erf)
erfc = _declare_statistic("erfc", ("number",), "Give 1 less the error function.", math.erfc)
beta_cdf = _declare_statistic(
    "beta_cdf", ("x", "alpha", "beta"), "Give the beta distribution.", compute_beta_distribution
)
beta_inv = _declare_statistic(
    "beta_inv", ("probability", "alpha", "beta"), "Invert the beta distribution.", _compute_beta_inverse
)
beta_pdf = _declare_statistic(
    "beta_pdf", ("x", "alpha", "beta"), "Give the density of the beta distribution.", _compute_beta_density
)


def _compute_welch(
    mean: float, variance: float, count: float, mean2: float, variance2: float, count2: float
) -> float:
    """The two-sided probability of Welch's t-test; NaN where a sample has no spread."""
    if count < 2 or count2 < 2 or variance < 0 or variance2 < 0 or variance + variance2 == 0:
        return math.nan
    one, two = variance / count, variance2 / count2
    degrees = (one + two) ** 2 / (one * one / (count - 1) + two * two / (count2 - 1))
    square = (mean - mean2) ** 2 / (one + two)
    return compute_beta_distribution(degrees / (degrees + square), degrees / 2, 0.5)


welch_test = _declare_statistic(
    "welch_test",
    ("mean1", "variance1", "count1", "mean2", "variance2", "count2"),
    "Give the probability that two samples have one mean (Welch's t-test, two-sided).",
    _compute_welch,
)
