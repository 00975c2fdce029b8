"""Parquet: the rows as one Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.cli.results.arrow_results import build_arrow_table

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult


def render(results: Sequence[QueryResult], out: BinaryIO, _limit: int) -> None:
    """Write all rows of the one result."""
    buffer = pa.BufferOutputStream()
    pq.write_table(build_arrow_table(results), buffer, compression="zstd")
    out.write(buffer.getvalue())
