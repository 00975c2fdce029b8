"""Arrow: the rows as an Arrow IPC file, also known as Feather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from nephoscope.cli.results.arrow_results import build_arrow_table

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult


def render(results: Sequence[QueryResult], out: BinaryIO, _limit: int) -> None:
    """Write all rows of the one result."""
    table = build_arrow_table(results)
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table)
    out.write(buffer.getvalue())
