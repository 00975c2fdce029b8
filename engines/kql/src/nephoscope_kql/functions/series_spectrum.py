"""Series in frequencies: the Fourier transform and its inverse, and how well given periods fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from sqlglot import exp

from nephoscope_kql.functions import series_detection as detection
from nephoscope_kql.functions.declaration import apply_routine, declare_rowwise, declare_scalar_macro
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.functions.series import parse_reals
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.sql import nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _make_transform(
    change: Callable[[NDArray[np.complexfloating]], NDArray[np.complexfloating]],
) -> Callable[[str, str | None], str | None]:
    def run(real: str | None, imaginary: str | None) -> str | None:
        first = parse_reals(real) if real is not None else None
        second = parse_reals(imaginary) if imaginary is not None else None
        if first is None or (imaginary is not None and (second is None or len(second) != len(first))):
            return None
        found = change(first + 1j * second if second is not None else first + 0j)
        return format_json([[float(item) for item in found.real], [float(item) for item in found.imag]])

    return run


def _declare_transform(
    name: str, summary: str, change: Callable[[NDArray[np.complexfloating]], NDArray[np.complexfloating]]
) -> ScalarFunction:
    routine = declare_rowwise(
        f"kql_{name}", ("VARCHAR", "VARCHAR"), "VARCHAR", _make_transform(change), strict=False
    )
    made = declare_scalar_macro(
        __name__, f"{name}(real: dynamic, [imaginary: dynamic]): dynamic", summary=summary, routine=routine
    )
    made.extra["outputs"] = "real:dynamic imag:dynamic"
    return made


series_fft = _declare_transform(
    "series_fft", "Give the Fourier transform of a series: real and imaginary parts.", np.fft.fft
)
series_ifft = _declare_transform(
    "series_ifft", "Give the series of a Fourier transform: real and imaginary parts.", np.fft.ifft
)


def _validate_periods(text: str, wanted: list[float]) -> str | None:
    values = parse_reals(text)
    if values is None or len(values) < detection.MIN_PERIOD:
        return None
    lags = [round(period) for period in wanted]
    found = detection.compute_correlations(values, 1, max(1, max(lags, default=1)))
    scores = [max(0.0, found.get(lag, 0.0)) for lag in lags]
    return format_json([[float(period) for period in wanted], scores])


_VALIDATE = declare_rowwise(
    "kql_series_periods_validate", ("VARCHAR", "DOUBLE[]"), "VARCHAR", lambda *row: _validate_periods(*row)
)


@declare_function("series_periods_validate(series: dynamic, period: real, ...): dynamic")
def series_periods_validate(call: Arguments) -> exp.Expr:
    """Give scores from 0 to 1 of how well periods fit a series."""
    return apply_routine(call, _VALIDATE, call[0], nodes.build_array(list(call)[1:]))


series_periods_validate.extra["outputs"] = "periods:dynamic scores:dynamic"
