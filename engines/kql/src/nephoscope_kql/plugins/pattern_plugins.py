"""basket, autocluster, diffpatterns: which values go together in many rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import DEFAULT, PluginCall, declare_plugin
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.plan.relations import Mined
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.plugins.clusters import find_cluster_patterns
from nephoscope_kql.plugins.frequent_patterns import (
    FrequentPattern,
    PatternAttributes,
    build_columns,
    describe_pattern,
    encode_attributes,
    search_patterns,
)
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEGMENT = (("SegmentId", KqlType.LONG), ("Count", KqlType.LONG), ("Percent", KqlType.REAL))
_DIFFERENCE = (
    *(("SegmentId", KqlType.LONG), ("CountA", KqlType.LONG), ("CountB", KqlType.LONG)),
    *(("PercentA", KqlType.REAL), ("PercentB", KqlType.REAL), ("PercentDiffAB", KqlType.REAL)),
)


@declare_plugin(
    "basket([Threshold: real], [WeightColumn: number], [MaxDimensions: long], [CustomWildcard: any], ...)"
)
def basket(call: PluginCall) -> Relation:
    """Find the patterns of values that a share of the rows has."""
    threshold = _read_threshold(call, 0)
    weight = _find_weight(call, 1)
    most = call.read_constant(2, "MaxDimensions", KqlType.LONG, 5)
    if most < 1:
        raise make_invalid_error("MaxDimensions is 1 or more", call.span)
    columns = [column for column in call.relation.columns if weight is None or column.id != weight.id]
    settings = (threshold, most, _list_wildcards(call, 3, columns))
    return _make_mined_relation(
        call, columns, {"w": _bind_weight(weight, call)}, _SEGMENT, "basket", settings, find_baskets
    )


def find_baskets(
    arrays: list[pa.Array], threshold: float, most: int, wildcards: tuple[object, ...]
) -> list[pa.Array]:
    """The patterns of the rows, the heaviest first."""
    data = encode_attributes(arrays[:-1], arrays[-1:])
    return _list_segments(data, search_patterns(data, data.totals * threshold, most), wildcards)


def _list_segments(
    data: PatternAttributes, found: list[FrequentPattern], wildcards: tuple[object, ...]
) -> list[pa.Array]:
    found.sort(key=lambda pattern: (-pattern.weights[0], describe_pattern(data, pattern)))
    counts = [round(pattern.weights[0]) for pattern in found]
    shares = [100.0 * pattern.weights[0] / float(data.totals[0]) for pattern in found]
    numbers = pa.array(range(len(found)), pa.int64())
    return [
        *(numbers, pa.array(counts, pa.int64()), pa.array(shares, pa.float64())),
        *build_columns(data, found, wildcards),
    ]


@declare_plugin(
    "autocluster([SizeWeight: real], [WeightColumn: number], [NumSeeds: long], [CustomWildcard: any], ...)"
)
def autocluster(call: PluginCall) -> Relation:
    """Find a few patterns that cover many rows and say much about them."""
    size = call.read_constant(0, "SizeWeight", KqlType.REAL, 0.5)
    weight = _find_weight(call, 1)
    seeds = call.read_constant(2, "NumSeeds", KqlType.LONG, 25)
    if not 0 <= size <= 1 or seeds < 1:
        raise make_invalid_error("SizeWeight must be between 0 and 1, NumSeeds 1 or more", call.span)
    columns = [column for column in call.relation.columns if weight is None or column.id != weight.id]
    settings = (size, seeds, _list_wildcards(call, 3, columns))
    return _make_mined_relation(
        call, columns, {"w": _bind_weight(weight, call)}, _SEGMENT, "autocluster", settings, find_clusters
    )


def find_clusters(
    arrays: list[pa.Array], size: float, seeds: int, wildcards: tuple[object, ...]
) -> list[pa.Array]:
    """The clusters of the rows, the heaviest first."""
    data = encode_attributes(arrays[:-1], arrays[-1:])
    return _list_segments(data, find_cluster_patterns(data, size, seeds), wildcards)


@declare_plugin(
    "diffpatterns(SplitColumn: any, SplitValueA: string, SplitValueB: string, [WeightColumn: number], "
    "[Threshold: real], [MaxDimensions: long], [CustomWildcard: any], ...)"
)
def diffpatterns(call: PluginCall) -> Relation:
    """Find the patterns of values that are frequent in one of two sets of rows and not in the other."""
    split = call.bind_column(0, "SplitColumn")
    label = convert_explicitly(make_reference(split, call.span), KqlType.STRING)
    sides = [
        call.read_constant(place, name, KqlType.STRING)
        for place, name in ((1, "SplitValueA"), (2, "SplitValueB"))
    ]
    weight = _find_weight(call, 3)
    threshold = _read_threshold(call, 4)
    most = call.read_constant(5, "MaxDimensions", KqlType.LONG, 0)
    own = {split.id, *([weight.id] if weight is not None else [])}
    columns = [column for column in call.relation.columns if column.id not in own]
    measures = {"w": _bind_weight(weight, call), "side": label}
    measures |= {"one": constants.make_text(sides[0]), "other": constants.make_text(sides[1])}
    settings = (threshold, most or max(1, len(columns)), _list_wildcards(call, 6, columns))
    return _make_mined_relation(
        call, columns, measures, _DIFFERENCE, "diffpatterns", settings, find_differences
    )


def find_differences(
    arrays: list[pa.Array], threshold: float, most: int, wildcards: tuple[object, ...]
) -> list[pa.Array]:
    """The patterns that tell the two sets apart, the greatest difference first; none is a part of another."""
    data = encode_attributes(arrays[:-2], arrays[-2:])
    totals = np.maximum(data.totals, np.finfo(float).tiny)
    scored = [
        (abs(float(share[0] - share[1])), share, pattern)
        for pattern in search_patterns(data, totals * threshold, most)
        for share in [np.array(pattern.weights) / totals]
    ]
    scored.sort(key=lambda item: (-item[0], len(item[2].items), describe_pattern(data, item[2])))
    chosen: list[tuple[float, NDArray[np.float64], FrequentPattern]] = []
    for item in scored:
        own = set(item[2].items)
        apart = all(not own <= set(other.items) and not own >= set(other.items) for _, _, other in chosen)
        if item[0] >= threshold and apart:
            chosen.append(item)
    counts = [[round(pattern.weights[side]) for _, _, pattern in chosen] for side in (0, 1)]
    shares = [[100.0 * float(share[side]) for _, share, _ in chosen] for side in (0, 1)]
    return [
        pa.array(range(len(chosen)), pa.int64()),
        *(pa.array(item, pa.int64()) for item in counts),
        *(pa.array(item, pa.float64()) for item in shares),
        pa.array([100.0 * score for score, _, _ in chosen], pa.float64()),
        *build_columns(data, [pattern for _, _, pattern in chosen], wildcards),
    ]


def _read_threshold(call: PluginCall, place: int) -> float:
    found: float = call.read_constant(place, "Threshold", KqlType.REAL, 0.05)
    if not 0 < found <= 1:
        raise make_invalid_error("Threshold is above 0 and at most 1", call.span)
    return found


def _find_weight(call: PluginCall, place: int) -> Column | None:
    """The column that weighs the rows; None where every row counts once."""
    expression = call.find_argument(place, "WeightColumn")
    if expression is None or (isinstance(expression, tree.Literal) and expression.value == DEFAULT):
        return None
    found = call.bind_column(place, "WeightColumn")
    if not found.type.is_numeric:
        raise make_invalid_error(f"WeightColumn is a number, not {found.type}", expression.span)
    return found


def _bind_weight(weight: Column | None, call: PluginCall) -> Bound:
    if weight is None:
        return constants.make_constant(1.0, KqlType.REAL)
    return convert_explicitly(make_reference(weight, call.span), KqlType.REAL)


def _list_wildcards(call: PluginCall, place: int, columns: list[Column]) -> tuple[object, ...]:
    """Return what stands for any value, a column; a wildcard of the query is for the columns of its type."""
    given: dict[KqlType, object] = {}
    for expression in call.arguments[place:]:
        found = call.env.without_row().bind_scalar(expression)
        if not isinstance(found, Constant):
            raise make_invalid_error("a wildcard is a constant", expression.span)
        if found.value != DEFAULT:
            given[found.type] = found.value
    default = {KqlType.STRING: ""}
    return tuple(given.get(column.type, default.get(column.type)) for column in columns)


def _make_mined_relation(
    call: PluginCall,
    columns: list[Column],
    measures: dict[str, Bound],
    first: tuple[tuple[str, KqlType], ...],
    name: str,
    settings: tuple[object, ...],
    body: Callable[..., Iterable[pa.Array]],
) -> Relation:
    """Distinct rows with their weights, mined; columns of the result are `first` and those of the rows."""
    if not columns:
        raise make_invalid_error(f"{name}() needs columns to look at", call.span)
    own = {f"c{place}": make_reference(column, call.span) for place, column in enumerate(columns)}
    sums = "w = sum(w)"
    if "side" in measures:
        sums = "w = sumif(w, side == one), v = sumif(w, side == other)"
    values: dict[str, Bound] = {key: measures.pop(key) for key in ("one", "other") if key in measures}
    rows = call.assign_columns({**own, **measures})
    text = f"Rows | where w > 0 | summarize {sums} by {', '.join(own)}"
    found = compose_query(text, call, {"Rows": rows}, values)
    return Mined(
        columns=call.make_columns(*first, *((column.name, column.type) for column in columns)),
        input=found,
        values=tuple(make_reference(column, call.span) for column in found.columns),
        name=name,
        settings=settings,
        body=body,
    )
