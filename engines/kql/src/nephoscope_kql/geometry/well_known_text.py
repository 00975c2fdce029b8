"""Well-known text of geometries (`POLYGON ((0 0, 2 0, 2 2, 0 0))`) as GeoJSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import isinf
from types import MappingProxyType
from typing import TypeVar

T = TypeVar("T")

_TOKEN = re.compile(r"\s*([A-Za-z]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[(),])")
_DEPTH = MappingProxyType(
    {
        "POINT": ("Point", 0),
        "LINESTRING": ("LineString", 1),
        "POLYGON": ("Polygon", 2),
        "MULTIPOINT": ("MultiPoint", 1),
        "MULTILINESTRING": ("MultiLineString", 2),
        "MULTIPOLYGON": ("MultiPolygon", 3),
    }
)


def convert_wkt_to_geojson(text: str) -> str | None:
    """GeoJSON of well-known text; None where it is none."""
    tokens = [token.upper() for token in _TOKEN.findall(text)]
    if _TOKEN.sub("", text).strip():
        return None
    reader = _WktParser(tokens)
    try:
        found = reader.parse_geometry()
    except (IndexError, ValueError, KeyError, RecursionError):
        return None
    return None if reader.peek() else json.dumps(found, separators=(",", ":"))


class _WktParser:
    """Tokens, taken from the front; ValueError, KeyError or IndexError where the text is wrong."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> str:
        """The next token, '' at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def read_token(self, wanted: str = "") -> str:
        token = self._tokens[self._at]
        if wanted and token != wanted:
            raise ValueError(f"{wanted} is expected")
        self._at += 1
        return token

    def parse_geometry(self) -> dict[str, object]:
        name = self.read_token()
        if name == "GEOMETRYCOLLECTION":
            return {"type": "GeometryCollection", "geometries": self.parse_list_items(self.parse_geometry)}
        kind, depth = _DEPTH[name]
        coordinates = self.read_nested_lists(depth)
        return {
            "type": kind,
            "coordinates": coordinates[0] if kind == "Point" and coordinates else coordinates,
        }

    def read_nested_lists(self, depth: int) -> list[object]:
        if depth <= 1:
            return self.parse_list_items(self.parse_position)
        return self.parse_list_items(lambda: self.read_nested_lists(depth - 1))

    def parse_list_items(self, one: Callable[[], T]) -> list[T]:
        if self.peek() == "EMPTY":
            self.read_token()
            return []
        self.read_token("(")
        found = [one()]
        while self.peek() == ",":
            self.read_token()
            found.append(one())
        self.read_token(")")
        return found

    def parse_position(self) -> list[float]:
        """A position, which a multi-point may put in parentheses."""
        if self.peek() == "(":
            self.read_token()
            found = self.parse_position()
            self.read_token(")")
            return found
        found = [self.parse_number(), self.parse_number()]
        while self.peek() not in ("", "(", ")", ","):
            found.append(self.parse_number())
        return found

    def parse_number(self) -> float:
        """A number, which no word is: not even those that Python reads as one (nan, infinity)."""
        token = self.read_token()
        if token.isalpha() or isinf(found := float(token)):
            raise ValueError("a number is expected")
        return found
