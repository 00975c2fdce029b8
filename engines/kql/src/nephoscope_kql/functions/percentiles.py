"""Percentiles, exact, by nearest rank; also of values with weights."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from nephoscope_kql.functions.arrays import JOINED
from nephoscope_kql.functions.declaration import apply_routine, declare_aggregate, declare_arrow_function
from nephoscope_kql.functions.tostring import to_json
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import nodes

_MEASURED = "value: long|real|datetime|timespan"
_ORDERED = f"{_MEASURED}|bool|string|guid|dynamic"
"""Of what percentiles are computed: an int is taken as a long and a decimal as a real, as Kusto does."""


def _read_share(call: Arguments, position: int) -> float:
    value = call.get_value(position)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise call.make_error(position, "a percentile is a number from 0 to 100")
    return float(value) / 100


def _build_percentile(call: Arguments) -> exp.Expr:
    return nodes.aggregate("quantile_disc", call[0], nodes.build_number(_read_share(call, 1)))


percentile = declare_aggregate(
    __name__,
    f"percentile({_ORDERED}, share: const real): first",
    summary="Give the value below which a share of the values lies (nearest rank, exactly).",
    label="percentile_{0}_{1}",
    builder=_build_percentile,
)


def _list_shares(call: Arguments, first: int) -> list[float]:
    bound = call.bound[first]
    if isinstance(bound, Constant) and isinstance(bound.value, list):
        return [float(item) / 100 for item in bound.value]
    return [_read_share(call, place) for place in range(first, len(call))]


def _write_array(call: Arguments, found: list[exp.Expr]) -> exp.Expr:
    kind = call.types[0]
    return apply_routine(
        call,
        JOINED,
        nodes.build_array(
            [nodes.build_coalesce(to_json(call, item, kind), nodes.build_text("null")) for item in found]
        ),
    )


def _build_percentiles_array(call: Arguments) -> exp.Expr:
    return _write_array(
        call,
        [
            nodes.aggregate("quantile_disc", call[0], nodes.build_number(share))
            for share in _list_shares(call, 1)
        ],
    )


percentiles_array = declare_aggregate(
    __name__,
    f"percentiles_array({_ORDERED}, share: const real, ...): dynamic",
    f"percentiles_array({_ORDERED}, shares: const dynamic): dynamic",
    summary="Give several percentiles as an array.",
    label="percentiles_{0}",
    builder=_build_percentiles_array,
)


def _find_weighted_place(values: pa.Array, weights: pa.Array, shares: pa.Array) -> pa.Array:
    """The 1-based place in the list of the value at a share of the total weight. Called once a group, not a row."""
    places: list[int | None] = []
    for items, loads, share in zip(values.to_pylist(), weights.to_pylist(), shares.to_pylist(), strict=True):
        rows = sorted(
            (item, place) for place, item in enumerate(items or []) if item is not None and loads[place]
        )
        limit = sum(loads[place] for _, place in rows) * share
        reached = 0
        found: int | None = None
        for _, place in rows:
            reached += loads[place]
            found = place + 1
            if reached >= limit:
                break
        places.append(found)
    return pa.array(places, pa.int64())


WEIGHTED = declare_arrow_function(
    "kql_weighted_place", ("DOUBLE[]", "BIGINT[]", "DOUBLE"), "BIGINT", _find_weighted_place
)


def _build_weighted_percentile(call: Arguments, share: float) -> exp.Expr:
    values = nodes.aggregate("list", call[0], order=call.order)
    reals = nodes.aggregate("list", nodes.build_cast(call[0], "DOUBLE"), order=call.order)
    weights = nodes.aggregate("list", call[1], order=call.order)
    return nodes.build_call(
        "list_extract", values, apply_routine(call, WEIGHTED, reals, weights, nodes.build_number(share))
    )


percentilew = declare_aggregate(
    __name__,
    f"percentilew({_MEASURED}, weight: long, share: const real): first",
    summary="Give a percentile of values that count as often as their weight says.",
    label="percentile_{0}_{2}",
    builder=lambda call: _build_weighted_percentile(call, _read_share(call, 2)),
)
percentilesw_array = declare_aggregate(
    __name__,
    f"percentilesw_array({_MEASURED}, weight: long, share: const real, ...): dynamic",
    f"percentilesw_array({_MEASURED}, weight: long, shares: const dynamic): dynamic",
    summary="Give several percentiles of weighted values as an array.",
    label="percentiles_{0}",
    builder=lambda call: _write_array(
        call, [_build_weighted_percentile(call, share) for share in _list_shares(call, 2)]
    ),
)
