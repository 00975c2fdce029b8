"""Polygons on the Earth (GeoJSON Polygon and MultiPolygon, geodesic edges). What is no polygon gives null."""

from __future__ import annotations

import pyarrow as pa

from nephoscope_kql.functions.declaration import (
    declare_arrow_function,
    declare_rowwise,
    make_declarer,
    require_extra,
)
from nephoscope_kql.geometry.shape_operations import (
    buffer_polygon,
    densify_chain,
    is_spread,
    normalize_position,
    simplify_chain,
)
from nephoscope_kql.geometry.shapes import (
    EARTH,
    POLYGONS,
    Position,
    convert_polygon,
    format_geography,
    format_geojson,
    format_point,
    format_polygon,
    is_point,
    list_geometries,
    list_shells,
    make_measure,
    make_vertex,
    parse_area,
    parse_line,
    parse_polygon,
    parse_shape,
    parse_shapes,
    to_position,
    unite_polygons,
)

_named = make_declarer(__name__, require_extra("geo", "s2geometry", "spherely"))


def _compute_area(text: str) -> float | None:
    found = parse_polygon(text)
    return None if found is None else float(found.GetArea()) * EARTH * EARTH


def _compute_perimeter(text: str) -> float | None:
    import spherely

    found = parse_polygon(text)
    return None if found is None else float(spherely.perimeter(convert_polygon(found), radius=EARTH))


def _compute_centroid(text: str) -> str | None:
    import spherely

    found = parse_polygon(text)
    return (
        None
        if found is None
        else format_point(list_geometries(spherely.centroid(convert_polygon(found)))[0][1])
    )


def _contains(found: object, points: object) -> object:
    import spherely

    return spherely.contains(found, points)


def _read_distance(found: object, points: object) -> object:
    import spherely

    return spherely.distance(points, found, radius=EARTH)


def _compute_closest(longitude: float, latitude: float, text: str) -> str | None:
    found = parse_polygon(text)
    if found is None or not is_point(longitude, latitude):
        return None
    return format_point(to_position(found.Project(make_vertex(longitude, latitude))))


def _compute_buffer(text: str, radius: float, tolerance: float) -> str | None:
    found = buffer_polygon(text, radius, tolerance)
    return None if found is None else format_polygon(found)


def _write_polygons(parts: list[list[list[Position]]]) -> str:
    return format_geojson("Polygon", parts[0]) if len(parts) == 1 else format_geojson("MultiPolygon", parts)


def _densify_polygon(text: str, tolerance: float) -> str | None:
    found = parse_polygon(text)
    if found is None:
        return None
    given = {normalize_position(position): position for position in _compute_given_positions(text)}
    parts = [
        [densify_chain([given.get(position, position) for position in ring], tolerance) for ring in rings]
        for rings in list_shells(found)
    ]
    if any(ring is None for rings in parts for ring in rings):
        return None
    return _write_polygons(
        [[[normalize_position(one) for one in ring or []] for ring in rings] for rings in parts]
    )


def _compute_given_positions(text: str) -> list[Position]:
    """The positions as they were given, before the sphere rounded them."""
    found = parse_shape(text, POLYGONS)
    return [position for rings in found.parts for ring in rings for position in ring] if found else []


def _simplify_shells(found: object, tolerance: float) -> list[list[list[Position]]]:
    """The shells, and what is left of their holes, of a polygon with simpler rings; rings that fall together are left out."""
    parts = []
    for rings in list_shells(found):
        made = [simplify_chain(ring, tolerance) for ring in rings if is_spread(ring, tolerance)]
        kept = [ring for ring in made if len(ring) > 3]
        if kept and made and kept[0] is made[0]:
            parts.append(kept)
    return parts


def _simplify_polygon(text: str, tolerance: float) -> str | None:
    found = parse_polygon(text)
    if found is None or not tolerance > 0:
        return None
    parts = _simplify_shells(found, tolerance)
    return _write_polygons(parts) if parts else None


def _simplify_all_polygons(text: str, tolerance: float) -> str | None:
    found = parse_shapes(text, parse_polygon)
    if found is None or not tolerance > 0:
        return None
    parts = [part for one in found for part in _simplify_shells(one, tolerance)]
    return _write_polygons(parts) if parts else None


def _compute_union(text: str) -> str | None:
    found = parse_shapes(text, parse_polygon)
    return None if found is None else format_polygon(unite_polygons(found))


def _compute_intersection(one: str, other: str) -> str | None:
    left, right = parse_polygon(one), parse_polygon(other)
    if left is None or right is None:
        return None
    import spherely

    first, second = convert_polygon(left), convert_polygon(right)
    common = spherely.intersection(first, second)
    if spherely.is_empty(common):
        common = spherely.intersection(spherely.boundary(first), spherely.boundary(second))
    return format_geography(common)


def _do_intersect(one: str, other: str) -> bool | None:
    left, right = parse_polygon(one), parse_polygon(other)
    if left is None or right is None:
        return None
    import spherely

    return bool(spherely.intersects(convert_polygon(left), convert_polygon(right)))


def _compute_line_union(one: str, other: str) -> str | None:
    left, right = parse_line(one), parse_polygon(other)
    if left is None or right is None:
        return None
    import spherely

    return format_geography(spherely.intersection(left, convert_polygon(right)))


def _meets_line(one: str, other: str) -> bool | None:
    left, right = parse_line(one), parse_polygon(other)
    if left is None or right is None:
        return None
    import spherely

    return bool(spherely.intersects(left, convert_polygon(right)))


_TEXT, _REAL, _BOOL = "VARCHAR", "DOUBLE", "BOOLEAN"
geo_polygon_area = _named(
    "geo_polygon_area",
    "polygon: dynamic): real",
    "Give the area of a polygon in square meters.",
    declare_rowwise("kql_polygon_area", (_TEXT,), _REAL, _compute_area),
)
geo_polygon_perimeter = _named(
    "geo_polygon_perimeter",
    "polygon: dynamic): real",
    "Give the length of a polygon's boundary in meters.",
    declare_rowwise("kql_polygon_perimeter", (_TEXT,), _REAL, _compute_perimeter),
)
geo_polygon_centroid = _named(
    "geo_polygon_centroid",
    "polygon: dynamic): dynamic",
    "Give the center of mass of a polygon.",
    declare_rowwise("kql_polygon_centroid", (_TEXT,), _TEXT, _compute_centroid),
)
geo_point_in_polygon = _named(
    "geo_point_in_polygon",
    "longitude: real, latitude: real, polygon: dynamic): bool",
    "Tell whether a point lies in a polygon.",
    declare_arrow_function(
        "kql_polygon_contains", (_REAL, _REAL, _TEXT), _BOOL, make_measure(parse_area, _contains, pa.bool_())
    ),
)
geo_distance_point_to_polygon = _named(
    "geo_distance_point_to_polygon",
    "longitude: real, latitude: real, polygon: dynamic): real",
    "Give the shortest distance of a point to a polygon in meters, 0 inside.",
    declare_arrow_function(
        "kql_polygon_distance",
        (_REAL, _REAL, _TEXT),
        _REAL,
        make_measure(parse_area, _read_distance, pa.float64()),
    ),
)
geo_closest_point_on_polygon = _named(
    "geo_closest_point_on_polygon",
    "longitude: real, latitude: real, polygon: dynamic): dynamic",
    "Give the point of a polygon that is closest to a point.",
    declare_rowwise("kql_polygon_closest", (_REAL, _REAL, _TEXT), _TEXT, _compute_closest),
)
geo_polygon_buffer = _named(
    "geo_polygon_buffer",
    "polygon: dynamic, radius: real, [tolerance: real]): dynamic",
    "Give the polygon around a polygon at a radius in meters, at most a tolerance off.",
    declare_rowwise("kql_polygon_buffer", (_TEXT, _REAL, _REAL), _TEXT, _compute_buffer),
    "10.0",
)
geo_polygon_densify = _named(
    "geo_polygon_densify",
    "polygon: dynamic, [tolerance: real]): dynamic",
    "Add positions to a polygon whose flat edges are farther than a tolerance (0.1 to 10000 meters) from geodesic ones.",
    declare_rowwise("kql_polygon_densify", (_TEXT, _REAL), _TEXT, _densify_polygon),
    "10.0",
)
geo_polygon_simplify = _named(
    "geo_polygon_simplify",
    "polygon: dynamic, [tolerance: real]): dynamic",
    "Take positions from a polygon that are at most a tolerance in meters off it; null where nothing is left.",
    declare_rowwise("kql_polygon_simplify", (_TEXT, _REAL), _TEXT, _simplify_polygon),
    "10.0",
)
geo_simplify_polygons_array = _named(
    "geo_simplify_polygons_array",
    "polygons: dynamic, [tolerance: real]): dynamic",
    "Simplify the polygons of an array; null where one is none or nothing is left.",
    declare_rowwise("kql_polygons_simplify", (_TEXT, _REAL), _TEXT, _simplify_all_polygons),
    "10.0",
)
geo_union_polygons_array = _named(
    "geo_union_polygons_array",
    "polygons: dynamic): dynamic",
    "Join the polygons of an array; null where one is none.",
    declare_rowwise("kql_polygons_union", (_TEXT,), _TEXT, _compute_union),
)
geo_intersection_2polygons = _named(
    "geo_intersection_2polygons",
    "polygon1: dynamic, polygon2: dynamic): dynamic",
    "Give what two polygons have in common: polygons, lines, points, or an empty collection.",
    declare_rowwise("kql_polygon_intersection", (_TEXT, _TEXT), _TEXT, _compute_intersection),
)
geo_intersects_2polygons = _named(
    "geo_intersects_2polygons",
    "polygon1: dynamic, polygon2: dynamic): bool",
    "Tell whether two polygons have a point in common.",
    declare_rowwise("kql_polygon_intersects", (_TEXT, _TEXT), _BOOL, _do_intersect),
)
geo_intersection_line_with_polygon = _named(
    "geo_intersection_line_with_polygon",
    "line: dynamic, polygon: dynamic): dynamic",
    "Give the part of a line that lies in a polygon, or an empty collection.",
    declare_rowwise("kql_line_in_polygon", (_TEXT, _TEXT), _TEXT, _compute_line_union),
)
geo_intersects_line_with_polygon = _named(
    "geo_intersects_line_with_polygon",
    "line: dynamic, polygon: dynamic): bool",
    "Tell whether a line and a polygon have a point in common.",
    declare_rowwise("kql_line_meets_polygon", (_TEXT, _TEXT), _BOOL, _meets_line),
)
