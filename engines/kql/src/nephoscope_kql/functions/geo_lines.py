"""Lines on the Earth (GeoJSON LineString and MultiLineString, geodesic edges). What is no line gives null."""

from __future__ import annotations

import pyarrow as pa

from nephoscope_kql.functions.declaration import (
    declare_arrow_function,
    declare_rowwise,
    make_declarer,
    require_extra,
)
from nephoscope_kql.geometry.shape_operations import (
    buffer_line,
    cut_at_meridian,
    densify_chain,
    is_spread,
    normalize_position,
    simplify_chain,
)
from nephoscope_kql.geometry.shapes import (
    EARTH,
    LINES,
    Position,
    format_geography,
    format_geojson,
    format_point,
    format_polygon,
    is_point,
    list_geometries,
    make_measure,
    make_vertex,
    parse_line,
    parse_polylines,
    parse_shape,
    parse_shapes,
    to_position,
)

_named = make_declarer(__name__, require_extra("geo", "s2geometry", "spherely"))


def _compute_length(text: str) -> float | None:
    import spherely

    found = parse_line(text)
    return None if found is None else float(spherely.length(found, radius=EARTH))


def _read_distance(found: object, points: object) -> object:
    import spherely

    return spherely.distance(points, found, radius=EARTH)


def _compute_centroid(text: str) -> str | None:
    import spherely

    found = parse_line(text)
    return None if found is None else format_point(list_geometries(spherely.centroid(found))[0][1])


def _compute_closest(longitude: float, latitude: float, text: str) -> str | None:
    found = parse_polylines(text)
    if not found or not is_point(longitude, latitude):
        return None
    point = make_vertex(longitude, latitude)
    near = [one.Project(point)[0] for one in found]
    return format_point(to_position(min(near, key=lambda one: _read_angular_distance(one, point))))


def _read_angular_distance(one: object, other: object) -> float:
    import s2geometry

    return float(s2geometry.S2LatLng(one).GetDistance(s2geometry.S2LatLng(other)).radians())


def _interpolate_line(text: str, fraction: float) -> str | None:
    found = parse_polylines(text)
    if len(found) != 1 or not 0 <= fraction <= 1:
        return None
    return format_point(to_position(found[0].Interpolate(fraction)))


def _locate_point(text: str, longitude: float, latitude: float) -> float | None:
    found = parse_polylines(text)
    if len(found) != 1 or not is_point(longitude, latitude):
        return None
    point, after = found[0].Project(make_vertex(longitude, latitude))
    return float(found[0].UnInterpolate(point, after))


def _compute_buffer(text: str, radius: float, tolerance: float) -> str | None:
    found = buffer_line(text, radius, tolerance)
    return None if found is None else format_polygon(found)


def _write_lines(parts: list[list[Position]]) -> str:
    return (
        format_geojson("LineString", parts[0])
        if len(parts) == 1
        else format_geojson("MultiLineString", parts)
    )


def _densify_line(text: str, tolerance: float) -> str | None:
    found = parse_shape(text, LINES)
    if found is None or parse_line(text) is None:
        return None
    parts: list[list[Position]] = []
    for part in found.parts:
        dense = densify_chain(part, tolerance)
        if dense is None:
            return None
        parts += cut_at_meridian([normalize_position(position) for position in dense])
    return _write_lines(parts)


def _simplify_line(text: str, tolerance: float) -> str | None:
    found = parse_shape(text, LINES)
    if found is None or parse_line(text) is None or not tolerance > 0:
        return None
    parts = [simplify_chain(part, tolerance) for part in found.parts if is_spread(part, tolerance)]
    return _write_lines([[normalize_position(one) for one in part] for part in parts]) if parts else None


def _compute_intersection(one: str, other: str) -> str | None:
    import spherely

    left, right = parse_line(one), parse_line(other)
    return None if left is None or right is None else format_geography(spherely.intersection(left, right))


def _do_intersect(one: str, other: str) -> bool | None:
    import spherely

    left, right = parse_line(one), parse_line(other)
    return None if left is None or right is None else bool(spherely.intersects(left, right))


def _compute_union(text: str) -> str | None:
    import spherely

    found = parse_shapes(text, parse_line)
    if found is None:
        return None
    joined = found[0]
    for other in found[1:]:
        joined = spherely.union(joined, other)
    return format_geography(joined)


_TEXT, _REAL, _BOOL = "VARCHAR", "DOUBLE", "BOOLEAN"
geo_line_length = _named(
    "geo_line_length",
    "line: dynamic): real",
    "Give the length of a line in meters.",
    declare_rowwise("kql_line_length", (_TEXT,), _REAL, _compute_length),
)
geo_distance_point_to_line = _named(
    "geo_distance_point_to_line",
    "longitude: real, latitude: real, line: dynamic): real",
    "Give the shortest distance of a point to a line in meters.",
    declare_arrow_function(
        "kql_line_distance",
        (_REAL, _REAL, _TEXT),
        _REAL,
        make_measure(parse_line, _read_distance, pa.float64()),
    ),
)
geo_closest_point_on_line = _named(
    "geo_closest_point_on_line",
    "longitude: real, latitude: real, line: dynamic): dynamic",
    "Give the point of a line that is closest to a point.",
    declare_rowwise("kql_line_closest", (_REAL, _REAL, _TEXT), _TEXT, _compute_closest),
)
geo_line_centroid = _named(
    "geo_line_centroid",
    "line: dynamic): dynamic",
    "Give the center of mass of a line.",
    declare_rowwise("kql_line_centroid", (_TEXT,), _TEXT, _compute_centroid),
)
geo_line_interpolate_point = _named(
    "geo_line_interpolate_point",
    "line: dynamic, fraction: real): dynamic",
    "Give the point at a fraction (0 to 1) of a line's length; null for several lines.",
    declare_rowwise("kql_line_interpolate", (_TEXT, _REAL), _TEXT, _interpolate_line),
)
geo_line_locate_point = _named(
    "geo_line_locate_point",
    "line: dynamic, longitude: real, latitude: real): real",
    "Give the fraction of a line's length at which it is closest to a point; null for several lines.",
    declare_rowwise("kql_line_locate", (_TEXT, _REAL, _REAL), _REAL, _locate_point),
)
geo_line_buffer = _named(
    "geo_line_buffer",
    "line: dynamic, radius: real, [tolerance: real]): dynamic",
    "Give the polygon around a line at a radius in meters, at most a tolerance off.",
    declare_rowwise("kql_line_buffer", (_TEXT, _REAL, _REAL), _TEXT, _compute_buffer),
    "10.0",
)
geo_line_densify = _named(
    "geo_line_densify",
    "line: dynamic, [tolerance: real]): dynamic",
    "Add positions to a line whose flat edges are farther than a tolerance (0.1 to 10000 meters) from geodesic ones.",
    declare_rowwise("kql_line_densify", (_TEXT, _REAL), _TEXT, _densify_line),
    "10.0",
)
geo_line_simplify = _named(
    "geo_line_simplify",
    "line: dynamic, [tolerance: real]): dynamic",
    "Take positions from a line that are at most a tolerance in meters off it; null where nothing is left.",
    declare_rowwise("kql_line_simplify", (_TEXT, _REAL), _TEXT, _simplify_line),
    "10.0",
)
geo_intersection_2lines = _named(
    "geo_intersection_2lines",
    "line1: dynamic, line2: dynamic): dynamic",
    "Give what two lines have in common: points, lines, or an empty collection.",
    declare_rowwise("kql_line_intersection", (_TEXT, _TEXT), _TEXT, _compute_intersection),
)
geo_intersects_2lines = _named(
    "geo_intersects_2lines",
    "line1: dynamic, line2: dynamic): bool",
    "Tell whether two lines have a point in common.",
    declare_rowwise("kql_line_intersects", (_TEXT, _TEXT), _BOOL, _do_intersect),
)
geo_union_lines_array = _named(
    "geo_union_lines_array",
    "lines: dynamic): dynamic",
    "Join the lines of an array; null where one is none.",
    declare_rowwise("kql_line_union", (_TEXT,), _TEXT, _compute_union),
)
