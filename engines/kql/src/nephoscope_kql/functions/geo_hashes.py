"""Geohash: a text of 1 to 18 characters names a rectangle of longitudes and latitudes. What is none gives null or ''."""

from __future__ import annotations

import json

from nephoscope_kql.functions.declaration import declare_rowwise, declare_scalar_macro
from nephoscope_kql.geometry.shapes import format_geojson, format_point, is_point

_DIGITS = "0123456789bcdefghjkmnpqrstuvwxyz"
_LONGEST = 18


def _encode_geohash(longitude: float, latitude: float, length: int) -> str | None:
    if not is_point(longitude, latitude) or not 1 <= length <= _LONGEST:
        return None
    columns, rows = _count_bits(length)
    column = min(int((longitude + 180) / 360 * 2**columns), 2**columns - 1)
    row = min(int((latitude + 90) / 180 * 2**rows), 2**rows - 1)
    return _write_geohash(column, row, length)


def _count_bits(length: int) -> tuple[int, int]:
    """Count how many of the bits of a text say the longitude, how many the latitude."""
    return (length * 5 + 1) // 2, length * 5 // 2


def _write_geohash(column: int, row: int, length: int) -> str:
    columns, rows = _count_bits(length)
    number = 0
    for at in range(length * 5):
        if at % 2:
            rows -= 1
            number = number * 2 + (row >> rows & 1)
        else:
            columns -= 1
            number = number * 2 + (column >> columns & 1)
    return "".join(_DIGITS[number >> 5 * (length - 1 - at) & 31] for at in range(length))


def _parse_geohash(text: str) -> tuple[int, int] | None:
    """Column and row of a geohash; None where it is none."""
    if not 1 <= len(text) <= _LONGEST or any(digit not in _DIGITS for digit in text.lower()):
        return None
    column = row = 0
    for at in range(len(text) * 5):
        bit = _DIGITS.index(text[at // 5].lower()) >> (4 - at % 5) & 1
        column, row = (column, row * 2 + bit) if at % 2 else (column * 2 + bit, row)
    return column, row


def _find_bounds(text: str) -> tuple[float, float, float, float] | None:
    """West, south, east and north of a geohash."""
    found = _parse_geohash(text)
    if found is None:
        return None
    (column, row), (columns, rows) = found, _count_bits(len(text))
    wide, high = 360 / 2**columns, 180 / 2**rows
    return column * wide - 180, row * high - 90, (column + 1) * wide - 180, (row + 1) * high - 90


def _compute_center(text: str) -> str | None:
    found = _find_bounds(text)
    return None if found is None else format_point(((found[0] + found[2]) / 2, (found[1] + found[3]) / 2))


def _compute_polygon(text: str) -> str | None:
    found = _find_bounds(text)
    if found is None:
        return None
    west, south, east, north = found
    return format_geojson(
        "Polygon", [[[west, south], [east, south], [east, north], [west, north], [west, south]]]
    )


_AROUND = ((-1, 0), (-1, -1), (0, -1), (1, -1), (1, 1), (1, 0), (0, 1), (-1, 1))


def _list_neighbors(text: str) -> str | None:
    found = _parse_geohash(text)
    if found is None:
        return None
    (column, row), (columns, rows) = found, _count_bits(len(text))
    near = [
        _write_geohash((column + right) % 2**columns, row + up, len(text))
        for right, up in _AROUND
        if 0 <= row + up < 2**rows
    ]
    return json.dumps(near, separators=(",", ":"))


geo_point_to_geohash = declare_scalar_macro(
    __name__,
    "geo_point_to_geohash(longitude: real, latitude: real, [accuracy: long]): string",
    summary="Give the geohash of a point with 1 to 18 characters (5 where not said); '' where there is none.",
    routine=declare_rowwise("kql_geohash", ("DOUBLE", "DOUBLE", "BIGINT"), "VARCHAR", _encode_geohash),
    defaults=("5",),
)
geo_geohash_to_central_point = declare_scalar_macro(
    __name__,
    "geo_geohash_to_central_point(geohash: string): dynamic",
    summary="Give the center of a geohash as GeoJSON; null where it is none.",
    routine=declare_rowwise("kql_geohash_center", ("VARCHAR",), "VARCHAR", _compute_center),
)
geo_geohash_to_polygon = declare_scalar_macro(
    __name__,
    "geo_geohash_to_polygon(geohash: string): dynamic",
    summary="Give the rectangle of a geohash as GeoJSON; null where it is none.",
    routine=declare_rowwise("kql_geohash_polygon", ("VARCHAR",), "VARCHAR", _compute_polygon),
)
geo_geohash_neighbors = declare_scalar_macro(
    __name__,
    "geo_geohash_neighbors(geohash: string): dynamic",
    summary="Give the geohashes around a geohash; null where it is none.",
    routine=declare_rowwise("kql_geohash_neighbors", ("VARCHAR",), "VARCHAR", _list_neighbors),
)
