"""H3 cells: hexagons (and 12 pentagons a resolution, 0 to 15) that divide the sphere. What is none gives null or ''."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from nephoscope_kql.functions.declaration import declare_rowwise, declare_scalar_macro, require_extra
from nephoscope_kql.geometry.shapes import (
    EARTH,
    Position,
    format_geojson,
    format_point,
    is_point,
    list_shells,
    parse_polygon,
)
from nephoscope_kql.sql.batch_size_limit import check_batch_size

_MOST = 15
_MOST_RINGS = 142
_MOST_CELLS = 61680
"""Cells that a polygon has at most. Source: https://learn.microsoft.com/kusto/query/geo-polygon-to-h3cells-function"""
_PLACE = 16
"""Bytes that H3 takes for each cell that might lie in a polygon."""
_NEEDS = require_extra("geo", "h3")
_CELL = re.compile(r"[0-9a-f]{1,16}", re.IGNORECASE)
_AROUND = (1, 4, 5, 3, 2, 6)
"""The order of neighbors by the direction of the edge to them, as the H3 index names directions."""


def _to_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _find_cell(longitude: float, latitude: float, resolution: int) -> str | None:
    if not is_point(longitude, latitude) or not 0 <= resolution <= _MOST:
        return None
    import h3

    return str(h3.latlng_to_cell(latitude, longitude, resolution))


def _is_valid(cell: str) -> bool:
    import h3

    return _CELL.fullmatch(cell) is not None and bool(h3.is_valid_cell(cell))


def _compute_level(cell: str) -> int | None:
    import h3

    return int(h3.get_resolution(cell)) if _is_valid(cell) else None


def _find_parent(cell: str, resolution: int | None) -> str | None:
    import h3

    own = _compute_level(cell)
    wanted = -1 if own is None else own - 1 if resolution is None else resolution
    return str(h3.cell_to_parent(cell, wanted)) if own is not None and 0 <= wanted <= own else None


def _list_children(cell: str, resolution: int | None) -> str | None:
    import h3

    own = _compute_level(cell)
    wanted = -1 if own is None else own + 1 if resolution is None else resolution
    if own is None or not own <= wanted <= min(_MOST, own + 6):
        return None
    return _to_json(list(h3.cell_to_children(cell, wanted)))


def _compute_center(cell: str) -> str | None:
    import h3

    if not _is_valid(cell):
        return None
    latitude, longitude = h3.cell_to_latlng(cell)
    return format_point((longitude, latitude))


def _compute_polygon(cell: str) -> str | None:
    import h3

    if not _is_valid(cell):
        return None
    corners = [(longitude, latitude) for latitude, longitude in h3.cell_to_boundary(cell)]
    return format_geojson("Polygon", [[*corners, corners[0]]])


def _list_neighbors(cell: str) -> str | None:
    import h3

    if not _is_valid(cell):
        return None
    edges = {int(edge, 16) >> 56 & 7: edge for edge in h3.origin_to_directed_edges(cell)}
    return _to_json([h3.get_directed_edge_destination(edges[at]) for at in _AROUND if at in edges])


def _compute_rings(cell: str, distance: int) -> str | None:
    import h3

    if not _is_valid(cell) or not 0 <= distance <= _MOST_RINGS:
        return None
    rings: dict[int, list[str]] = defaultdict(list)
    for other in h3.grid_disk(cell, distance):
        rings[h3.grid_distance(cell, other)].append(other)
    return _to_json([rings[at] for at in range(distance + 1)])


def _list_cells_of_polygon(text: str, resolution: int) -> str | None:
    found = parse_polygon(text)
    if found is None or not 0 <= resolution <= _MOST:
        return None
    import h3

    cells: dict[str, None] = {}
    for rings in list_shells(found):
        if _estimate_cell_count(_compute_flat_area(rings[0]), resolution) > 2 * _MOST_CELLS:
            return None
        check_batch_size(_estimate_cell_count(_frame_area(rings[0]), resolution) * _PLACE)
        outer, *holes = ([(latitude, longitude) for longitude, latitude in ring[:-1]] for ring in rings)
        try:
            cells |= dict.fromkeys(h3.h3shape_to_cells(h3.LatLngPoly(outer, *holes), resolution))
        except h3.H3FailedError:  # a ring that collapses at a pole or crosses itself there
            return None
        if len(cells) > _MOST_CELLS:
            return None
    return _to_json(list(cells))


def _estimate_cell_count(area: float, resolution: int) -> float:
    """About how many cells of a resolution have their centers within an area in steradians."""
    import h3

    return area * EARTH**2 / float(h3.average_hexagon_area(resolution, unit="m^2"))


def _compute_flat_area(ring: Sequence[Position]) -> float:
    """The area on the sphere within a ring whose edges are straight in degrees, as those of polygons of H3 are."""
    return abs(sum(_compute_area_under_edge(start, end) for start, end in pairwise(ring)))


def _compute_area_under_edge(start: Position, end: Position) -> float:
    """The area between an edge and the equator: the integral of the sine of the latitude over the longitude."""
    across = math.radians(math.remainder(end[0] - start[0], 360.0))
    low, high = math.radians(start[1]), math.radians(end[1])
    mean = math.sin(low) if abs(high - low) < 1e-9 else (math.cos(low) - math.cos(high)) / (high - low)
    return across * mean


def _frame_area(ring: Sequence[Position]) -> float:
    """The area between the outermost longitudes and latitudes of a ring, in which H3 looks for cells."""
    longitudes, latitudes = zip(*ring, strict=True)
    height = math.sin(math.radians(max(latitudes))) - math.sin(math.radians(min(latitudes)))
    return math.radians(max(longitudes) - min(longitudes)) * height


geo_point_to_h3cell = declare_scalar_macro(
    __name__,
    "geo_point_to_h3cell(longitude: real, latitude: real, [resolution: long]): string",
    summary="Give the H3 cell of a point at a resolution of 0 to 15 (6 where not said); '' where there is none.",
    routine=declare_rowwise("kql_h3_cell", ("DOUBLE", "DOUBLE", "BIGINT"), "VARCHAR", _find_cell),
    defaults=("6",),
    needs=_NEEDS,
)
geo_h3cell_level = declare_scalar_macro(
    __name__,
    "geo_h3cell_level(h3cell: string): int",
    summary="Give the resolution of an H3 cell; null where it is none.",
    routine=declare_rowwise("kql_h3_level", ("VARCHAR",), "BIGINT", _compute_level),
    needs=_NEEDS,
)
geo_h3cell_parent = declare_scalar_macro(
    __name__,
    "geo_h3cell_parent(h3cell: string, [resolution: long]): string",
    summary="Give the H3 cell of a lower resolution (the next where not said) that holds a cell; '' where there is none.",
    routine=declare_rowwise("kql_h3_parent", ("VARCHAR", "BIGINT"), "VARCHAR", _find_parent, strict=False),
    needs=_NEEDS,
)
geo_h3cell_children = declare_scalar_macro(
    __name__,
    "geo_h3cell_children(h3cell: string, [resolution: long]): dynamic",
    summary="Give the H3 cells of a higher resolution (the next where not said, at most 6 more) in a cell; else null.",
    routine=declare_rowwise(
        "kql_h3_children", ("VARCHAR", "BIGINT"), "VARCHAR", _list_children, strict=False
    ),
    needs=_NEEDS,
)
geo_h3cell_to_central_point = declare_scalar_macro(
    __name__,
    "geo_h3cell_to_central_point(h3cell: string): dynamic",
    summary="Give the center of an H3 cell as GeoJSON; null where it is none.",
    routine=declare_rowwise("kql_h3_center", ("VARCHAR",), "VARCHAR", _compute_center),
    needs=_NEEDS,
)
geo_h3cell_to_polygon = declare_scalar_macro(
    __name__,
    "geo_h3cell_to_polygon(h3cell: string): dynamic",
    summary="Give the boundary of an H3 cell as GeoJSON; null where it is none.",
    routine=declare_rowwise("kql_h3_polygon", ("VARCHAR",), "VARCHAR", _compute_polygon),
    needs=_NEEDS,
)
geo_h3cell_neighbors = declare_scalar_macro(
    __name__,
    "geo_h3cell_neighbors(h3cell: string): dynamic",
    summary="Give the H3 cells around a cell; null where it is none.",
    routine=declare_rowwise("kql_h3_neighbors", ("VARCHAR",), "VARCHAR", _list_neighbors),
    needs=_NEEDS,
)
geo_h3cell_rings = declare_scalar_macro(
    __name__,
    "geo_h3cell_rings(h3cell: string, distance: long): dynamic",
    summary="Give the rings of H3 cells around a cell up to a distance of 142, the cell first; null where there are none.",
    routine=declare_rowwise("kql_h3_rings", ("VARCHAR", "BIGINT"), "VARCHAR", _compute_rings),
    needs=_NEEDS,
)
geo_polygon_to_h3cells = declare_scalar_macro(
    __name__,
    "geo_polygon_to_h3cells(polygon: dynamic, [resolution: long]): dynamic",
    summary="Give the H3 cells of a resolution (6 where not said) whose centers lie in a polygon, at most 61680; else null.",
    routine=declare_rowwise("kql_h3_polygon_cells", ("VARCHAR", "BIGINT"), "VARCHAR", _list_cells_of_polygon),
    defaults=("6",),
    needs=require_extra("geo", "h3", "s2geometry", "spherely"),
)
