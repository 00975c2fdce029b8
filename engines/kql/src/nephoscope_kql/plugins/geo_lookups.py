"""geo_polygon_lookup and geo_line_lookup: rows joined to the areas or lines that their places lie in or near."""

from __future__ import annotations

from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.operands import bind_operation
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.plan.relations import Joined
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.plugins.ip_lookups import combine_columns, lookup_column
from nephoscope_kql.types import KqlType

_RADIUS, _UNMATCHED, _KEY = 4, 5, 7
"""The places of the arguments radius, return_unmatched and return_lookup_key; between them one that changes no row."""
_NAMED = "radius return_unmatched lookup_area_radius return_lookup_key"


@declare_plugin(
    "geo_polygon_lookup(LookupTable, LookupPolygonKey: dynamic, SourceLongitude: real, SourceLatitude: real, [radius: real], "
    "[return_unmatched: bool], [lookup_area_radius: real], [return_lookup_key: bool])",
    named=_NAMED,
)
def geo_polygon_lookup(call: PluginCall) -> Relation:
    """Join each row to every polygon of a table that its place lies in, or is nearer to than a radius in meters."""
    radius = _read_number(call, 0.0)
    return _join_near(call, "geo_distance_point_to_polygon" if radius else "geo_point_in_polygon", radius)


@declare_plugin(
    "geo_line_lookup(LookupTable, LookupLineKey: dynamic, SourceLongitude: real, SourceLatitude: real, radius: real, "
    "[return_unmatched: bool], [lookup_area_radius: real], [return_lookup_key: bool])",
    named=_NAMED,
)
def geo_line_lookup(call: PluginCall) -> Relation:
    """Join each row to every line of a table that its place is nearer to than a radius in meters."""
    call.require_argument(_RADIUS, "radius")
    return _join_near(call, "geo_distance_point_to_line", _read_number(call, 0.0))


def _read_number(call: PluginCall, absent: float) -> float:
    expression = call.find_argument(_RADIUS, "radius")
    value = (
        absent
        if expression is None
        else getattr(call.env.without_row().bind_scalar(expression), "value", None)
    )
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise make_invalid_error("the radius is a constant number of meters", call.span)
    return float(value)


def _read_flag(call: PluginCall, place: int, name: str) -> bool:
    expression = call.find_argument(place, name)
    if expression is None:
        return False
    value = call.env.without_row().bind_scalar(expression)
    if not isinstance(value, Constant) or not isinstance(value.value, bool):
        raise make_invalid_error(f"{name} is true or false", expression.span)
    return value.value


def _join_near(call: PluginCall, function: str, radius: float) -> Relation:
    table = call.bind_rows(0, "LookupTable")
    key = lookup_column(table, call.require_argument(1, "LookupKey"))
    own = [
        column for column in table.columns if column is not key or _read_flag(call, _KEY, "return_lookup_key")
    ]
    return Joined(
        columns=combine_columns(call.relation, own, table_first=False),
        kind="leftouter" if _read_flag(call, _UNMATCHED, "return_unmatched") else "inner",
        left=call.relation,
        right=table,
        keys=(),
        residual=_find_condition(call, key, function, radius),
        open=call.relation.open or table.open,
    )


def _find_condition(call: PluginCall, key: Column, function: str, radius: float) -> Bound:
    place = [
        convert_explicitly(call.bind_value(call.require_argument(at, name)), KqlType.REAL)
        for at, name in ((2, "SourceLongitude"), (3, "SourceLatitude"))
    ]
    shape = convert_explicitly(make_reference(key, call.span), KqlType.DYNAMIC)
    if not radius:
        return bind_operation(function, KqlType.BOOL, call.span, *place, shape)
    distance = bind_operation(function, KqlType.REAL, call.span, *place, shape)
    return bind_operation(
        "<=", KqlType.BOOL, call.span, distance, constants.make_constant(radius, KqlType.REAL, call.span)
    )
