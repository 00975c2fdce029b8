"""Flow logs by a compiled scanner over their bytes: no JSON values are made, only the numbers and places that rows need.

It reads what Azure writes, whatever the order of members and the blanks between them. It gives up (-1) on an escape, a character
beyond ASCII, a member that is missing, doubled or of another kind: the block is then read record by record. Blocks are JSON: the
envelope has seen to that. Needs the extra `numba`; the first use on a machine compiles for some seconds, later ones load that.

It is one file although a long one: what numba keeps compiled is dropped when the file of a function changes, not when that of a
function that it calls does, so that parts in files of their own would go on as they were before a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nephoscope.ingest.logs.scanner.numba_compile import compile_lazily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Numbers = NDArray[np.int64]

VNET, NSG = 0, 1
#: Columns of the matrix `rows`: the fields of a tuple in order, then the group. SRC and DEST are an IPv4 address, or -1 - n for the
#: n-th other one. DECISION is the state of a VNet's tuple (B, C, E, D = 0 to 3), A or D (0, 1) of an NSG's; EXTRA the encryption of
#: the one, the state of the other (4 = version 1 has none). Of four counters -1 is one that is empty.
TIME, SRC, DEST, SRC_PORT, DEST_PORT, PROTOCOL, DIRECTION, DECISION, EXTRA, COUNTS = range(10)
LAST = COUNTS + 3
GROUP = LAST + 1
ROW_FIELDS = GROUP + 1
NO_STATE = 4
WIDE = (TIME, SRC, DEST, COUNTS, COUNTS + 1, COUNTS + 2, COUNTS + 3)
NARROW = (SRC_PORT, DEST_PORT, PROTOCOL, DIRECTION, DECISION, EXTRA, GROUP)
_WIDE, _NARROW = np.array(WIDE), np.array(NARROW)
_DIGITS = np.array([18, 0, 0, 5, 5, 3, 0, 0, 0, 18, 18, 18, 18], np.int64)
_TOPS = np.array([2**62, 0, 0, 65535, 65535, 255, 0, 0, 0, 2**62, 2**62, 2**62, 2**62], np.int64)
#: Rows of the matrix `groups` (innermost objects) and `flows` (those around them): the text's start and end, and what they are in.
START, END, WITHIN = range(3)
#: Rows of the matrix `records`: start and end of three texts and of the category, then the version; -1 = absent.
TEXTS = 3
CATEGORY = 6
VERSION = 8
RECORD_FIELDS = 9
#: What `counts` counts.
ROWS, GROUPS, FLOWS, RECORDS, ODD = range(5)
ENCRYPTION_WORDS = (
    b"X",
    b"NX",
    b"NX_HW_NOT_SUPPORTED",
    b"NX_SW_NOT_READY",
    b"NX_NOT_ACCEPTED",
    b"NX_NOT_SUPPORTED",
    b"NX_LOCAL_DST",
    b"NX_FALLBACK",
)
_WORDS = np.frombuffer(b"".join(ENCRYPTION_WORDS), np.uint8)
_WORD_ENDS = np.cumsum([len(word) for word in ENCRYPTION_WORDS])


def _word(text: bytes) -> Bytes:
    return np.frombuffer(text, np.uint8)


_STATES = _word(b"BCED")
_CATEGORY = _word(b"category")
_VNET_BODY, _VNET_TEXTS = (
    _word(b"flowRecords"),
    (
        _word(b"macAddress"),
        _word(b"flowLogResourceID"),
        _word(b"targetResourceID"),
    ),
)
_VNET_OTHER_TEXTS = (_word(b"flowLogResourceId"), _word(b"targetResourceId"))
_VNET_VERSION, _VNET_OUTER, _VNET_OUTER_LIST, _VNET_INNER = (
    _word(b"flowLogVersion"),
    _word(b"aclID"),
    _word(b"flowGroups"),
    _word(b"rule"),
)
_NSG_BODY, _NSG_TEXT, _NSG_OTHER_TEXT = _word(b"properties"), _word(b"resourceId"), _word(b"ResourceId")
_NSG_VERSION, _NSG_OTHER_VERSION = _word(b"Version"), _word(b"version")
_NSG_INNER = _word(b"mac")
_FLOWS, _TUPLES = _word(b"flows"), _word(b"flowTuples")


@compile_lazily
def _blank(data: Bytes, at: int) -> int:
    while data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9:
        at += 1
    return at


@compile_lazily
def _text_end(data: Bytes, at: int) -> int:
    """The closing quote of a text, -1 where it is not plain ASCII."""
    while data[at] != 34:
        if data[at] < 32 or data[at] == 92 or data[at] > 126:
            return -1
        at += 1
    return at


@compile_lazily
def _is(data: Bytes, start: int, end: int, word: Bytes) -> bool:
    if end - start != len(word):
        return False
    for place in range(len(word)):  # noqa: SIM110 - the compiler knows no generators
        if data[start + place] != word[place]:
            return False
    return True


@compile_lazily
def _key(data: Bytes, at: int) -> tuple[int, int, int]:
    """Start and end of a member's name and where its value begins; (0, 0, at) = the object ends before `at`, (0, 0, -1) = give up."""
    at = _blank(data, at)
    if data[at] == 44:
        at = _blank(data, at + 1)
    if data[at] == 125:
        return 0, 0, at + 1
    if data[at] != 34:
        return 0, 0, -1
    start = at + 1
    end = _text_end(data, start)
    if end < 0:
        return 0, 0, -1
    at = _blank(data, end + 1)
    if data[at] != 58:
        return 0, 0, -1
    return start, end, _blank(data, at + 1)


@compile_lazily
def _scalar(data: Bytes, at: int) -> int:
    """Behind a text, number or literal; -1 = it is none."""
    if data[at] == 34:
        end = _text_end(data, at + 1)
        return end + 1 if end > 0 else -1
    if data[at] == 123 or data[at] == 91:
        return -1
    while data[at] != 44 and data[at] != 125 and data[at] != 93 and data[at] > 32:
        at += 1
    return at


@compile_lazily
def _digits(data: Bytes, at: int, most: int) -> tuple[int, int]:
    """A number of 1 to `most` digits and where it ends (-1 = there is none)."""
    start = at
    value = 0
    while 48 <= data[at] <= 57 and at - start <= most:
        value = value * 10 + (np.int64(data[at]) - 48)  # type: ignore[assignment]
        at += 1
    if at == start or at - start > most:
        return 0, -1
    return value, at


@compile_lazily
def _whole(data: Bytes, at: int) -> tuple[int, int]:
    """A whole number as the value of a member."""
    value, end = _digits(data, at, 9)
    if end > 0 and data[end] != 44 and data[end] != 125 and data[end] > 32:
        return 0, -1
    return value, end


@compile_lazily
def _micros(time: int) -> int:
    """Microseconds since 1970 of a count whose unit is told by its magnitude, as from_epoch() has it."""
    if time >= 100_000_000_000_000_000:
        return time // 1000
    if time >= 100_000_000_000_000:
        return time
    return time * 1000 if time >= 100_000_000_000 else time * 1_000_000


@compile_lazily
def _address(data: Bytes, start: int, odd: Numbers, counts: Numbers) -> tuple[int, int]:
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
def _number(data: Bytes, start: int, field: int) -> tuple[int, int]:
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
def _encryption(data: Bytes, at: int) -> tuple[int, int]:
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
def _among(letter: int, letters: Bytes) -> int:
    """The place of a letter among some, -1 = it is none of them."""
    for place in range(len(letters)):
        if letters[place] == letter:
            return place
    return -1


@compile_lazily
def _word_field(kind: int, data: Bytes, at: int, field: int) -> tuple[int, int]:
    """The number that stands for a letter or word, and where it ends (-1 = it is unknown)."""
    letter = data[at]
    if field == DIRECTION:
        return letter == 79, at + 1 if letter == 73 or letter == 79 else -1
    if field == PROTOCOL:
        return 6 if letter == 84 else 17, at + 1 if letter == 84 or letter == 85 else -1
    if field == EXTRA and kind == VNET:
        if letter == 78 and data[at + 1] == 88 and data[at + 2] == 44:
            return 1, at + 2
        return _encryption(data, at)
    if field == DECISION and kind == NSG:
        return letter == 68, at + 1 if letter == 65 or letter == 68 else -1
    state = _among(letter, _STATES)
    return state, -1 if state < 0 or (kind == NSG and state == 3) else at + 1


@compile_lazily
def _tuple(kind: int, data: Bytes, at: int, rows: Numbers, row: int, odd: Numbers, counts: Numbers) -> int:
    """Read a tuple into a row; behind the closing quote, -1 = give up."""
    field = TIME
    while True:
        if SRC <= field <= DEST:
            value, at = _address(data, at, odd, counts)
        elif DIRECTION <= field <= EXTRA or (kind == NSG and field == PROTOCOL):
            value, at = _word_field(kind, data, at, field)
        else:
            value, at = _number(data, at, field)
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
    rows[row, TIME] = _micros(rows[row, TIME])
    if field == LAST:
        return at + 1
    if kind == VNET or field != DECISION:
        return -1
    rows[row, EXTRA] = NO_STATE
    rows[row, COUNTS : LAST + 1] = -1
    return at + 1


@compile_lazily
def _tuples(kind: int, data: Bytes, at: int, rows: Numbers, group: int, odd: Numbers, counts: Numbers) -> int:
    """The texts of a list `flowTuples`."""
    if data[at] != 91:
        return -1
    at = _blank(data, at + 1)
    while data[at] != 93:
        if data[at] != 34:
            return -1
        row = counts[ROWS]
        at = _tuple(kind, data, at + 1, rows, row, odd, counts)
        if at < 0:
            return -1
        rows[row, GROUP] = group
        counts[ROWS] += 1
        at = _blank(data, at)
        if data[at] == 44:
            at = _blank(data, at + 1)
    return at + 1


@compile_lazily
def _group(
    kind: int, data: Bytes, at: int, rows: Numbers, groups: Numbers, odd: Numbers, counts: Numbers
) -> int:
    """An innermost object: a text and the tuples."""
    word = _VNET_INNER if kind == VNET else _NSG_INNER
    group = counts[GROUPS]
    counts[GROUPS] += 1
    groups[START, group] = -1
    groups[WITHIN, group] = counts[FLOWS] - 1
    lists = 0
    while True:
        start, end, at = _key(data, at)
        if at < 0 or end == 0:
            return at if lists == 1 else -1
        if _is(data, start, end, _TUPLES):
            lists += 1
            at = _tuples(kind, data, at, rows, group, odd, counts)
        elif _is(data, start, end, word):
            if data[at] != 34:
                return -1
            groups[START, group] = at + 1
            at = _scalar(data, at)
            groups[END, group] = at - 1
        else:
            at = _scalar(data, at)
        if at < 0:
            return -1


@compile_lazily
def _group_list(
    kind: int, data: Bytes, at: int, rows: Numbers, groups: Numbers, odd: Numbers, counts: Numbers
) -> int:
    if data[at] != 91:
        return -1
    at = _blank(data, at + 1)
    while data[at] != 93:
        if data[at] != 123:
            return -1
        at = _group(kind, data, at + 1, rows, groups, odd, counts)
        if at < 0:
            return -1
        at = _blank(data, at)
        if data[at] == 44:
            at = _blank(data, at + 1)
    return at + 1


@compile_lazily
def _flow(
    kind: int,
    data: Bytes,
    at: int,
    rows: Numbers,
    groups: Numbers,
    flows: Numbers,
    odd: Numbers,
    counts: Numbers,
) -> int:
    """An object around groups: a text and a list of groups."""
    word = _VNET_OUTER if kind == VNET else _VNET_INNER
    listed = _VNET_OUTER_LIST if kind == VNET else _FLOWS
    flow = counts[FLOWS]
    counts[FLOWS] += 1
    flows[START, flow] = -1
    flows[WITHIN, flow] = counts[RECORDS] - 1
    lists = 0
    while True:
        start, end, at = _key(data, at)
        if at < 0 or end == 0:
            return at if lists == 1 else -1
        if _is(data, start, end, listed):
            lists += 1
            at = _group_list(kind, data, at, rows, groups, odd, counts)
        elif _is(data, start, end, word):
            if data[at] != 34:
                return -1
            flows[START, flow] = at + 1
            at = _scalar(data, at)
            flows[END, flow] = at - 1
        else:
            at = _scalar(data, at)
        if at < 0:
            return -1


@compile_lazily
def _flow_list(
    kind: int,
    data: Bytes,
    at: int,
    rows: Numbers,
    groups: Numbers,
    flows: Numbers,
    odd: Numbers,
    counts: Numbers,
) -> int:
    if data[at] != 91:
        return -1
    at = _blank(data, at + 1)
    while data[at] != 93:
        if data[at] != 123:
            return -1
        at = _flow(kind, data, at + 1, rows, groups, flows, odd, counts)
        if at < 0:
            return -1
        at = _blank(data, at)
        if data[at] == 44:
            at = _blank(data, at + 1)
    return at + 1


@compile_lazily
def _body(
    kind: int,
    data: Bytes,
    at: int,
    rows: Numbers,
    groups: Numbers,
    flows: Numbers,
    records: Numbers,
    odd: Numbers,
    counts: Numbers,
) -> int:
    """The object `flowRecords` or `properties`: the list `flows`."""
    if data[at] != 123:
        return -1
    at += 1
    lists = 0
    while True:
        start, end, at = _key(data, at)
        if at < 0 or end == 0:
            return at if lists == 1 else -1
        if _is(data, start, end, _FLOWS):
            lists += 1
            at = _flow_list(kind, data, at, rows, groups, flows, odd, counts)
        elif kind == NSG and _is(data, start, end, _NSG_VERSION):
            records[VERSION, counts[RECORDS] - 1], at = _whole(data, at)
        elif kind == NSG and _is(data, start, end, _NSG_OTHER_VERSION):
            return -1
        else:
            at = _scalar(data, at)
        if at < 0:
            return -1


@compile_lazily
def _find_member(kind: int, data: Bytes, start: int, end: int) -> int:
    """Return which text of a record a member is: 0 to 2, 3 = the category, -1 = another member, -2 = give up."""
    if _is(data, start, end, _CATEGORY):
        return 3
    if kind == NSG:
        if _is(data, start, end, _NSG_OTHER_TEXT):
            return -2
        return 0 if _is(data, start, end, _NSG_TEXT) else -1
    for place in range(3):
        if _is(data, start, end, _VNET_TEXTS[place]):
            return place
    for place in range(2):
        if _is(data, start, end, _VNET_OTHER_TEXTS[place]):
            return -2
    return -1


@compile_lazily
def _record(
    kind: int,
    data: Bytes,
    at: int,
    rows: Numbers,
    groups: Numbers,
    flows: Numbers,
    records: Numbers,
    odd: Numbers,
    counts: Numbers,
) -> int:
    """A record from behind its brace on."""
    record = counts[RECORDS]
    counts[RECORDS] += 1
    records[:, record] = -1
    bodies = 0
    while True:
        start, end, at = _key(data, at)
        if at < 0 or end == 0:
            return at if bodies == 1 else -1
        if _is(data, start, end, _VNET_BODY if kind == VNET else _NSG_BODY):
            bodies += 1
            at = _body(kind, data, at, rows, groups, flows, records, odd, counts)
        elif kind == VNET and _is(data, start, end, _VNET_VERSION):
            records[VERSION, record], at = _whole(data, at)
        else:
            text = _find_member(kind, data, start, end)
            if text == -2 or (text >= 0 and data[at] != 34):
                return -1
            end = _scalar(data, at)
            if text >= 0:
                records[2 * text, record] = at + 1
                records[2 * text + 1, record] = end - 1
            at = end
        if at < 0:
            return -1


@compile_lazily
def scan(
    kind: int,
    data: Bytes,
    size: int,
    rows: Numbers,
    groups: Numbers,
    flows: Numbers,
    records: Numbers,
    odd: Numbers,
    counts: Numbers,
) -> bool:
    """Fill the matrices from `size` bytes of records (zeros must follow them); False = give up."""
    at = 0
    while True:
        at = _blank(data, at)
        while data[at] == 44:
            at = _blank(data, at + 1)
        if at >= size:
            return True
        if data[at] != 123:
            return False
        at = _record(kind, data, at + 1, rows, groups, flows, records, odd, counts)
        if at < 0:
            return False


@compile_lazily
def columns(rows: Numbers, size: int, wide: Numbers, narrow: NDArray[np.int32]) -> None:
    """The first `size` rows by columns: WIDE and NARROW say which field each is."""
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
