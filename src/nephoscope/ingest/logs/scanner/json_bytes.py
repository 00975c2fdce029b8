"""JSON in bytes, read by compiled functions: blanks, names of members, texts, numbers.

Each gives up (-1) on an escape or a character beyond ASCII.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nephoscope.ingest.logs.scanner.numba_compile import compile_lazily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Numbers = NDArray[np.int64]


def encode_word(text: bytes) -> Bytes:
    """Return what `is_word` compares with."""
    return np.frombuffer(text, np.uint8)


@compile_lazily
def skip_blank(data: Bytes, at: int) -> int:
    """Return where the blanks from `at` on end."""
    while data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9:
        at += 1
    return at


@compile_lazily
def find_text_end(data: Bytes, at: int) -> int:
    """Return the place of the closing quote of a text, -1 where it is not plain ASCII."""
    while data[at] != 34:
        if data[at] < 32 or data[at] == 92 or data[at] > 126:
            return -1
        at += 1
    return at


@compile_lazily
def is_word(data: Bytes, start: int, end: int, word: Bytes) -> bool:
    """Compare the bytes between two places with a word."""
    if end - start != len(word):
        return False
    for place in range(len(word)):  # noqa: SIM110 - the compiler knows no generators
        if data[start + place] != word[place]:
            return False
    return True


@compile_lazily
def read_key(data: Bytes, at: int) -> tuple[int, int, int]:
    """Return start and end of a member's name and where its value begins.

    (0, 0, at) = the object ends before `at`, (0, 0, -1) = give up.
    """
    at = skip_blank(data, at)
    if data[at] == 44:
        at = skip_blank(data, at + 1)
    if data[at] == 125:
        return 0, 0, at + 1
    if data[at] != 34:
        return 0, 0, -1
    start = at + 1
    end = find_text_end(data, start)
    if end < 0:
        return 0, 0, -1
    at = skip_blank(data, end + 1)
    if data[at] != 58:
        return 0, 0, -1
    return start, end, skip_blank(data, at + 1)


@compile_lazily
def skip_scalar(data: Bytes, at: int) -> int:
    """Return the place behind a text, number or literal; -1 = it is none."""
    if data[at] == 34:
        end = find_text_end(data, at + 1)
        return end + 1 if end > 0 else -1
    if data[at] == 123 or data[at] == 91:
        return -1
    while data[at] != 44 and data[at] != 125 and data[at] != 93 and data[at] > 32:
        at += 1
    return at


@compile_lazily
def read_digits(data: Bytes, at: int, most: int) -> tuple[int, int]:
    """Read a number of 1 to `most` digits and where it ends (-1 = there is none)."""
    start = at
    value = 0
    while 48 <= data[at] <= 57 and at - start <= most:
        value = value * 10 + (np.int64(data[at]) - 48)  # type: ignore[assignment]
        at += 1
    if at == start or at - start > most:
        return 0, -1
    return value, at


@compile_lazily
def read_whole(data: Bytes, at: int) -> tuple[int, int]:
    """Read a whole number as the value of a member."""
    value, end = read_digits(data, at, 9)
    if end > 0 and data[end] != 44 and data[end] != 125 and data[end] > 32:
        return 0, -1
    return value, end
