"""Points of the Earth, a sphere: distance, bearing, angle, circles. Places that are none give null."""

from __future__ import annotations

from nephoscope_kql.functions.declaration import (
    declare_macro,
    declare_rowwise,
    declare_scalar_macro,
    require_extra,
)
from nephoscope_kql.geometry.shape_operations import buffer_point
from nephoscope_kql.geometry.shapes import EARTH, format_polygon, is_point
from nephoscope_kql.geometry.well_known_text import convert_wkt_to_geojson

_IS_POINT = declare_macro("kql_is_point(x, y)", "abs(x) <= 180 AND abs(y) <= 90")
_DISTANCE = declare_macro(
    "kql_geo_distance(x, y, v, w)",
    "CASE WHEN kql_is_point(x, y) AND kql_is_point(v, w) THEN 2 * asin(sqrt(least(1.0, "
    "pow(sin(radians(w - y) / 2), 2) + pow(sin(radians(v - x) / 2), 2) * cos(radians(y)) * "
    f"cos(radians(w))))) * {EARTH} END",
    _IS_POINT,
)
geo_distance_2points = declare_scalar_macro(
    __name__,
    "geo_distance_2points(p1_longitude: real, p1_latitude: real, p2_longitude: real, p2_latitude: real): real",
    summary="Give the shortest distance of two points in meters; null where one is none.",
    routine=_DISTANCE,
)
geo_point_in_circle = declare_scalar_macro(
    __name__,
    "geo_point_in_circle(p_longitude: real, p_latitude: real, pc_longitude: real, pc_latitude: real, c_radius: real): bool",
    summary="Tell whether a point lies in a circle of a radius in meters; null where a point is none or the radius negative.",
    routine=declare_macro(
        "kql_geo_in_circle(x, y, v, w, r)",
        "CASE WHEN r >= 0 THEN kql_geo_distance(x, y, v, w) <= r END",
        _DISTANCE,
    ),
)
_AZIMUTH = declare_macro(
    "kql_geo_bearing(x, y, v, w)",
    "CASE WHEN kql_is_point(x, y) AND kql_is_point(v, w) AND NOT (x = v AND y = w) THEN "
    "(atan2(sin(radians(v - x)) * cos(radians(w)), cos(radians(y)) * sin(radians(w)) - sin(radians(y)) "
    "* cos(radians(w)) * cos(radians(v - x))) + 2 * pi()) % (2 * pi()) END",
    _IS_POINT,
)
geo_azimuth = declare_scalar_macro(
    __name__,
    "geo_azimuth(p1_longitude: real, p1_latitude: real, p2_longitude: real, p2_latitude: real): real",
    summary="Give the angle at the first point, clockwise from north to the second, in radians; null where one is none.",
    routine=_AZIMUTH,
)
geo_angle = declare_scalar_macro(
    __name__,
    "geo_angle(p1_longitude: real, p1_latitude: real, p2_longitude: real, p2_latitude: real, p3_longitude: real, "
    "p3_latitude: real): real",
    summary="Give the angle at the second point, clockwise from the first to the third, in radians; null where two are one.",
    routine=declare_macro(
        "kql_geo_angle(a, b, c, d, e, f)",
        "(kql_geo_bearing(c, d, e, f) - kql_geo_bearing(c, d, a, b) + 2 * pi()) % (2 * pi())",
        _AZIMUTH,
    ),
)


def _compute_buffer(longitude: float, latitude: float, radius: float, tolerance: float) -> str | None:
    if not is_point(longitude, latitude):
        return None
    found = buffer_point(longitude, latitude, radius, tolerance)
    return None if found is None else format_polygon(found)


geo_point_buffer = declare_scalar_macro(
    __name__,
    "geo_point_buffer(longitude: real, latitude: real, radius: real, [tolerance: real]): dynamic",
    summary="Give the polygon around a point at a radius in meters, at most a tolerance off; null where there is none.",
    routine=declare_rowwise(
        "kql_geo_point_buffer", ("DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"), "VARCHAR", _compute_buffer
    ),
    defaults=("10.0",),
    needs=require_extra("geo", "s2geometry"),
)
geo_from_wkt = declare_scalar_macro(
    __name__,
    "geo_from_wkt(wkt: string): dynamic",
    summary="Read a geometry that is written as well-known text as GeoJSON; null where it is none.",
    routine=declare_rowwise("kql_geo_from_wkt", ("VARCHAR",), "VARCHAR", convert_wkt_to_geojson),
)
