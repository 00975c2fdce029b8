"""JSON: the shape of Log Analytics' query API, a table a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import msgspec

from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult


def render(results: Sequence[QueryResult], out: TextIO, _limit: int) -> None:
    """Write `{"tables": [{"name", "columns": [{"name", "type"}], "rows": [[cell]]}]}`; all rows."""
    out.write('{"tables": [')
    for place, result in enumerate(results):
        name = result.name or ("PrimaryResult" if place == 0 else f"PrimaryResult_{place}")
        columns = list_typed_columns(result.table)
        head = [{"name": label, "type": kind.value} for label, kind in columns]
        out.write(
            f'{"," if place else ""}\n{{"name": {_encode_json(name)}, "columns": {_encode_json(head)}, "rows": ['
        )
        for number, row in enumerate(iterate_rows(result.table)):
            cells = [to_json_value(cell, kind) for cell, (_, kind) in zip(row, columns, strict=True)]
            out.write(f"{',' if number else ''}\n{_encode_json(cells)}")
        out.write("\n]}")
    out.write("\n]}\n")


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
