"""Columns of the rows that were scanned: numbers by field, and addresses as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nephoscope.ingest.logs.scanner.flow_matrices import NARROW, WIDE
from nephoscope.ingest.logs.scanner.numba_compile import compile_lazily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nephoscope.ingest.logs.scanner.json_bytes import Bytes, Numbers

_WIDE, _NARROW = np.array(WIDE), np.array(NARROW)


@compile_lazily
def fill_columns(rows: Numbers, size: int, wide: Numbers, narrow: NDArray[np.int32]) -> None:
    """Fill in the first `size` rows by columns: WIDE and NARROW say which field each is."""
    for row in range(size):
        for place in range(len(_WIDE)):
            wide[place, row] = rows[row, _WIDE[place]]
        for place in range(len(_NARROW)):
            narrow[place, row] = rows[row, _NARROW[place]]


@compile_lazily
def print_addresses(
    values: Numbers, data: Bytes, odd: Numbers, offsets: NDArray[np.int32], out: Bytes
) -> int:
    """Write the texts of addresses one behind the other; `offsets` says where each begins. The bytes that were written."""
    at = 0
    for place in range(len(values)):
        offsets[place] = at
        value = values[place]
        if value < 0:
            for source in range(odd[0, -1 - value], odd[1, -1 - value]):
                out[at] = data[source]
                at += 1
            continue
        for shift in (24, 16, 8, 0):
            part = (value >> shift) & 255
            if part >= 100:
                out[at] = 48 + part // 100
                at += 1
            if part >= 10:
                out[at] = 48 + part // 10 % 10
                at += 1
            out[at] = 48 + part % 10
            at += 1
            if shift:
                out[at] = 46
                at += 1
    offsets[len(values)] = at
    return at
