"""Source location: the file and position that an error names."""

from __future__ import annotations

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A file with a 1-based line and column (0 = unknown) and a JSON path ('' = the whole document)."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        position = f":{self.line}" + (f":{self.column}" if self.column else "") if self.line else ""
        return f"{self.file}{position}" + (f" at {self.path}" if self.path else "")


class Quarantined(msgspec.Struct, frozen=True):
    """An input record that could not be used: where it is, why, and the record's first characters."""

    place: Place
    reason: str
    excerpt: str = ""
