"""S2 cells: tokens of cells of levels 0 to 30 that divide the sphere. What is none gives null or ''."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from nephoscope_kql.functions.declaration import declare_rowwise, declare_scalar_macro, require_extra
from nephoscope_kql.geometry.shape_operations import buffer_line, buffer_polygon, list_edge_lengths
from nephoscope_kql.geometry.shapes import (
    LINES,
    POLYGONS,
    format_geojson,
    format_point,
    is_point,
    parse_polygon,
    parse_polylines,
    to_position,
)

if TYPE_CHECKING:
    from s2geometry import S2CellId, S2Polygon, S2Polyline

_MOST = 30
_MOST_CELLS = 65536
_LARGEST_AREA, _LONGEST_DIAGONAL = 2.6357992569631615, 2.4386545944340211
"""Of a cell of level 0 (steradians, radians); a level more has at most a quarter and half of it. Source: s2geometry, s2metrics.cc"""
_NEEDS = partial(require_extra, "geo")


def _find_token(longitude: float, latitude: float, level: int) -> str | None:
    if not is_point(longitude, latitude) or not 0 <= level <= _MOST:
        return None
    from s2geometry import S2CellId, S2LatLng

    return str(S2CellId(S2LatLng.FromDegrees(latitude, longitude)).parent(level).ToToken())


def _parse_cell(token: str) -> S2CellId | None:
    from s2geometry import S2CellId

    if not token or len(token) > 16 or any(digit not in "0123456789abcdef" for digit in token.lower()):
        return None
    found = S2CellId.FromToken(token)
    return found if found.is_valid() else None


def _compute_center(token: str) -> str | None:
    found = _parse_cell(token)
    return None if found is None else format_point(to_position(found.ToPoint()))


def _compute_polygon(token: str) -> str | None:
    found = _parse_cell(token)
    if found is None:
        return None
    from s2geometry import S2Cell

    cell = S2Cell(found)
    corners = [to_position(cell.GetVertex(at)) for at in range(4)]
    return format_geojson("Polygon", [[*corners, corners[0]]])


def _list_neighbors(token: str) -> str | None:
    """The cells that share an edge and those that share a corner, around the cell."""
    found = _parse_cell(token)
    if found is None:
        return None
    near = [one.ToToken() for one in found.GetAllNeighbors(found.level())]
    return json.dumps(near, separators=(",", ":"))


def _cover_regions(regions: Sequence[S2Polygon | S2Polyline], level: int) -> str | None:
    """The cells of a level that cover regions, in the order of the curve; None where there are too many.

    Each cell lies in one of every level above: there are no fewer of a level than of one above it. So the levels are covered one after
    another, and none of them has more than four times what there may be.
    """
    if not regions:
        return None
    cells: list[S2CellId] = []
    for one in range(level + 1):
        cells = _list_cells(regions, one)
        if len(cells) > _MOST_CELLS:
            return None
    return json.dumps([cell.ToToken() for cell in cells], separators=(",", ":"))


def _list_cells(regions: Sequence[S2Polygon | S2Polyline], level: int) -> list[S2CellId]:
    """The cells of a level that cover regions, in the order of the curve."""
    from s2geometry import S2RegionCoverer

    coverer = S2RegionCoverer()
    coverer.set_fixed_level(level)
    coverer.set_max_cells(_MOST_CELLS)
    cells = {cell.id(): cell for region in regions for cell in coverer.GetCovering(region)}
    return [cells[at] for at in sorted(cells)]


def _is_too_large(area: float, edges: Iterable[float], level: int) -> bool:
    """Return whether an area, or the longest of edges (in radians), has more cells of a level than there may be,
    however large these are."""
    most = _MOST_CELLS / 4**level
    longest = max(edges, default=0.0)
    return bool(area > most * _LARGEST_AREA or longest > most * 2**level * _LONGEST_DIAGONAL)


def _cover_polygon(text: str, level: int, radius: float) -> str | None:
    found = parse_polygon(text) if 0 <= level <= _MOST else None
    if found is None or _is_too_large(found.GetArea(), list_edge_lengths(text, POLYGONS), level):
        return None
    if radius != 0:
        found = buffer_polygon(text, radius, radius / 100)
    if found is None or _is_too_large(found.GetArea(), (), level):
        return None
    return _cover_regions([found], level)


def _cover_line(text: str, level: int, radius: float) -> str | None:
    if not 0 <= level <= _MOST or _is_too_large(0.0, list_edge_lengths(text, LINES), level):
        return None
    if radius == 0:
        return _cover_regions(parse_polylines(text), level)
    found = buffer_line(text, radius, radius / 100)
    if found is None or _is_too_large(found.GetArea(), (), level):
        return None
    return _cover_regions([found], level)


geo_point_to_s2cell = declare_scalar_macro(
    __name__,
    "geo_point_to_s2cell(longitude: real, latitude: real, [level: long]): string",
    summary="Give the token of the S2 cell of a point at a level of 0 to 30 (11 where not said); '' where there is none.",
    routine=declare_rowwise("kql_s2_token", ("DOUBLE", "DOUBLE", "BIGINT"), "VARCHAR", _find_token),
    defaults=("11",),
    needs=_NEEDS("s2geometry"),
)
geo_s2cell_to_central_point = declare_scalar_macro(
    __name__,
    "geo_s2cell_to_central_point(s2cell: string): dynamic",
    summary="Give the center of an S2 cell as GeoJSON; null where it is none.",
    routine=declare_rowwise("kql_s2_center", ("VARCHAR",), "VARCHAR", _compute_center),
    needs=_NEEDS("s2geometry"),
)
geo_s2cell_to_polygon = declare_scalar_macro(
    __name__,
    "geo_s2cell_to_polygon(s2cell: string): dynamic",
    summary="Give the rectangle of an S2 cell as GeoJSON; null where it is none.",
    routine=declare_rowwise("kql_s2_polygon", ("VARCHAR",), "VARCHAR", _compute_polygon),
    needs=_NEEDS("s2geometry"),
)
geo_s2cell_neighbors = declare_scalar_macro(
    __name__,
    "geo_s2cell_neighbors(s2cell: string): dynamic",
    summary="Give the S2 cells of the same level around a cell; null where it is none.",
    routine=declare_rowwise("kql_s2_neighbors", ("VARCHAR",), "VARCHAR", _list_neighbors),
    needs=_NEEDS("s2geometry"),
)
geo_polygon_to_s2cells = declare_scalar_macro(
    __name__,
    "geo_polygon_to_s2cells(polygon: dynamic, [level: long], [radius: real]): dynamic",
    summary="Give the S2 cells of a level (11 where not said) that cover a polygon and what is near it, at most 65536; else null.",
    routine=declare_rowwise(
        "kql_s2_polygon_cells", ("VARCHAR", "BIGINT", "DOUBLE"), "VARCHAR", _cover_polygon
    ),
    defaults=("11", "0.0"),
    needs=_NEEDS("s2geometry", "spherely"),
)
geo_line_to_s2cells = declare_scalar_macro(
    __name__,
    "geo_line_to_s2cells(line: dynamic, [level: long], [radius: real]): dynamic",
    summary="Give the S2 cells of a level (11 where not said) that cover a line and what is near it, at most 65536; else null.",
    routine=declare_rowwise("kql_s2_line_cells", ("VARCHAR", "BIGINT", "DOUBLE"), "VARCHAR", _cover_line),
    defaults=("11", "0.0"),
    needs=_NEEDS("s2geometry", "spherely"),
)
