"""Shapes from shapes: buffers, denser and simpler chains of positions, over the sphere. See geography."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from nephoscope_kql.geometry.shapes import (
    EARTH,
    LINES,
    Position,
    make_vertex,
    parse_line,
    parse_polygon,
    parse_shape,
    to_position,
    unite_polygons,
)

if TYPE_CHECKING:
    import s2geometry

_MOST_POSITIONS = 200_000
"""More positions than that give no shape."""
_PLACES_OF_ERROR = (0.31215691082248312, 1 - 0.31215691082248312)
"""Where along an edge the two curves are farthest apart when their difference is of third order (S2's tessellator)."""
_ERROR_SCALE = 0.83829992569888509
_MERIDIAN = 179.999999999999
_LEAST_TOLERANCE, _MOST_TOLERANCE = 0.1, 10_000.0

_Vector: TypeAlias = tuple[float, float, float]


def buffer_point(longitude: float, latitude: float, radius: float, tolerance: float) -> object | None:
    """The polygon around a point; None where radius and tolerance are not positive."""
    operation = _find_buffer_options(radius, tolerance)
    if operation is None:
        return None
    made, buffer = operation
    buffer.AddPoint(make_vertex(longitude, latitude))
    return made if buffer.Build() else None


def buffer_polygon(text: str, radius: float, tolerance: float) -> s2geometry.S2Polygon | None:
    """The polygon around a polygon of GeoJSON; None where there is none."""
    import s2geometry

    found = parse_polygon(text)
    operation = None if found is None else _find_buffer_options(radius, tolerance)
    if operation is None:
        return None
    made, buffer = operation
    given_away = s2geometry.S2Polygon()  # the operation deletes what it is given
    given_away.Copy(found)
    buffer.AddPolygon(given_away)
    return made if buffer.Build() else None


def _find_buffer_options(
    radius: float, tolerance: float
) -> tuple[s2geometry.S2Polygon, s2geometry.S2BufferOperation] | None:
    if not (0 < radius < math.pi * EARTH and tolerance > 0):
        return None
    import s2geometry

    options = s2geometry.S2BufferOperationOptions()
    options.set_buffer_radius(s2geometry.S1Angle.Radians(radius / EARTH))
    options.set_error_fraction(_compute_fraction(radius, tolerance))
    made = s2geometry.S2Polygon()
    return made, s2geometry.S2BufferOperation(s2geometry.S2PolygonLayer(made), options)


def _compute_fraction(radius: float, tolerance: float) -> float:
    return min(1.0, max(1e-6, tolerance / radius))


def buffer_line(text: str, radius: float, tolerance: float) -> s2geometry.S2Polygon | None:
    """The polygon around a line of GeoJSON, round at its ends; None where there is none."""
    found = parse_shape(text, LINES)
    if parse_line(text) is None or found is None or not (0 < radius < math.pi * EARTH / 2 and tolerance > 0):
        return None
    edges = [edge for part in found.parts for edge in pairwise(part) if edge[0] != edge[1]]
    step = 2 * math.acos(1 - _compute_fraction(radius, tolerance))
    if len(edges) * (2 * math.pi / step) > _MOST_POSITIONS:
        return None
    return unite_polygons(
        [_make_loop_polygon(_build_buffer_edge(*edge, radius / EARTH, step)) for edge in edges]
    )


def list_edge_lengths(text: str, kinds: frozenset[str]) -> list[float]:
    """The lengths in radians of the edges of a line or polygon of GeoJSON; none where it is of no such kind."""
    found = parse_shape(text, kinds)
    if found is None:
        return []
    chains = found.parts if kinds is LINES else [ring for rings in found.parts for ring in rings]
    return [
        _compute_angle(_to_vector(start), _to_vector(end))
        for chain in chains
        for start, end in pairwise(chain)
    ]


def _make_loop_polygon(corners: Sequence[_Vector]) -> object:
    import s2geometry

    loop = s2geometry.S2Loop()
    loop.Init([s2geometry.S2Point_FromRaw(*corner).Normalize() for corner in corners])
    made = s2geometry.S2Polygon()
    made.InitNested([loop])
    return made


def _build_buffer_edge(start: Position, end: Position, radius: float, step: float) -> list[_Vector]:
    """Counter-clockwise around an edge: half a circle at each end, and between them the sides in steps."""
    a, b = _to_vector(start), _to_vector(end)
    right = _normalize_vector(_compute_cross_product(b, a))
    left = _scale_vector(right, -1.0)
    return [
        *_build_arc(a, left, radius, step),
        *_build_buffer_side(a, b, right, radius, step),
        *_build_arc(b, right, radius, step),
        *_build_buffer_side(b, a, left, radius, step),
    ]


def _build_arc(center: _Vector, start: _Vector, radius: float, step: float) -> list[_Vector]:
    count = math.ceil(math.pi / step - 1e-12)
    across = _compute_cross_product(center, start)
    return [
        _find_point_on_ray(
            center,
            _add_vectors(
                _scale_vector(start, math.cos(at * step)), _scale_vector(across, math.sin(at * step))
            ),
            radius,
        )
        for at in range(count)
    ]


def _build_buffer_side(
    start: _Vector, end: _Vector, aside: _Vector, radius: float, step: float
) -> list[_Vector]:
    angle = _compute_angle(start, end)
    ahead = _normalize_vector(_compute_cross_product(_compute_cross_product(start, end), start))
    return [
        _find_point_on_ray(_find_point_on_ray(start, ahead, at * step), aside, radius)
        for at in range(max(1, math.ceil(angle / step)))
    ]


def _find_point_on_ray(origin: _Vector, direction: _Vector, angle: float) -> _Vector:
    return _add_vectors(_scale_vector(origin, math.cos(angle)), _scale_vector(direction, math.sin(angle)))


def _to_vector(position: Position) -> _Vector:
    longitude, latitude = math.radians(position[0]), math.radians(position[1])
    flat = math.cos(latitude)
    return flat * math.cos(longitude), flat * math.sin(longitude), math.sin(latitude)


def _compute_cross_product(a: _Vector, b: _Vector) -> _Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _compute_dot_product(a: _Vector, b: _Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _add_vectors(a: _Vector, b: _Vector) -> _Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _scale_vector(a: _Vector, factor: float) -> _Vector:
    return a[0] * factor, a[1] * factor, a[2] * factor


def _normalize_vector(a: _Vector) -> _Vector:
    length = math.sqrt(_compute_dot_product(a, a))
    return _scale_vector(a, 1 / length) if length else a


def _compute_angle(a: _Vector, b: _Vector) -> float:
    cross = _compute_cross_product(a, b)
    return math.atan2(math.sqrt(_compute_dot_product(cross, cross)), _compute_dot_product(a, b))


def densify_chain(positions: Sequence[Position], tolerance: float) -> list[Position] | None:
    """A chain with positions added where its flat edges are farther than `tolerance` meters from geodesic ones."""
    if not _LEAST_TOLERANCE <= tolerance <= _MOST_TOLERANCE:
        return None
    made = [positions[0]]
    for start, end in pairwise(positions):
        made += _densify_edge(start, end, tolerance / EARTH * _ERROR_SCALE)
        if len(made) > _MOST_POSITIONS:
            return None
    return made


def _densify_edge(start: Position, end: Position, most: float) -> list[Position]:
    """The positions after `start` up to `end`."""
    if _estimate_error(start, end) <= most:
        return [end]
    middle = _interpolate_edge(start, end, 0.5)
    return _densify_edge(start, middle, most) + _densify_edge(middle, end, most)


def _interpolate_edge(start: Position, end: Position, fraction: float) -> Position:
    return start[0] + (end[0] - start[0]) * fraction, start[1] + (end[1] - start[1]) * fraction


def _estimate_error(start: Position, end: Position) -> float:
    """About how far the flat edge is from the geodesic one, in radians; infinite over a quarter of the sphere."""
    a, b = _to_vector(start), _to_vector(end)
    if _compute_dot_product(a, b) < -1e-14:
        return math.inf
    angle = _compute_angle(a, b)
    if angle == 0:
        return math.inf if abs(end[0] - start[0]) > 180 else 0.0
    ahead = _normalize_vector(_compute_cross_product(_compute_cross_product(a, b), a))
    return max(
        _compute_angle(
            _find_point_on_ray(a, ahead, angle * at), _to_vector(_interpolate_edge(start, end, at))
        )
        for at in _PLACES_OF_ERROR
    )


def simplify_chain(positions: Sequence[Position], tolerance: float) -> list[Position]:
    """A chain without the positions that are at most `tolerance` meters from the chain without them; its ends stay."""
    vectors = [_to_vector(position) for position in positions]
    kept = {0, len(positions) - 1}
    waiting = [(0, len(positions) - 1)]
    while waiting:
        first, last = waiting.pop()
        inner = range(first + 1, last)
        far = max(
            inner, key=lambda at: _compute_distance(vectors[at], vectors[first], vectors[last]), default=None
        )
        if (
            far is not None
            and _compute_distance(vectors[far], vectors[first], vectors[last]) * EARTH > tolerance
        ):
            kept.add(far)
            waiting += [(first, far), (far, last)]
    return [positions[at] for at in sorted(kept)]


def _compute_distance(point: _Vector, start: _Vector, end: _Vector) -> float:
    """From a point to an edge, in radians."""
    normal = _compute_cross_product(start, end)
    if (
        _compute_dot_product(_compute_cross_product(normal, start), point) > 0
        and _compute_dot_product(_compute_cross_product(end, normal), point) > 0
    ):
        return abs(math.asin(max(-1.0, min(1.0, _compute_dot_product(_normalize_vector(normal), point)))))
    return min(_compute_angle(point, start), _compute_angle(point, end))


def is_spread(positions: Sequence[Position], tolerance: float) -> bool:
    """Return whether a position is farther than `tolerance` meters from the first."""
    first = _to_vector(positions[0])
    return any(_compute_angle(first, _to_vector(position)) * EARTH > tolerance for position in positions)


def cut_at_meridian(positions: list[Position]) -> list[list[Position]]:
    """A line in the pieces that the 180th meridian cuts it into, each ending at the meridian."""
    parts = [[positions[0]]]
    for before, after in pairwise(positions):
        if abs(after[0] - before[0]) > 180:
            latitude = _compute_latitude_at_meridian(before, after)
            parts[-1].append((math.copysign(_MERIDIAN, before[0]), latitude))
            parts.append([(math.copysign(_MERIDIAN, after[0]), latitude)])
        parts[-1].append(after)
    return parts


def _compute_latitude_at_meridian(start: Position, end: Position) -> float:
    """The latitude at which an edge crosses the 180th meridian."""
    normal = _compute_cross_product(_to_vector(start), _to_vector(end))
    return math.degrees(math.atan(normal[0] / normal[2])) if normal[2] else start[1]


def normalize_position(position: Position) -> Position:
    """A position as the sphere gives it back."""
    return to_position(make_vertex(*position))
