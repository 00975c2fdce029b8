"""Batch size limit: the bytes that a function may create for a batch of at most 2,048 rows."""

from __future__ import annotations

from nephoscope_kql.sql import nodes

MOST = 2**27
"""Bytes that one function may make for a batch of rows."""
REFUSED = nodes.limit_text(MOST, "bytes of text or elements in a batch of rows", "memory")


def check_batch_size(size: float) -> None:
    """Raise MemoryError where a size is more than a batch may have."""
    if size > MOST:
        raise MemoryError(REFUSED)
