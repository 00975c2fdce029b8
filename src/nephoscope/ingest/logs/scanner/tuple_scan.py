"""One flow of a log: the fields of a text in `flowTuples`, as numbers in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nephoscope.ingest.logs.scanner.flow_matrices import (
    COUNTS,
    DECISION,
    DEST,
    DIRECTION,
    ENCRYPTION_WORDS,
    EXTRA,
    LAST,
    NO_STATE,
    NSG,
    ODD,
    PROTOCOL,
    SRC,
    TIME,
    VNET,
)
from nephoscope.ingest.logs.scanner.json_bytes import encode_word
from nephoscope.ingest.logs.scanner.numba_compile import compile_lazily

if TYPE_CHECKING:
    from nephoscope.ingest.logs.scanner.json_bytes import Bytes, Numbers

_DIGITS = np.array([18, 0, 0, 5, 5, 3, 0, 0, 0, 18, 18, 18, 18], np.int64)
_TOPS = np.array([2**62, 0, 0, 65535, 65535, 255, 0, 0, 0, 2**62, 2**62, 2**62, 2**62], np.int64)

_WORDS = np.frombuffer(b"".join(ENCRYPTION_WORDS), np.uint8)
_WORD_ENDS = np.cumsum([len(word) for word in ENCRYPTION_WORDS])
_STATES = encode_word(b"BCED")


@compile_lazily
def _to_micros(time: int) -> int:
    """Microseconds since 1970 of a count whose unit is told by its magnitude, as from_epoch() has it."""
    if time >= 100_000_000_000_000_000:
        return time // 1000
    if time >= 100_000_000_000_000:
        return time
    return time * 1000 if time >= 100_000_000_000 else time * 1_000_000


@compile_lazily
def _read_address(data: Bytes, start: int, odd: Numbers, counts: Numbers) -> tuple[int, int]:
    """An address and where it ends; another one than IPv4 as Azure prints it (no leading zeros) is noted in `odd`."""
    at = np.uint64(start)
    letter = data[at]
    value = octet = np.int64(0)
    digits = dots = 0
    plain = True
    while letter != 44 and letter != 34 and letter != 92 and letter > 32:
        if 48 <= letter <= 57:
            if digits > 0 and octet == 0:
                plain = False
            octet = octet * 10 + (np.int64(letter) - 48)
            digits += 1
            if octet > 255:
                plain = False
        else:
            if letter != 46 or digits == 0:
                plain = False
            value = value * 256 + octet
            octet = np.int64(0)
            digits = 0
            dots += 1
        at += np.uint64(1)
        letter = data[at]
    if plain and dots == 3 and digits > 0:
        return value * 256 + octet, np.int64(at)  # type: ignore[return-value]
    number = counts[ODD]
    odd[0, number] = start
    odd[1, number] = at
    counts[ODD] += 1
    return -1 - number, np.int64(at)  # type: ignore[return-value]


@compile_lazily
def _read_number(data: Bytes, start: int, field: int) -> tuple[int, int]:
    """The number in a field and where it ends (-1 = there is none); an empty counter is -1."""
    at = np.uint64(start)
    value = np.int64(0)
    letter = data[at]
    while 48 <= letter <= 57:
        value = value * 10 + (np.int64(letter) - 48)
        at += np.uint64(1)
        letter = data[at]
    size = np.int64(at) - start
    if size == 0:
        return -1, start if field >= COUNTS else -1
    if size > _DIGITS[field] or value > _TOPS[field]:
        return 0, -1
    return value, np.int64(at)  # type: ignore[return-value]


@compile_lazily
def _find_encryption(data: Bytes, at: int) -> tuple[int, int]:
    """The place of the word among those that are known, and where it ends (-1 = unknown)."""
    end = at
    while data[end] > 44:
        end += 1
    for word in range(len(_WORD_ENDS)):
        start = _WORD_ENDS[word - 1] if word else 0
        if _WORD_ENDS[word] - start != end - at:
            continue
        same = True
        for place in range(end - at):
            same = same and data[at + place] == _WORDS[start + place]
        if same:
            return word, end
    return 0, -1


@compile_lazily
def _find_letter(letter: int, letters: Bytes) -> int:
    """The place of a letter among some, -1 = it is none of them."""
    for place in range(len(letters)):
        if letters[place] == letter:
            return place
    return -1


@compile_lazily
def _read_word_field(kind: int, data: Bytes, at: int, field: int) -> tuple[int, int]:
    """The number that stands for a letter or word, and where it ends (-1 = it is unknown)."""
    letter = data[at]
    if field == DIRECTION:
        return letter == 79, at + 1 if letter == 73 or letter == 79 else -1
    if field == PROTOCOL:
        return 6 if letter == 84 else 17, at + 1 if letter == 84 or letter == 85 else -1
    if field == EXTRA and kind == VNET:
        if letter == 78 and data[at + 1] == 88 and data[at + 2] == 44:
            return 1, at + 2
        return _find_encryption(data, at)
    if field == DECISION and kind == NSG:
        return letter == 68, at + 1 if letter == 65 or letter == 68 else -1
    state = _find_letter(letter, _STATES)
    return state, -1 if state < 0 or (kind == NSG and state == 3) else at + 1


@compile_lazily
def read_tuple(
    kind: int, data: Bytes, at: int, rows: Numbers, row: int, odd: Numbers, counts: Numbers
) -> int:
    """Read a tuple into a row; behind the closing quote, -1 = give up."""
    field = TIME
    while True:
        if SRC <= field <= DEST:
            value, at = _read_address(data, at, odd, counts)
        elif DIRECTION <= field <= EXTRA or (kind == NSG and field == PROTOCOL):
            value, at = _read_word_field(kind, data, at, field)
        else:
            value, at = _read_number(data, at, field)
        if at < 0:
            return -1
        rows[row, field] = value
        if data[at] != 44:
            break
        at += 1
        field += 1
        if field > LAST:
            return -1
    if data[at] != 34:
        return -1
    rows[row, TIME] = _to_micros(rows[row, TIME])
    if field == LAST:
        return at + 1
    if kind == VNET or field != DECISION:
        return -1
    rows[row, EXTRA] = NO_STATE
    rows[row, COUNTS : LAST + 1] = -1
    return at + 1
