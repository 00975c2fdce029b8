"""The workspace of the corpus' rules: the tables that they name and the parsers that they call, which no product brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.library.content_discovery import read
from nephoscope.alerts.library.content_item import ContentKind
from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import import_tables
from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake


def furnish(lake: Lake, corpora: Path) -> tuple[int, int]:
    """Import the corpus' tables that the lake does not have, and its parsers; how many of each."""
    schemas = json.loads((corpora / "kql" / "table_schemas.json").read_text(encoding="utf-8"))
    wanted = [(name, columns) for name, columns in schemas.items() if name not in lake.tables]
    tables = [table for name, columns in wanted if (table := _table(name, columns)) is not None]
    import_tables(lake.data, tables)
    return len(tables), _parsers(lake, corpora / "azure-sentinel")


def _table(name: str, columns: dict[str, str]) -> LakeTable | None:
    """The table; None where its standard columns are not of the types that they have in Log Analytics."""
    try:
        return LakeTable.of(name, {one: KqlType(kind) for one, kind in columns.items() if one[0] != "_"})
    except (LakeError, ValueError):
        return None


def _parsers(lake: Lake, folder: Path) -> int:
    seen: set[str] = set()
    for piece in read(folder).pieces:
        if piece.kind is ContentKind.FUNCTION and piece.name not in seen:
            given = piece.document
            try:
                lake.functions.save("default", StoredFunction(piece.name, given["body"], given["parameters"]))
            except (LakeError, KqlError):
                continue
            seen.add(piece.name)
    return len(seen)
