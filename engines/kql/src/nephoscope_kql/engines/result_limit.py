"""Result limit: the maximum rows and bytes of a query result, for servers that run many queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that are fetched at once: what is over the bound by less than this is in memory for a moment.
STEP = 2048


@dataclass
class ResultLimit:
    """At most so many rows of each result, and bytes of all results together; `cut` once there were more, which were left out."""

    rows: int
    bytes: int
    cut: bool = False

    def read_rows(self, reader: pa.RecordBatchReader) -> pa.Table:
        """The first rows that a reader gives."""
        import pyarrow as pa

        kept: list[pa.RecordBatch] = []
        rows = 0
        for batch in reader:
            if rows + batch.num_rows > self.rows or batch.nbytes > self.bytes:
                self.cut = True
                kept.append(batch.slice(0, min(self.rows - rows, self._count_fitting_rows(batch))))
                break
            kept.append(batch)
            rows += batch.num_rows
            self.bytes -= batch.nbytes
        return pa.Table.from_batches(kept, reader.schema)

    def _count_fitting_rows(self, batch: pa.RecordBatch) -> int:
        """Count how many of the rows of a batch fit, by their mean size."""
        return int(batch.num_rows * self.bytes // max(batch.nbytes, self.bytes, 1))
