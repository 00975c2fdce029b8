"""Well-known text of geometries (`POLYGON ((0 0, 2 0, 2 2, 0 0))`) as GeoJSON."""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import Any

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


def geojson_of(text: str) -> str | None:
    """GeoJSON of well-known text; None where it is none."""
    tokens = [token.upper() for token in _TOKEN.findall(text)]
    if _TOKEN.sub("", text).strip():
        return None
    reader = _Reader(tokens)
    try:
        found = reader.geometry()
    except (IndexError, ValueError, KeyError):
        return None
    return None if reader.tokens else json.dumps(found, separators=(",", ":"))


class _Reader:
    """Tokens, taken from the front; ValueError, KeyError or IndexError where the text is wrong."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def take(self, wanted: str = "") -> str:
        token = self.tokens.pop(0)
        if wanted and token != wanted:
            raise ValueError(f"{wanted} is wanted")
        return token

    def geometry(self) -> dict[str, Any]:
        name = self.take()
        if name == "GEOMETRYCOLLECTION":
            return {"type": "GeometryCollection", "geometries": self.several(self.geometry)}
        kind, depth = _DEPTH[name]
        coordinates = self.nested(depth)
        return {
            "type": kind,
            "coordinates": coordinates[0] if kind == "Point" and coordinates else coordinates,
        }

    def nested(self, depth: int) -> list[Any]:
        if depth <= 1:
            return self.several(self.position)
        return self.several(lambda: self.nested(depth - 1))

    def several(self, one: Any) -> list[Any]:
        if self.tokens and self.tokens[0] == "EMPTY":
            self.take()
            return []
        self.take("(")
        found = [one()]
        while self.tokens[0] == ",":
            self.take()
            found.append(one())
        self.take(")")
        return found

    def position(self) -> list[float]:
        """A position, which a multi-point may put in parentheses."""
        if self.tokens[0] == "(":
            self.take()
            found = self.position()
            self.take(")")
            return found
        found = [float(self.take()), float(self.take())]
        while self.tokens and self.tokens[0] not in "(),":
            found.append(float(self.take()))
        return found
