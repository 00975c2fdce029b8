"""GeoJSON as shapes on the sphere: lines and polygons with geodesic edges (spherely, s2geometry), read and written.

A point is (longitude, latitude) in degrees. The sphere is the Earth's mean: every length is in meters, every area in square meters.
What is no valid shape is None. Both libraries come with the extra `geo` and are imported where they are used.
"""

from __future__ import annotations

import json
import math
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import s2geometry
    import spherely

_TURN = 360.0
EARTH = 6371010.0
"""The radius of the sphere in meters."""
CACHED = 256
"""How many shapes are kept: a query asks many points of few of them."""
Position: TypeAlias = tuple[float, float]
T = TypeVar("T")
ShapeT = TypeVar("ShapeT")
LINES = frozenset(("LineString", "MultiLineString"))
POLYGONS = frozenset(("Polygon", "MultiPolygon"))
_DEPTH = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


@dataclass(frozen=True, slots=True)
class GeoShape:
    """A line or polygon of GeoJSON; `parts` are its lines, or its polygons as lists of rings."""

    kind: str
    parts: tuple[Any, ...]


def is_point(longitude: float, latitude: float) -> bool:
    """Return whether it is a place: longitude within 180 degrees, latitude within 90."""
    return abs(longitude) <= 180 and abs(latitude) <= 90


def parse_shape(text: str, kinds: frozenset[str]) -> GeoShape | None:
    """The shape of GeoJSON text whose type is one of `kinds`; None where it is none."""
    try:
        found = json.loads(text)
        kind = found["type"]
        if kind not in kinds:
            return None
        parts = parse_positions(found["coordinates"], _DEPTH[kind])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    whole = parts if kind.startswith("Multi") else [parts]
    return GeoShape(kind, tuple(whole)) if whole else None


def parse_positions(values: Any, depth: int) -> Any:
    """Nested lists of positions; ValueError or TypeError where one is none."""
    if depth:
        if not isinstance(values, list):
            raise TypeError("a list is expected")
        return [parse_positions(item, depth - 1) for item in values]
    longitude, latitude = (float(item) for item in values[:2])
    if not abs(longitude) <= _TURN or not abs(latitude) <= 90:
        raise ValueError("no position")
    return longitude, latitude


@lru_cache(CACHED)
def parse_line(text: str) -> spherely.Geography | None:
    """The line of GeoJSON text as a geography of spherely; None where it is none."""
    import spherely

    found = parse_shape(text, LINES)
    if found is None:
        return None
    try:
        made = [spherely.create_linestring(part) for part in found.parts if _has_distinct_positions(part)]
    except (ValueError, RuntimeError):
        return None
    if len(made) != len(found.parts):
        return None
    return made[0] if found.kind == "LineString" else spherely.create_multilinestring(made)


def _has_distinct_positions(part: Sequence[Position]) -> bool:
    """Return whether a line has two different positions."""
    return len({(_wrap_longitude(longitude), latitude) for longitude, latitude in part}) > 1


def _wrap_longitude(longitude: float) -> float:
    return math.remainder(longitude, _TURN)


def parse_polylines(text: str) -> list[s2geometry.S2Polyline]:
    """The parts of a line of GeoJSON text as polylines of s2geometry; none where it is no line."""
    import s2geometry

    found, made = parse_shape(text, LINES), []
    if found is None or parse_line(text) is None:
        return []
    for part in found.parts:
        one = s2geometry.S2Polyline()
        one.InitFromS2Points([make_vertex(*position) for position in part])
        made.append(one)
    return made


def convert_polygon(polygon: s2geometry.S2Polygon) -> spherely.Geography:
    """A polygon of s2geometry as a geography of spherely."""
    import spherely

    made = [
        spherely.create_polygon(rings[0][:-1], [ring[:-1] for ring in rings[1:]])
        for rings in list_shells(polygon)
    ]
    return made[0] if len(made) == 1 else spherely.create_multipolygon(made)


@lru_cache(CACHED)
def parse_polygon(text: str) -> s2geometry.S2Polygon | None:
    """The polygon of GeoJSON text (of several: their union) as one of s2geometry; None where it is none."""
    found = parse_shape(text, POLYGONS)
    return None if found is None else _join_shapes([_build_polygon(rings) for rings in found.parts])


def _join_shapes(made: list[s2geometry.S2Polygon | None]) -> s2geometry.S2Polygon | None:
    parts = [one for one in made if one is not None]
    return unite_polygons(parts) if parts and len(parts) == len(made) else None


def _build_polygon(rings: list[list[Position]]) -> s2geometry.S2Polygon | None:
    """A polygon of a ring and holes; None where one has fewer than 3 corners or crosses itself."""
    import s2geometry

    loops = []
    for ring in rings:
        if len(ring) < 4 or ring[0] != ring[-1]:
            return None
        loop = s2geometry.S2Loop()
        corners = [make_vertex(*corner) for corner in ring[:-1]]
        if _is_degenerate(ring) or not _is_simple(corners):
            return None
        loop.Init(corners)
        loop.Normalize()
        loops.append(loop)
    made = s2geometry.S2Polygon()
    if not loops:
        return None
    made.InitNested(loops)
    return made if made.IsValid() else None


def _is_degenerate(ring: list[Position]) -> bool:
    """Return whether a corner stands twice in a row or at two places."""
    corners = [(_wrap_longitude(longitude), latitude) for longitude, latitude in ring[:-1]]
    return len(set(corners)) != len(corners)


def _is_simple(corners: list[object]) -> bool:
    """Return whether no edge of the ring crosses another."""
    import spherely

    try:
        spherely.create_polygon([to_position(corner) for corner in corners])
    except (ValueError, RuntimeError):
        return False
    return True


def make_vertex(longitude: float, latitude: float) -> s2geometry.S2Point:
    """The point of s2geometry at a place."""
    import s2geometry

    return s2geometry.S2LatLng.FromDegrees(latitude, longitude).Normalized().ToPoint()


def to_position(point: s2geometry.S2Point) -> Position:
    """The place of a point of s2geometry."""
    import s2geometry

    found = s2geometry.S2LatLng(point)
    return found.lng().degrees(), found.lat().degrees()


def unite_polygons(polygons: Iterable[Any]) -> object:
    """The union of polygons, the two of the fewest corners first (the order decides where a ring starts, as in S2 itself)."""
    import s2geometry

    queue = sorted(((one.num_vertices(), one) for one in polygons), key=itemgetter(0))
    while len(queue) > 1:
        (size, one), (other_size, other), *queue = queue
        joined = s2geometry.S2Polygon()
        joined.InitToUnion(one, other)
        at = bisect_right(queue, size + other_size, key=itemgetter(0))
        queue.insert(at, (size + other_size, joined))
    return queue[0][1]


@lru_cache(CACHED)
def parse_area(text: str) -> spherely.Geography | None:
    """The polygon of GeoJSON text as a geography of spherely, its index built; None where it is none."""
    import spherely

    found = parse_polygon(text)
    return None if found is None else spherely.prepare(convert_polygon(found))


def make_measure(
    read: Callable[[str], object | None], measure: Callable[[Any, Any], object], kind: pa.DataType
) -> Callable[[object, Any, Any], object]:
    """A function over Arrow arrays of longitudes, latitudes and GeoJSON: `measure` gets a shape and all its points at once.

    What is no place or no shape gives null.
    """

    def run_body(longitudes: pa.Array, latitudes: pa.Array, texts: pa.Array) -> pa.Array:
        import spherely

        longitudes, latitudes, texts = (
            item.combine_chunks() if isinstance(item, pa.ChunkedArray) else item
            for item in (longitudes, latitudes, texts)
        )
        east, north = (
            np.asarray(item.to_numpy(zero_copy_only=False), dtype=float) for item in (longitudes, latitudes)
        )
        valid = (np.abs(east) <= 180) & (np.abs(north) <= 90)
        coded = pc.dictionary_encode(texts)
        codes = np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False))
        found = np.zeros(len(codes), dtype=kind.to_pandas_dtype())
        known = np.zeros(len(codes), dtype=bool)
        for code, text in enumerate(coded.dictionary.to_pylist()):
            shape_of = read(text)
            rows = valid & (codes == code)
            if shape_of is not None and rows.any():
                known |= rows
                found[rows] = measure(shape_of, spherely.points(east[rows], north[rows]))
        return pa.array(found, kind, mask=~known)

    return run_body


def list_shells(polygon: s2geometry.S2Polygon) -> Iterator[list[list[Position]]]:
    """The rings of a polygon of s2geometry, closed: of every shell itself and then its holes."""
    rings: list[list[Position]] = []
    for number in range(polygon.num_loops()):
        loop = polygon.loop(number)
        if not loop.is_hole() and rings:
            yield rings
            rings = []
        corners = [to_position(loop.vertex(at)) for at in range(loop.num_vertices())]
        if loop.is_hole():
            corners.reverse()
        rings.append([*corners, corners[0]])
    if rings:
        yield rings


def format_polygon(polygon: s2geometry.S2Polygon) -> str | None:
    """GeoJSON of a polygon of s2geometry; None where it is empty."""
    parts = list(list_shells(polygon))
    if not parts:
        return None
    return format_geojson("Polygon", parts[0]) if len(parts) == 1 else format_geojson("MultiPolygon", parts)


def format_geojson(kind: str, coordinates: object) -> str:
    """GeoJSON text."""
    return json.dumps({"type": kind, "coordinates": coordinates}, separators=(",", ":"))


def format_point(position: Position | None) -> str | None:
    """GeoJSON of a point."""
    return None if position is None else format_geojson("Point", position)


def format_collection(texts: Sequence[str]) -> str:
    """GeoJSON of several geometries: none or several make a collection."""
    if len(texts) == 1:
        return texts[0]
    return '{"type":"GeometryCollection","geometries":[' + ",".join(texts) + "]}"


_KINDS = {1: "Point", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon"}


class _Binary:
    """Well-known binary of one geometry, read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def unpack(self, form: str) -> Any:
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found

    def read_many(self, one: Callable[[], T]) -> list[T]:
        return [one() for _ in range(self.unpack("I")[0])]

    def read_geometry(self) -> list[tuple[str, object]]:
        """Kind and coordinates of every simple or multi geometry; those of a collection one by one."""
        _, number = self.unpack("BI")
        if number == 7:
            return [item for items in self.read_many(self.read_geometry) for item in items]
        if number > 3:
            return [(_KINDS[number], [items[0][1] for items in self.read_many(self.read_geometry)])]
        return [(_KINDS[number], self.read_coordinates(number))]

    def read_coordinates(self, number: int) -> object:
        if number == 1:
            return self.unpack("2d")
        if number == 2:
            return self.read_many(lambda: self.unpack("2d"))
        return self.read_many(lambda: self.read_many(lambda: self.unpack("2d")))


def list_geometries(found: object) -> list[tuple[str, Any]]:
    """Kind and coordinates of the geometries of a geography of spherely."""
    import spherely

    return _Binary(bytes(spherely.to_wkb(found))).read_geometry() if not spherely.is_empty(found) else []


def format_geography(found: object) -> str:
    """GeoJSON of a geography of spherely; lines that are given twice stand once."""
    texts = []
    for kind, coordinates in list_geometries(found):
        if kind.startswith("Multi"):
            single = kind.removeprefix("Multi")
            parts = list(dict.fromkeys(json.dumps(part) for part in coordinates))
            coordinates = [json.loads(part) for part in parts]
            kind, coordinates = (single, coordinates[0]) if len(parts) == 1 else (kind, coordinates)
        texts.append(format_geojson(kind, coordinates))
    return format_collection(texts)


def parse_shapes(text: str, read: Callable[[str], object | None]) -> list[object] | None:
    """The shapes of a JSON array; None where one is invalid or there is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not found:
        return None
    made = [read(json.dumps(item)) for item in found]
    return None if any(one is None for one in made) else made
