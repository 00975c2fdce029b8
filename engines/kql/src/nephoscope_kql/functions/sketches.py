"""Functions on the sketches of hll() and tdigest(). These sketches hold the values, so that every answer is exact."""

from __future__ import annotations

import json
import math
from typing import Any

from sqlglot import exp

from nephoscope_kql.functions.declaration import (
    apply_routine,
    declare_rowwise,
    declare_scalar_macro,
    find_named_type,
)
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.functions.regex import convert_text
from nephoscope_kql.functions.tostring import get_text_argument
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.types import KqlType


def _parse_values(sketch: str) -> list[object] | None:
    try:
        found = json.loads(sketch)
    except ValueError:
        return None
    return found if isinstance(found, list) and found else None


def _estimate_distinct_count(sketch: str) -> int | None:
    found = _parse_values(sketch)
    return None if found is None else len(found)


dcount_hll = declare_scalar_macro(
    __name__,
    "dcount_hll(hll: dynamic): long",
    summary="Count the distinct values that hll() or hll_merge() kept; null for null.",
    routine=declare_rowwise("kql_sketch_count", ("VARCHAR",), "BIGINT", _estimate_distinct_count),
)


def _join_sketches(one: str | None, other: str | None, distinct: bool) -> str | None:
    kept = [item for text in (one, other) if text is not None for item in _parse_values(text) or []]
    if distinct:
        kept = list({format_json(item): item for item in kept}.values())
    return format_json(kept) if kept else None


_JOIN = declare_rowwise(
    "kql_sketch_join", ("VARCHAR", "VARCHAR", "BOOLEAN"), "VARCHAR", _join_sketches, strict=False
)


def _build_merge(call: Arguments, distinct: bool) -> exp.Expr:
    node = call[0]
    for other in list(call)[1:]:
        node = apply_routine(call, _JOIN, node, other, exp.Boolean(this=distinct))
    return node


@declare_function("hll_merge(hll: dynamic, hll2: dynamic, ...): dynamic")
def hll_merge(call: Arguments) -> exp.Expr:
    """Join what several hll() kept."""
    return _build_merge(call, distinct=True)


@declare_function(
    "tdigest_merge(tdigest: dynamic, tdigest2: dynamic, ...): dynamic", aliases=("merge_tdigest",)
)
def tdigest_merge(call: Arguments) -> exp.Expr:
    """Join what several tdigest() kept."""
    return _build_merge(call, distinct=False)


def _sort_values(sketch: str) -> list[Any] | None:
    found = _parse_values(sketch)
    if found is None:
        return None
    if all(isinstance(item, int | float) for item in found):
        return sorted(found)
    return sorted(str(item) for item in found)


def _compute_nearest_rank(values: list[object], share: float) -> object:
    return values[max(0, math.ceil(share / 100 * len(values)) - 1)]


def _compute_percentile(sketch: str, share: float) -> str | None:
    found = _sort_values(sketch)
    if found is None or not 0 <= share <= 100:
        return None
    value = _compute_nearest_rank(found, share)
    return value if isinstance(value, str) else format_json(value)


def _compute_percentile_json(sketch: str, share: float) -> str | None:
    found = _sort_values(sketch)
    return (
        None if found is None or not 0 <= share <= 100 else format_json(_compute_nearest_rank(found, share))
    )


def _compute_percentiles(sketch: str, shares: str) -> str | None:
    found, wanted = _sort_values(sketch), _parse_values(shares)
    if found is None or wanted is None:
        return None
    numbers = [share for share in wanted if isinstance(share, int | float) and 0 <= share <= 100]
    return (
        format_json([_compute_nearest_rank(found, share) for share in numbers])
        if len(numbers) == len(wanted)
        else None
    )


_TEXT = declare_rowwise("kql_sketch_percentile", ("VARCHAR", "DOUBLE"), "VARCHAR", _compute_percentile)
_JSON = declare_rowwise(
    "kql_sketch_percentile_json", ("VARCHAR", "DOUBLE"), "VARCHAR", _compute_percentile_json
)


def _infer_requested_type(arguments: tuple[Bound, ...]) -> KqlType:
    return find_named_type(arguments[2]) if len(arguments) > 2 else KqlType.DYNAMIC


@declare_function(
    "percentile_tdigest(tdigest: dynamic, share: real): dynamic",
    "percentile_tdigest(tdigest: dynamic, share: real, type: const string): dynamic",
    returns=_infer_requested_type,
)
def percentile_tdigest(call: Arguments) -> exp.Expr:
    """Give a percentile (nearest rank) of what tdigest() kept, as a value of the type that is named."""
    if call.type == KqlType.DYNAMIC:
        return apply_routine(call, _JSON, call[0], call[1])
    return convert_text(call, apply_routine(call, _TEXT, call[0], call[1]), call.type)


percentile_array_tdigest = declare_scalar_macro(
    __name__,
    "percentile_array_tdigest(tdigest: dynamic, shares: dynamic): dynamic",
    summary="Give several percentiles (nearest rank) of what tdigest() kept.",
    routine=declare_rowwise(
        "kql_sketch_percentiles", ("VARCHAR", "VARCHAR"), "VARCHAR", _compute_percentiles
    ),
    aliases=("percentiles_array_tdigest",),
)


def _count_rank(sketch: str, text: str) -> int | None:
    """Count how many values are at most that one; numbers by size, others by their text."""
    found = _sort_values(sketch)
    if found is None:
        return None
    if isinstance(found[0], str):
        return len([item for item in found if item <= text])
    try:
        value = float(text)
    except ValueError:
        return None
    return len([item for item in found if item <= value])


def _compute_percent_rank(sketch: str, text: str) -> float | None:
    rank, count = _count_rank(sketch, text), _estimate_distinct_count(sketch)
    return None if rank is None or not count else 100 * rank / count


_RANK = declare_rowwise("kql_sketch_rank", ("VARCHAR", "VARCHAR"), "DOUBLE", _count_rank)
_PERCENT_RANK = declare_rowwise(
    "kql_sketch_percent_rank", ("VARCHAR", "VARCHAR"), "DOUBLE", _compute_percent_rank
)


@declare_function("rank_tdigest(tdigest: dynamic, value: int|long|real|decimal|datetime|timespan): real")
def rank_tdigest(call: Arguments) -> exp.Expr:
    """Count the values that tdigest() kept and that are at most the given one."""
    return apply_routine(call, _RANK, call[0], get_text_argument(call, 1))


@declare_function(
    "percentrank_tdigest(tdigest: dynamic, value: int|long|real|decimal|datetime|timespan): real"
)
def percentrank_tdigest(call: Arguments) -> exp.Expr:
    """Give the share, in percent, of the values that tdigest() kept and that are at most the given one."""
    return apply_routine(call, _PERCENT_RANK, call[0], get_text_argument(call, 1))
