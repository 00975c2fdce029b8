"""The aggregates that Spark has: KQL name -> builder; a builder gives None where only the collected form is exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from sqlglot import exp

from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr
Native: TypeAlias = Callable[[Arguments], "E | None"]
_SIMPLE = frozenset(
    {KqlType.BOOL, KqlType.INT, KqlType.LONG, KqlType.DECIMAL, KqlType.STRING, KqlType.GUID}
    | {KqlType.DATETIME, KqlType.TIMESPAN}
)
"""Types that Spark orders and compares as KQL does."""


def _count_argument(call: Arguments) -> E:
    del call
    return exp.Count(this=exp.Star())


def _build_countif(call: Arguments) -> E:
    return exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=call[0]))


def _write_filtered_aggregate(call: Arguments, name: str, conditional: bool, distinct: bool = False) -> E:
    where = call[1] if conditional else None
    return nodes.aggregate(name, call[0], distinct=distinct, where=where)


def _make_distinct(conditional: bool) -> Native:
    return lambda call: _write_filtered_aggregate(call, "count", conditional, distinct=True)


def _make_sum(conditional: bool) -> Native:
    """Whole numbers: Spark's sum wraps where ANSI mode is off, as KQL's does."""

    def build_node(call: Arguments) -> E | None:
        if call.type not in (KqlType.LONG, KqlType.TIMESPAN):
            return None
        return nodes.build_coalesce(
            _write_filtered_aggregate(call, "sum", conditional),
            nodes.build_cast(nodes.build_number(0), "BIGINT"),
        )

    return build_node


def _make_mean(conditional: bool) -> Native:
    def build_node(call: Arguments) -> E | None:
        if not call.types[0].is_integer:
            return None
        added = nodes.build_cast(_write_filtered_aggregate(call, "sum", conditional), "DOUBLE")
        mean = nodes.build_binary(
            "/", added, nodes.build_cast(_write_filtered_aggregate(call, "count", conditional), "DOUBLE")
        )
        return nodes.build_coalesce(mean, nodes.build_cast(nodes.build_text("NaN"), "DOUBLE"))

    return build_node


def _write_extreme(name: str, conditional: bool) -> Native:
    def build_node(call: Arguments) -> E | None:
        if call.types[0] not in _SIMPLE:
            return None
        return _write_filtered_aggregate(call, name, conditional)

    return build_node


def _make_extreme_row_value(name: str) -> Native:
    """The value of the row whose key is extreme; boxed, so that a null value is one. Keys that may be null need the collected form."""

    def build_node(call: Arguments) -> E | None:
        if call.types[0] not in _SIMPLE or call.order:
            return None
        box = nodes.build_call("struct", exp.Alias(this=call[1], alias=exp.Identifier(this="v")))
        found: E = nodes.build_call(name, box, call[0])
        if call.bound[0].nullable:
            found = nodes.build_coalesce(found, nodes.build_call("first", box))
        return exp.Dot(this=found, expression=exp.Identifier(this="v"))

    return build_node


def _make_any_aggregate(conditional: bool) -> Native:
    def build_node(call: Arguments) -> E | None:
        if call.order:
            return None
        tests = [call[1]] if conditional else []
        text = call.types[0] == KqlType.STRING
        tests.append(
            nodes.build_binary("<>", call[0], nodes.build_text("")) if text else nodes.is_not_null(call[0])
        )
        found = nodes.aggregate("first", call[0], where=nodes.build_chain("and", tests))
        return nodes.build_coalesce(found, nodes.build_text("")) if text else found

    return build_node


NATIVE: Mapping[str, Native] = MappingProxyType(
    {
        "count": _count_argument,
        "countif": _build_countif,
        "dcount": _make_distinct(conditional=False),
        "dcountif": _make_distinct(conditional=True),
        "count_distinct": _make_distinct(conditional=False),
        "count_distinctif": _make_distinct(conditional=True),
        "sum": _make_sum(conditional=False),
        "sumif": _make_sum(conditional=True),
        "avg": _make_mean(conditional=False),
        "avgif": _make_mean(conditional=True),
        "min": _write_extreme("min", conditional=False),
        "minif": _write_extreme("min", conditional=True),
        "max": _write_extreme("max", conditional=False),
        "maxif": _write_extreme("max", conditional=True),
        "arg_max": _make_extreme_row_value("max_by"),
        "arg_min": _make_extreme_row_value("min_by"),
        "take_any": _make_any_aggregate(conditional=False),
        "take_anyif": _make_any_aggregate(conditional=True),
        "any": _make_any_aggregate(conditional=False),
        "anyif": _make_any_aggregate(conditional=True),
    }
)
"""What is not here is collected; see collected.py."""
