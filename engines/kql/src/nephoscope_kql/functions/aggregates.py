"""Aggregates: counts, sums, extremes, spreads, percentiles, and those that collect values; with an `if` form where Kusto has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sqlglot import exp

from nephoscope_kql.functions.arithmetic import DECIMAL_QUOTIENT
from nephoscope_kql.functions.declaration import apply_routine, declare_aggregate, declare_macro
from nephoscope_kql.plan.function_signatures import Aggregate, Arguments, Returns
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType, promote_type

Where: TypeAlias = exp.Expr | None
Body: TypeAlias = Callable[[Arguments, Where], exp.Expr]
MAX_ELEMENTS = 1_048_576
_NAN = "NaN"

WRAP = declare_macro(
    "kql_wrapped_sum(h)",
    "CASE WHEN h BETWEEN -9223372036854775808 AND 9223372036854775807 THEN CAST(h AS BIGINT) ELSE "
    "CAST(((h + 9223372036854775808) % 18446744073709551616 + 18446744073709551616) % "
    "18446744073709551616 - 9223372036854775808 AS BIGINT) END",
)


def _build_nan() -> exp.Expr:
    return nodes.build_cast(nodes.build_text(_NAN), "DOUBLE")


def declare_with_condition(
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

    def without_filter(call: Arguments) -> exp.Expr:
        return body(call, None)

    def build_filtered(call: Arguments) -> exp.Expr:
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
        declare_aggregate(
            __name__,
            f"{name}({parameters}{extra}): {returns}",
            summary=summary,
            label=label,
            builder=without_filter,
            aliases=aliases,
            nullable=nullable,
            returns=kind,
        ),
        declare_aggregate(
            __name__,
            f"{other}({parameters}, condition: bool{extra}): {returns}",
            summary=f"{summary.removesuffix('.')} of the rows for which a condition is true.",
            label=mark,
            builder=build_filtered,
            aliases=conditional_aliases,
            nullable=nullable,
            returns=kind,
        ),
    )


def _build_count(call: Arguments) -> exp.Expr:
    del call
    return exp.Count(this=exp.Star())


def _build_countif(call: Arguments) -> exp.Expr:
    return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=call[0]))


count = declare_aggregate(
    __name__,
    "count(): long",
    "count(value: any): long",
    summary="Count the rows.",
    label="count_{0}",
    builder=_build_count,
    aliases=("cnt",),
    nullable=False,
)
countif = declare_aggregate(
    __name__,
    "countif(condition: bool): long",
    summary="Count the rows for which a condition is true.",
    label="countif_{0}",
    builder=_build_countif,
    nullable=False,
)


def _build_distinct(call: Arguments, where: Where) -> exp.Expr:
    return nodes.aggregate("count", call[0], distinct=True, where=where)


dcount, dcountif = declare_with_condition(
    "dcount", "value: any", "long", "Count the distinct values, exactly.", "dcount_{0}", _build_distinct,
    nullable=False, options="[accuracy: const long]",
)  # fmt: skip
count_distinct, count_distinctif = declare_with_condition(
    "count_distinct",
    "value: any",
    "long",
    "Count the distinct values.",
    "count_distinct_{0}",
    _build_distinct,
    nullable=False,
)


def _infer_promoted_type(arguments: tuple[Bound, ...]) -> KqlType:
    return promote_type(arguments[0].type)


def _build_sum(call: Arguments, where: Where) -> exp.Expr:
    added = nodes.aggregate("sum", call[0], where=where)
    if call.type in (KqlType.REAL, KqlType.DECIMAL):
        return nodes.build_cast(nodes.build_coalesce(added, nodes.build_number(0)), call.type.physical)
    return apply_routine(call, WRAP, nodes.build_coalesce(added, nodes.build_number(0)))


SUMMABLE = "int|long|real|decimal|timespan"
sum_, sumif = declare_with_condition(
    "sum",
    f"value: {SUMMABLE}",
    "first",
    "Add up the values.",
    "sum_{0}",
    _build_sum,
    _infer_promoted_type,
    nullable=False,
)


def _infer_average_type(arguments: tuple[Bound, ...]) -> KqlType:
    kind = arguments[0].type
    return KqlType.REAL if kind.is_integer else kind


_DECIMAL_AVERAGE = declare_macro(
    "kql_decimal_average(s, n)",
    "CASE WHEN n > 0 THEN kql_decimal_quotient(TRY_CAST(s AS DECIMAL(38,17)), CAST(n AS DECIMAL(38,17))) END",
    DECIMAL_QUOTIENT,
)
_MEAN = declare_macro(
    "kql_mean(s, n)",
    "CASE WHEN n > 0 THEN CAST(kql_wrapped_sum(s) AS DOUBLE) / n ELSE CAST('NaN' AS DOUBLE) END",
    WRAP,
)
_MEAN_TICKS = declare_macro("kql_mean_ticks(s, n)", "CASE WHEN n > 0 THEN CAST(s // n AS BIGINT) END")


def _build_average(call: Arguments, where: Where) -> exp.Expr:
    kind = call.types[0]
    if kind == KqlType.REAL:
        return nodes.build_coalesce(nodes.aggregate("avg", call[0], where=where), _build_nan())
    added = nodes.aggregate("sum", call[0], where=where)
    counted = nodes.aggregate("count", call[0], where=where)
    if kind.is_integer:
        return apply_routine(call, _MEAN, added, counted)
    return apply_routine(call, _DECIMAL_AVERAGE if kind == KqlType.DECIMAL else _MEAN_TICKS, added, counted)


avg, avgif = declare_with_condition(
    "avg",
    f"value: {SUMMABLE}|datetime",
    "real",
    "Give the mean.",
    "avg_{0}",
    _build_average,
    _infer_average_type,
)


def _sort_key(node: exp.Expr, kind: KqlType, least: bool) -> exp.Expr:
    """Return what a value is ordered by: NaN comes first both ways, a dynamic as a number before its text."""
    if kind == KqlType.DYNAMIC:
        return nodes.build_call(
            "struct_pack",
            exp.PropertyEQ(this=exp.Identifier(this="n"), expression=nodes.try_cast(node, "DOUBLE")),
            exp.PropertyEQ(this=exp.Identifier(this="s"), expression=node),
        )
    if kind == KqlType.REAL and least:
        return nodes.build_call(
            "struct_pack",
            exp.PropertyEQ(
                this=exp.Identifier(this="n"), expression=nodes.build_not(nodes.build_call("isnan", node))
            ),
            exp.PropertyEQ(this=exp.Identifier(this="s"), expression=node),
        )
    return node


def _write_extreme(name: str) -> Body:
    least = name == "min"

    def body(call: Arguments, where: Where) -> exp.Expr:
        kind = call.types[0]
        if kind == KqlType.DYNAMIC or (kind == KqlType.REAL and least):
            key = _sort_key(call[0], kind, least)
            return nodes.aggregate(f"arg_{name}", call[0], key, where=where)
        return nodes.aggregate(name, call[0], where=where)

    return body


max_, maxif = declare_with_condition(
    "max", "value: any", "first", "Give the greatest value.", "max_{0}", _write_extreme("max")
)
min_, minif = declare_with_condition(
    "min", "value: any", "first", "Give the smallest value.", "min_{0}", _write_extreme("min")
)


def _make_extreme_row_value(name: str) -> Callable[[Arguments], exp.Expr]:
    def build_node(call: Arguments) -> exp.Expr:
        if call.bound[0] == call.bound[1]:
            return _write_extreme(name.removeprefix("arg_"))(call, None)
        key = _sort_key(call[0], call.types[0], name == "arg_min")
        value = call[1]
        # arg_max() of DuckDB passes over rows whose value is null, arg_max_null() does not but is slower
        found = nodes.aggregate(
            f"{name}_null" if call.bound[1].nullable else name, value, key, order=call.order
        )
        if not call.bound[0].nullable:
            return found
        any_key = nodes.is_not_null(nodes.aggregate("any_value", call[0]))
        return nodes.build_case((any_key, found), otherwise=nodes.aggregate("first", value, order=call.order))

    return build_node


def _infer_second_type(arguments: tuple[Bound, ...]) -> KqlType:
    return arguments[-1].type


arg_max = declare_aggregate(
    __name__,
    "arg_max(by: any, value: any): first",
    summary="Give the values of the row whose first argument is greatest.",
    label="{0}",
    builder=_make_extreme_row_value("arg_max"),
    aliases=("argmax",),
    returns=_infer_second_type,
)
arg_min = declare_aggregate(
    __name__,
    "arg_min(by: any, value: any): first",
    summary="Give the values of the row whose first argument is smallest.",
    label="{0}",
    builder=_make_extreme_row_value("arg_min"),
    aliases=("argmin",),
    returns=_infer_second_type,
)


def _build_any_value(call: Arguments, where: Where) -> exp.Expr:
    """The first value that is not null; a text that is not empty, where there is one.

    A condition is a CASE: DuckDB plans hundreds of FILTERs, as pivot() needs them, many times slower.
    """
    if call.types[0] != KqlType.STRING:
        value = call[0] if where is None else nodes.build_case((where, call[0]))
        return nodes.aggregate("any_value", value, order=call.order)
    full = nodes.build_binary("<>", call[0], nodes.build_text(""))
    value = nodes.build_case((full if where is None else nodes.build_binary("and", where, full), call[0]))
    return nodes.build_coalesce(nodes.aggregate("any_value", value, order=call.order), nodes.build_text(""))


take_any, take_anyif = declare_with_condition(
    "take_any", "value: any", "first", "Give any value.", "{0}", _build_any_value
)
any_, anyif = declare_with_condition(
    "any", "value: any", "first", "Give any value.", "any_{0}", _build_any_value
)


def _build_spread_statistic(name: str) -> Body:
    """A statistic that DuckDB refuses for infinite or huge values: NaN then, 0 where there are too few."""

    def body(call: Arguments, where: Where) -> exp.Expr:
        node = call[0] if call.types[0] == KqlType.REAL else nodes.build_cast(call[0], "DOUBLE")
        usual = exp.Between(this=node, low=nodes.build_number(-1e150), high=nodes.build_number(1e150))
        inside = usual if where is None else nodes.build_binary("and", where, usual)
        strange = nodes.build_not(exp.Paren(this=usual))
        outside = nodes.aggregate("bool_or", strange, where=where)
        found = nodes.build_coalesce(
            nodes.aggregate(name, node, where=inside), nodes.build_cast(nodes.build_number(0), "DOUBLE")
        )
        return nodes.build_case((outside, _build_nan()), otherwise=found)

    return body


stdev, stdevif = declare_with_condition(
    "stdev",
    f"value: {SUMMABLE}",
    "real",
    "Give the standard deviation of a sample.",
    "stdev_{0}",
    _build_spread_statistic("stddev_samp"),
    nullable=False,
)
stdevp, stdevpif = declare_with_condition(
    "stdevp",
    f"value: {SUMMABLE}",
    "real",
    "Give the standard deviation of all.",
    "stdevp_{0}",
    _build_spread_statistic("stddev_pop"),
    nullable=False,
)
variance, varianceif = declare_with_condition(
    "variance",
    f"value: {SUMMABLE}",
    "real",
    "Give the variance of a sample.",
    "variance_{0}",
    _build_spread_statistic("var_samp"),
    nullable=False,
)
variancep, variancepif = declare_with_condition(
    "variancep",
    f"value: {SUMMABLE}",
    "real",
    "Give the variance of all.",
    "variancep_{0}",
    _build_spread_statistic("var_pop"),
    nullable=False,
)


def _make_covariance(name: str) -> Body:
    def body(call: Arguments, where: Where) -> exp.Expr:
        return nodes.build_coalesce(
            nodes.aggregate(name, call[0], call[1], where=where),
            nodes.build_cast(nodes.build_number(0), "DOUBLE"),
        )

    return body


covariance, covarianceif = declare_with_condition(
    "covariance",
    "x: real, y: real",
    "real",
    "Give the covariance of a sample.",
    "covariance_{0}_{1}",
    _make_covariance("covar_samp"),
    nullable=False,
)
covariancep, covariancepif = declare_with_condition(
    "covariancep",
    "x: real, y: real",
    "real",
    "Give the covariance of all.",
    "covariancep_{0}_{1}",
    _make_covariance("covar_pop"),
    nullable=False,
)


def _make_bitwise(name: str) -> Callable[[Arguments], exp.Expr]:
    return lambda call: nodes.aggregate(name, call[0])


binary_all_and, binary_all_or, binary_all_xor = (
    declare_aggregate(
        __name__,
        f"binary_all_{word}(value: long): long",
        summary=f"Give the bitwise {word} of the values.",
        label="{0}",
        builder=_make_bitwise(f"bit_{word}"),
    )
    for word in ("and", "or", "xor")
)
