"""Aggregates: counts, sums, extremes, spreads, percentiles, and those that collect values. Every one has an `if` form where Kusto has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from nephoscope.kql.bound import Bound, Constant
from nephoscope.kql.dialects import build
from nephoscope.kql.functions.arrays import ITEMS, JOINED
from nephoscope.kql.functions.bags import dumps
from nephoscope.kql.functions.conversions import as_json
from nephoscope.kql.functions.declare import apply, arrow, each, macro, total
from nephoscope.kql.registry import Aggregate, Arguments, Returns
from nephoscope.kql.types import KqlType

Where: TypeAlias = exp.Expr | None
Body: TypeAlias = Callable[[Arguments, Where], exp.Expr]
MAX_ELEMENTS = 1_048_576
_NAN = "NaN"

WRAP = macro(
    "kql_wrap(h)",
    "CASE WHEN h BETWEEN -9223372036854775808 AND 9223372036854775807 THEN CAST(h AS BIGINT) ELSE "
    "CAST(((h + 9223372036854775808) % 18446744073709551616 + 18446744073709551616) % 18446744073709551616 - 9223372036854775808 AS BIGINT) END",
)


def _nan() -> exp.Expr:
    return build.cast(build.text(_NAN), "DOUBLE")


def _pair(
    name: str,
    parameters: str,
    returns: str,
    summary: str,
    label: str,
    body: Body,
    kind: Returns | None = None,
    nullable: bool = True,
    options: str = "",
    aliases: tuple[str, ...] = (),
    conditional: str = "",
    conditional_aliases: tuple[str, ...] = (),
) -> tuple[Aggregate, Aggregate]:
    """An aggregate and its form with a condition after the values (and before `options`)."""
    count = parameters.count(":")

    def plain(call: Arguments) -> exp.Expr:
        return body(call, None)

    def filtered(call: Arguments) -> exp.Expr:
        inner = Arguments(
            [*call.sql[:count], *call.sql[count + 1 :]],
            (*call.bound[:count], *call.bound[count + 1 :]),
            call.type,
            call.span,
            call.use,
            call.order,
        )
        return body(inner, call[count])

    other = conditional or f"{name}if"
    extra = f", {options}" if options else ""
    mark = label.replace(name, other, 1) if label.startswith(name) else label
    return (
        total(
            __name__,
            f"{name}({parameters}{extra}): {returns}",
            summary=summary,
            label=label,
            builder=plain,
            aliases=aliases,
            nullable=nullable,
            returns=kind,
        ),
        total(
            __name__,
            f"{other}({parameters}, condition: bool{extra}): {returns}",
            summary=f"{summary.removesuffix('.')} of the rows for which a condition is true.",
            label=mark,
            builder=filtered,
            aliases=conditional_aliases,
            nullable=nullable,
            returns=kind,
        ),
    )


def _count(call: Arguments) -> exp.Expr:
    del call
    return exp.Count(this=exp.Star())


def _countif(call: Arguments) -> exp.Expr:
    return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=call[0]))


count = total(
    __name__,
    "count(): long",
    "count(value: any): long",
    summary="Count the rows.",
    label="count_{0}",
    builder=_count,
    aliases=("cnt",),
    nullable=False,
)
countif = total(
    __name__,
    "countif(condition: bool): long",
    summary="Count the rows for which a condition is true.",
    label="countif_{0}",
    builder=_countif,
    nullable=False,
)


def _distinct(call: Arguments, where: Where) -> exp.Expr:
    return build.aggregate("count", call[0], distinct=True, where=where)


dcount, dcountif = _pair(
    "dcount", "value: any", "long", "Count the distinct values, exactly.", "dcount_{0}", _distinct,
    nullable=False, options="[accuracy: const long]",
)  # fmt: skip
count_distinct, count_distinctif = _pair(
    "count_distinct",
    "value: any",
    "long",
    "Count the distinct values.",
    "count_distinct_{0}",
    _distinct,
    nullable=False,
)


def _promoted(arguments: tuple[Bound, ...]) -> KqlType:
    kind = arguments[0].type
    return KqlType.LONG if kind == KqlType.INT else kind


def _sum(call: Arguments, where: Where) -> exp.Expr:
    added = build.aggregate("sum", call[0], where=where)
    if call.type in (KqlType.REAL, KqlType.DECIMAL):
        return build.cast(build.coalesce(added, build.number(0)), call.type.physical)
    return apply(call, WRAP, build.coalesce(added, build.number(0)))


_SUMMABLE = "int|long|real|decimal|timespan"
sum_, sumif = _pair(
    "sum", f"value: {_SUMMABLE}", "first", "Add up the values.", "sum_{0}", _sum, _promoted, nullable=False
)


def _average_type(arguments: tuple[Bound, ...]) -> KqlType:
    kind = arguments[0].type
    return KqlType.REAL if kind.integer else kind


_DECIMAL_AVERAGE = macro(
    "kql_decimal_average(s, n)", "CASE WHEN n > 0 THEN TRY_CAST(s / n AS DECIMAL(38,17)) END"
)
_MEAN = macro(
    "kql_mean(s, n)",
    "CASE WHEN n > 0 THEN CAST(kql_wrap(s) AS DOUBLE) / n ELSE CAST('NaN' AS DOUBLE) END",
    WRAP,
)
_MEAN_TICKS = macro("kql_mean_ticks(s, n)", "CASE WHEN n > 0 THEN CAST(s // n AS BIGINT) END")


def _average(call: Arguments, where: Where) -> exp.Expr:
    kind = call.types[0]
    if kind == KqlType.REAL:
        return build.coalesce(build.aggregate("avg", call[0], where=where), _nan())
    added = build.aggregate("sum", call[0], where=where)
    counted = build.aggregate("count", call[0], where=where)
    if kind.integer:
        return apply(call, _MEAN, added, counted)
    return apply(call, _DECIMAL_AVERAGE if kind == KqlType.DECIMAL else _MEAN_TICKS, added, counted)


avg, avgif = _pair(
    "avg", f"value: {_SUMMABLE}|datetime", "real", "Give the mean.", "avg_{0}", _average, _average_type
)


def _sort_key(node: exp.Expr, kind: KqlType, least: bool) -> exp.Expr:
    """What a value is ordered by: NaN comes first both ways, a dynamic as a number before its text."""
    if kind == KqlType.DYNAMIC:
        return build.call(
            "struct_pack",
            exp.PropertyEQ(this=exp.Identifier(this="n"), expression=build.try_cast(node, "DOUBLE")),
            exp.PropertyEQ(this=exp.Identifier(this="s"), expression=node),
        )
    if kind == KqlType.REAL and least:
        low = build.cast(build.text("-Infinity"), "DOUBLE")
        return build.case((build.call("isnan", node), low), otherwise=node)
    return node


def _extreme(name: str) -> Body:
    least = name == "min"

    def body(call: Arguments, where: Where) -> exp.Expr:
        kind = call.types[0]
        if kind == KqlType.DYNAMIC or (kind == KqlType.REAL and least):
            key = _sort_key(call[0], kind, least)
            return build.aggregate(f"arg_{name}", call[0], key, where=where)
        return build.aggregate(name, call[0], where=where)

    return body


max_, maxif = _pair("max", "value: any", "first", "Give the greatest value.", "max_{0}", _extreme("max"))
min_, minif = _pair("min", "value: any", "first", "Give the smallest value.", "min_{0}", _extreme("min"))


def _boxed(node: exp.Expr) -> exp.Expr:
    return build.call("struct_pack", exp.PropertyEQ(this=exp.Identifier(this="v"), expression=node))


def _unboxed(node: exp.Expr) -> exp.Expr:
    return build.call("struct_extract", node, build.text("v"))


def _row_of(name: str) -> Callable[[Arguments], exp.Expr]:
    def builder(call: Arguments) -> exp.Expr:
        key = _sort_key(call[0], call.types[0], name == "arg_min")
        box = _boxed(call[1])
        found = build.aggregate(name, box, key, order=call.order)
        if not call.bound[0].nullable:
            return _unboxed(found)
        return _unboxed(build.coalesce(found, build.aggregate("first", box, order=call.order)))

    return builder


def _second(arguments: tuple[Bound, ...]) -> KqlType:
    return arguments[-1].type


arg_max = total(
    __name__,
    "arg_max(by: any, value: any): first",
    summary="Give the values of the row whose first argument is greatest.",
    label="{0}",
    builder=_row_of("arg_max"),
    aliases=("argmax",),
    returns=_second,
)
arg_min = total(
    __name__,
    "arg_min(by: any, value: any): first",
    summary="Give the values of the row whose first argument is smallest.",
    label="{0}",
    builder=_row_of("arg_min"),
    aliases=("argmin",),
    returns=_second,
)


def _any(call: Arguments, where: Where) -> exp.Expr:
    if call.types[0] == KqlType.STRING:
        where_full = build.binary("<>", call[0], build.text(""))
        full = where_full if where is None else build.binary("and", where, where_full)
        return build.coalesce(build.aggregate("first", call[0], order=call.order, where=full), build.text(""))
    return build.aggregate("any_value", call[0], order=call.order, where=where)


take_any, take_anyif = _pair("take_any", "value: any", "first", "Give any value.", "{0}", _any)
any_, anyif = _pair("any", "value: any", "first", "Give any value.", "any_{0}", _any)


def _spread(name: str) -> Body:
    """A statistic that DuckDB refuses for infinite or huge values: NaN then, 0 where there are too few."""

    def body(call: Arguments, where: Where) -> exp.Expr:
        node = call[0] if call.types[0] == KqlType.REAL else build.cast(call[0], "DOUBLE")
        usual = exp.Between(this=node, low=build.number(-1e150), high=build.number(1e150))
        inside = usual if where is None else build.binary("and", where, usual)
        strange = build.not_(exp.Paren(this=usual))
        outside = build.aggregate("bool_or", strange, where=where)
        found = build.coalesce(
            build.aggregate(name, node, where=inside), build.cast(build.number(0), "DOUBLE")
        )
        return build.case((outside, _nan()), otherwise=found)

    return body


stdev, stdevif = _pair(
    "stdev",
    f"value: {_SUMMABLE}",
    "real",
    "Give the standard deviation of a sample.",
    "stdev_{0}",
    _spread("stddev_samp"),
    nullable=False,
)
stdevp, stdevpif = _pair(
    "stdevp",
    f"value: {_SUMMABLE}",
    "real",
    "Give the standard deviation of all.",
    "stdevp_{0}",
    _spread("stddev_pop"),
    nullable=False,
)
variance, varianceif = _pair(
    "variance",
    f"value: {_SUMMABLE}",
    "real",
    "Give the variance of a sample.",
    "variance_{0}",
    _spread("var_samp"),
    nullable=False,
)
variancep, variancepif = _pair(
    "variancep",
    f"value: {_SUMMABLE}",
    "real",
    "Give the variance of all.",
    "variancep_{0}",
    _spread("var_pop"),
    nullable=False,
)


def _covariance(name: str) -> Body:
    def body(call: Arguments, where: Where) -> exp.Expr:
        return build.coalesce(
            build.aggregate(name, call[0], call[1], where=where), build.cast(build.number(0), "DOUBLE")
        )

    return body


covariance, covarianceif = _pair(
    "covariance",
    "x: real, y: real",
    "real",
    "Give the covariance of a sample.",
    "covariance_{0}_{1}",
    _covariance("covar_samp"),
    nullable=False,
)
covariancep, covariancepif = _pair(
    "covariancep",
    "x: real, y: real",
    "real",
    "Give the covariance of all.",
    "covariancep_{0}_{1}",
    _covariance("covar_pop"),
    nullable=False,
)


def _bitwise(name: str) -> Callable[[Arguments], exp.Expr]:
    return lambda call: build.aggregate(name, call[0])


binary_all_and, binary_all_or, binary_all_xor = (
    total(
        __name__,
        f"binary_all_{word}(value: long): long",
        summary=f"Give the bitwise {word} of the values.",
        label=f"binary_all_{word}_{{0}}",
        builder=_bitwise(f"bit_{word}"),
    )
    for word in ("and", "or", "xor")
)

_FLAT = macro(
    "kql_flattened(l)",
    "flatten(list_transform(l, lambda e: CASE WHEN e[1] = '[' THEN kql_items(e) ELSE [e] END))",
    ITEMS,
)


def _first_seen(lists: Any) -> Any:
    """Distinct elements of every list in the order in which they come first."""
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    parents, values = pc.list_parent_indices(lists), pc.list_flatten(lists)
    if not len(values):
        return lists
    table = pa.table({"p": parents, "v": values})
    found = table.group_by(["p", "v"], use_threads=False).aggregate([])
    sizes = pc.value_counts(found["p"])
    counts = {item["values"].as_py(): item["counts"].as_py() for item in sizes}
    offsets, place = [0], 0
    for row in range(len(lists)):
        place += counts.get(row, 0)
        offsets.append(place)
    made = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), found["v"].combine_chunks())
    if not lists.null_count:
        return made
    return pc.if_else(lists.is_valid(), made, None)


FIRST_SEEN = arrow("kql_first_seen", ("VARCHAR[]",), "VARCHAR[]", _first_seen)


def _size(call: Arguments, position: int) -> int:
    if position >= len(call):
        return MAX_ELEMENTS
    value = call.value(position)
    if not isinstance(value, int) or value < 1:
        raise call.fail(position, "the size is a number above 0")
    return min(value, MAX_ELEMENTS)


def _elements(call: Arguments, where: Where, nulls: bool) -> exp.Expr:
    """The values as a list of JSON texts, in the order of the rows; arrays are flattened."""
    kind = call.types[0]
    node = as_json(call, call[0], kind)
    present: Where = None
    if kind == KqlType.DYNAMIC or nulls:
        node = build.coalesce(node, build.text("null"))
    elif kind != KqlType.STRING:
        present = build.is_not_null(call[0])
    conditions = [item for item in (where, present) if item is not None]
    test = build.chain("and", conditions) if conditions else None
    found = build.aggregate("list", node, order=call.order, where=test)
    return apply(call, _FLAT, found) if kind == KqlType.DYNAMIC else found


_PREFIX = macro("kql_first_of(l, n)", "'[' || coalesce(array_to_string(l[1:n], ','), '') || ']'")


def _list(nulls: bool) -> Body:
    def body(call: Arguments, where: Where) -> exp.Expr:
        return apply(call, _PREFIX, _elements(call, where, nulls), build.number(_size(call, 1)))

    return body


def _set(call: Arguments, where: Where) -> exp.Expr:
    distinct = apply(call, FIRST_SEEN, _elements(call, where, nulls=False))
    return apply(call, _PREFIX, distinct, build.number(_size(call, 1)))


make_list, make_list_if = _pair(
    "make_list", "value: any", "dynamic", "Collect the values in an array.", "list_{0}", _list(nulls=False),
    nullable=False, options="[size: const long]", aliases=("makelist",), conditional="make_list_if",
)  # fmt: skip
make_set, make_set_if = _pair(
    "make_set", "value: any", "dynamic", "Collect the distinct values in an array, in the order in which they come first.",
    "set_{0}", _set, nullable=False, options="[size: const long]", aliases=("makeset",), conditional="make_set_if",
)  # fmt: skip
make_list_with_nulls = total(
    __name__,
    "make_list_with_nulls(value: any): dynamic",
    summary="Collect the values in an array, nulls too.",
    label="list_{0}",
    builder=lambda call: _list(nulls=True)(call, None),
    nullable=False,
)


def _merged(texts: str) -> str:
    """One bag of an array of bags; of equal keys the first stays. Called once a group, not a row."""
    merged: dict[str, Any] = {}
    for bag in json.loads(texts):
        if isinstance(bag, dict):
            merged = {**bag, **merged} if not merged else _joined(merged, bag)
    return dumps(merged)


def _joined(merged: dict[str, Any], bag: dict[str, Any]) -> dict[str, Any]:
    for key, value in bag.items():
        merged.setdefault(key, value)
    return merged


_MERGED = each("kql_merged_bags", ("VARCHAR",), "VARCHAR", _merged)


def _texts(call: Arguments, where: Where, size: int = MAX_ELEMENTS) -> exp.Expr:
    present = build.is_not_null(call[0])
    test = present if where is None else build.binary("and", where, present)
    found = build.aggregate("list", call[0], order=call.order, where=test)
    return apply(call, _PREFIX, found, build.number(size))


def _bag(call: Arguments, where: Where) -> exp.Expr:
    return apply(call, _MERGED, _texts(call, where, _size(call, 1)))


make_bag, make_bag_if = _pair(
    "make_bag", "bag: dynamic", "dynamic", "Join the bags of all rows; of equal keys the first stays.", "bag_{0}", _bag,
    nullable=False, options="[size: const long]", aliases=("make_dictionary",), conditional="make_bag_if",
)  # fmt: skip


def _schema(values: list[Any]) -> Any:
    """The types of values: bags first, merged key by key, then arrays as an indexer, then scalars by name."""
    parts: list[Any] = []
    bags = [value for value in values if isinstance(value, dict)]
    if bags:
        keys = dict.fromkeys(key for bag in bags for key in bag)
        parts.append({key: _schema([bag[key] for bag in bags if key in bag]) for key in keys})
    arrays = [value for value in values if isinstance(value, list)]
    if arrays:
        parts.append({"`indexer`": _schema([item for array in arrays for item in array])})
    names = [
        _scalar_name(value) for value in values if not isinstance(value, dict | list) and value is not None
    ]
    parts += sorted(dict.fromkeys(names))
    return parts[0] if len(parts) == 1 else (parts or None)


def _scalar_name(value: Any) -> str:
    return {bool: "bool", int: "long", float: "double"}.get(type(value), "string")


def _schema_text(texts: str) -> str | None:
    values = json.loads(texts)
    return dumps(_schema(values)) if values else None


_SCHEMA = each("kql_buildschema", ("VARCHAR",), "VARCHAR", _schema_text)
buildschema = total(
    __name__,
    "buildschema(value: dynamic): dynamic",
    summary="Give the types of everything inside the values.",
    label="schema_{0}",
    builder=lambda call: apply(call, _SCHEMA, _texts(call, None)),
)


def _share(call: Arguments, position: int) -> float:
    value = call.value(position)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise call.fail(position, "a percentile is a number from 0 to 100")
    return float(value) / 100


def _percentile(call: Arguments) -> exp.Expr:
    return build.aggregate("quantile_disc", call[0], build.number(_share(call, 1)))


percentile = total(
    __name__,
    "percentile(value: any, share: const real): first",
    summary="Give the value below which a share of the values lies (nearest rank, exactly).",
    label="percentile_{0}_{1}",
    builder=_percentile,
)


def _shares(call: Arguments, first: int) -> list[float]:
    bound = call.bound[first]
    if isinstance(bound, Constant) and isinstance(bound.value, list):
        return [float(item) / 100 for item in bound.value]
    return [_share(call, place) for place in range(first, len(call))]


def _array_of(call: Arguments, found: list[exp.Expr]) -> exp.Expr:
    kind = call.types[0]
    return apply(
        call,
        JOINED,
        build.array([build.coalesce(as_json(call, item, kind), build.text("null")) for item in found]),
    )


def _percentiles_array(call: Arguments) -> exp.Expr:
    return _array_of(
        call, [build.aggregate("quantile_disc", call[0], build.number(share)) for share in _shares(call, 1)]
    )


percentiles_array = total(
    __name__,
    "percentiles_array(value: any, share: const real, ...): dynamic",
    "percentiles_array(value: any, shares: const dynamic): dynamic",
    summary="Give several percentiles as an array.",
    label="percentiles_{0}",
    builder=_percentiles_array,
)


def _weighted_place(values: Any, weights: Any, shares: Any) -> Any:
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


WEIGHTED = arrow("kql_weighted_place", ("DOUBLE[]", "BIGINT[]", "DOUBLE"), "BIGINT", _weighted_place)


def _weighted(call: Arguments, share: float) -> exp.Expr:
    values = build.aggregate("list", call[0], order=call.order)
    reals = build.aggregate("list", build.cast(call[0], "DOUBLE"), order=call.order)
    weights = build.aggregate("list", call[1], order=call.order)
    return build.call("list_extract", values, apply(call, WEIGHTED, reals, weights, build.number(share)))


percentilew = total(
    __name__,
    "percentilew(value: int|long|real|decimal|datetime|timespan, weight: long, share: const real): first",
    summary="Give a percentile of values that count as often as their weight says.",
    label="percentile_{0}_{2}",
    builder=lambda call: _weighted(call, _share(call, 2)),
)
percentilesw_array = total(
    __name__,
    "percentilesw_array(value: int|long|real|decimal|datetime|timespan, weight: long, share: const real, ...): dynamic",
    "percentilesw_array(value: int|long|real|decimal|datetime|timespan, weight: long, shares: const dynamic): dynamic",
    summary="Give several percentiles of weighted values as an array.",
    label="percentiles_{0}",
    builder=lambda call: _array_of(call, [_weighted(call, share) for share in _shares(call, 2)]),
)


def _sketch(distinct: bool) -> Body:
    """A sketch that is exact: the (distinct) values themselves."""

    def body(call: Arguments, where: Where) -> exp.Expr:
        elements = _elements(call, where, nulls=False)
        if distinct:
            elements = apply(call, FIRST_SEEN, elements)
        return apply(call, _SKETCH, elements)

    return body


_SKETCH = macro("kql_sketch(l)", "CASE WHEN len(l) > 0 THEN '[' || array_to_string(l, ',') || ']' END")
hll, hll_if = _pair(
    "hll", "value: any", "dynamic", "Keep the distinct values, for dcount_hll().", "hll_{0}", _sketch(distinct=True),
    options="[accuracy: const long]", conditional="hll_if",
)  # fmt: skip
hll_merge = total(
    __name__,
    "hll_merge(value: dynamic): dynamic",
    summary="Join what hll() kept.",
    label="hll_merge_{0}",
    builder=lambda call: _sketch(distinct=True)(call, None),
)
tdigest = total(
    __name__,
    f"tdigest(value: {_SUMMABLE}|datetime): dynamic",
    summary="Keep the values, for percentile_tdigest().",
    label="tdigest_{0}",
    builder=lambda call: _sketch(distinct=False)(call, None),
)
tdigest_merge = total(
    __name__,
    "tdigest_merge(value: dynamic): dynamic",
    summary="Join what tdigest() kept.",
    label="tdigest_merge_{0}",
    builder=lambda call: _sketch(distinct=False)(call, None),
    aliases=("merge_tdigest",),
)
