"""Flow logs by a compiled scanner over their bytes: no JSON values are made, only the numbers and places that rows need.

It reads what Azure writes, whatever the order of members and the blanks between them. It gives up (-1) on an escape, a character
beyond ASCII, a member that is missing, doubled or of another kind: the block is then read record by record. Blocks are JSON: the
envelope has seen to that. Needs the extra `numba`; the first use on a machine compiles for some seconds, later ones load that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.logs.scanner.flow_matrices import (
    END,
    FLOWS,
    GROUP,
    GROUPS,
    NSG,
    RECORDS,
    ROWS,
    START,
    VERSION,
    VNET,
    WITHIN,
)
from nephoscope.ingest.logs.scanner.json_bytes import (
    encode_word,
    is_word,
    read_key,
    read_whole,
    skip_blank,
    skip_scalar,
)
from nephoscope.ingest.logs.scanner.numba_compile import compile_lazily
from nephoscope.ingest.logs.scanner.tuple_scan import read_tuple

if TYPE_CHECKING:
    from nephoscope.ingest.logs.scanner.json_bytes import Bytes, Numbers

_CATEGORY = encode_word(b"category")
_VNET_BODY, _VNET_TEXTS = (
    encode_word(b"flowRecords"),
    (
        encode_word(b"macAddress"),
        encode_word(b"flowLogResourceID"),
        encode_word(b"targetResourceID"),
    ),
)
_VNET_OTHER_TEXTS = (encode_word(b"flowLogResourceId"), encode_word(b"targetResourceId"))
_VNET_VERSION, _VNET_OUTER, _VNET_OUTER_LIST, _VNET_INNER = (
    encode_word(b"flowLogVersion"),
    encode_word(b"aclID"),
    encode_word(b"flowGroups"),
    encode_word(b"rule"),
)
_NSG_BODY, _NSG_TEXT, _NSG_OTHER_TEXT = (
    encode_word(b"properties"),
    encode_word(b"resourceId"),
    encode_word(b"ResourceId"),
)
_NSG_VERSION, _NSG_OTHER_VERSION = encode_word(b"Version"), encode_word(b"version")
_NSG_INNER = encode_word(b"mac")
_FLOWS, _TUPLES = encode_word(b"flows"), encode_word(b"flowTuples")


@compile_lazily
def _read_tuples(
    kind: int, data: Bytes, at: int, rows: Numbers, group: int, odd: Numbers, counts: Numbers
) -> int:
    """The texts of a list `flowTuples`."""
    if data[at] != 91:
        return -1
    at = skip_blank(data, at + 1)
    while data[at] != 93:
        if data[at] != 34:
            return -1
        row = counts[ROWS]
        at = read_tuple(kind, data, at + 1, rows, row, odd, counts)
        if at < 0:
            return -1
        rows[row, GROUP] = group
        counts[ROWS] += 1
        at = skip_blank(data, at)
        if data[at] == 44:
            at = skip_blank(data, at + 1)
    return at + 1


@compile_lazily
def _read_group(
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
        start, end, at = read_key(data, at)
        if at < 0 or end == 0:
            return at if lists == 1 else -1
        if is_word(data, start, end, _TUPLES):
            lists += 1
            at = _read_tuples(kind, data, at, rows, group, odd, counts)
        elif is_word(data, start, end, word):
            if data[at] != 34:
                return -1
            groups[START, group] = at + 1
            at = skip_scalar(data, at)
            groups[END, group] = at - 1
        else:
            at = skip_scalar(data, at)
        if at < 0:
            return -1


@compile_lazily
def _read_group_list(
    kind: int, data: Bytes, at: int, rows: Numbers, groups: Numbers, odd: Numbers, counts: Numbers
) -> int:
    if data[at] != 91:
        return -1
    at = skip_blank(data, at + 1)
    while data[at] != 93:
        if data[at] != 123:
            return -1
        at = _read_group(kind, data, at + 1, rows, groups, odd, counts)
        if at < 0:
            return -1
        at = skip_blank(data, at)
        if data[at] == 44:
            at = skip_blank(data, at + 1)
    return at + 1


@compile_lazily
def _read_flow(
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
        start, end, at = read_key(data, at)
        if at < 0 or end == 0:
            return at if lists == 1 else -1
        if is_word(data, start, end, listed):
            lists += 1
            at = _read_group_list(kind, data, at, rows, groups, odd, counts)
        elif is_word(data, start, end, word):
            if data[at] != 34:
                return -1
            flows[START, flow] = at + 1
            at = skip_scalar(data, at)
            flows[END, flow] = at - 1
        else:
            at = skip_scalar(data, at)
        if at < 0:
            return -1


@compile_lazily
def _read_flow_list(
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
    at = skip_blank(data, at + 1)
    while data[at] != 93:
        if data[at] != 123:
            return -1
        at = _read_flow(kind, data, at + 1, rows, groups, flows, odd, counts)
        if at < 0:
            return -1
        at = skip_blank(data, at)
        if data[at] == 44:
            at = skip_blank(data, at + 1)
    return at + 1


@compile_lazily
def _read_body(
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
        start, end, at = read_key(data, at)
        if at < 0 or end == 0:
            return at if lists == 1 else -1
        if is_word(data, start, end, _FLOWS):
            lists += 1
            at = _read_flow_list(kind, data, at, rows, groups, flows, odd, counts)
        elif kind == NSG and is_word(data, start, end, _NSG_VERSION):
            records[VERSION, counts[RECORDS] - 1], at = read_whole(data, at)
        elif kind == NSG and is_word(data, start, end, _NSG_OTHER_VERSION):
            return -1
        else:
            at = skip_scalar(data, at)
        if at < 0:
            return -1


@compile_lazily
def _find_member(kind: int, data: Bytes, start: int, end: int) -> int:
    """Return which text of a record a member is: 0 to 2, 3 = the category, -1 = another member, -2 = give up."""
    if is_word(data, start, end, _CATEGORY):
        return 3
    if kind == NSG:
        if is_word(data, start, end, _NSG_OTHER_TEXT):
            return -2
        return 0 if is_word(data, start, end, _NSG_TEXT) else -1
    for place in range(3):
        if is_word(data, start, end, _VNET_TEXTS[place]):
            return place
    for place in range(2):
        if is_word(data, start, end, _VNET_OTHER_TEXTS[place]):
            return -2
    return -1


@compile_lazily
def _read_record(
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
        start, end, at = read_key(data, at)
        if at < 0 or end == 0:
            return at if bodies == 1 else -1
        if is_word(data, start, end, _VNET_BODY if kind == VNET else _NSG_BODY):
            bodies += 1
            at = _read_body(kind, data, at, rows, groups, flows, records, odd, counts)
        elif kind == VNET and is_word(data, start, end, _VNET_VERSION):
            records[VERSION, record], at = read_whole(data, at)
        else:
            text = _find_member(kind, data, start, end)
            if text == -2 or (text >= 0 and data[at] != 34):
                return -1
            end = skip_scalar(data, at)
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
        at = skip_blank(data, at)
        while data[at] == 44:
            at = skip_blank(data, at + 1)
        if at >= size:
            return True
        if data[at] != 123:
            return False
        at = _read_record(kind, data, at + 1, rows, groups, flows, records, odd, counts)
        if at < 0:
            return False
