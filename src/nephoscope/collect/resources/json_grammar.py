"""The grammar by which records are cut out of JSON bytes: tokens, nesting, headers of answers. Grammar: RFC 8259."""

from __future__ import annotations

import json
import re

import msgspec

MAX_RECORD = 8 * 1024 * 1024
MAX_DEPTH = 100
HEADER = 64 * 1024

_OUTSIDE = rb"[\s,:0-9.+\-eEtrufalsn]*+"
_STRING = rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"'
TOKEN = re.compile(_OUTSIDE + rb"(?:" + _STRING + _OUTSIDE + rb")*+([{}\[\]])")
PREFIX = re.compile(_OUTSIDE + rb"(?:" + _STRING + _OUTSIDE + rb")*+")
_LENIENT = rb'[^"{}\[\]]*+'
LENIENT_TOKEN = re.compile(_LENIENT + rb"(?:" + _STRING + _LENIENT + rb")*+([{}\[\]])")
LENIENT_PREFIX = re.compile(_LENIENT + rb"(?:" + _STRING + _LENIENT + rb")*+")
OPEN_STRING = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+\\?\Z')
OPEN_STRING_HEAD = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+')
BLANK = re.compile(rb"[\s,\x1e]*+")
_SCALAR = rb"(?:" + _STRING + rb"|[\w.+\-]+|\[\s*\]|\{\s*\})"
_MEMBERS = rb"(?P<members>\s*(?:" + _STRING + rb"\s*:\s*" + _SCALAR + rb"\s*,\s*)*)"
_TABLE_HEAD = rb'"columns"\s*:\s*(?P<columns>\[[^\]]*\])\s*,\s*"rows"\s*:\s*\['
ENVELOPE = re.compile(
    rb"\{"
    + _MEMBERS
    + rb'(?:"(?i:data|value)"\s*:\s*(?:(?P<list>\[)|(?P<object>\{)\s*'
    + _TABLE_HEAD
    + rb"))"
)
BARE_TABLE = re.compile(rb"\{" + _MEMBERS + _TABLE_HEAD)
OWN_ID = re.compile(rb'"(?i:id|type)"\s*:')
#: What begins so is a resource: none of the members before its records names an answer itself.
RESOURCE = re.compile(rb'\{\s*"(?i:id|type)"\s*:')
CANDIDATE = re.compile(rb"[\n,\[}][ \t\r\n]*(?=\{)")
WASTE = re.compile(rb"[^{\[\n\]]*+\]?")
CLOSES = {ord("{"): ord("}"), ord("["): ord("]")}
_OPEN_OR_CLOSE = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class RecordSlice(msgspec.Struct, frozen=True):
    """A record cut out of a stream: its bytes, its place (1-based), and why it is broken ('' = it is whole).

    `columns` are the column names where the record is a row of a table. `value` is what the bytes decode to.
    """

    data: bytes
    line: int
    column: int
    error: str = ""
    columns: tuple[str, ...] = ()
    value: object = None


class RecordContainer(msgspec.Struct):
    """Container around the cursor: an array of records, or the rest of a response behind its array.

    `separator` stood before the last record, `fails` counts the records in a row that ended elsewhere than guessed.
    """

    kind: str
    columns: tuple[str, ...] = ()
    rests: int = 0
    separator: bytes = b""
    fails: int = 0


class BrokenRecordError(Exception):
    """The text at an offset of the buffer can not continue a record; `kind` says how the search goes on."""

    def __init__(self, kind: str, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.offset = offset
        self.reason = reason


class RecordScanState(msgspec.Struct):
    """Progress of the search for the end of one record.

    `stack` holds the brackets that must still close. Once `error` is set the record is lost and only its end is looked for;
    up to `tested` no other record begins inside it.
    """

    start: int
    position: int
    stack: bytearray
    error: str = ""
    tested: int = 0


def track_bracket(scan: RecordScanState, buffer: bytearray, end: int) -> None:
    """Account for the bracket before `end`; raises BrokenRecordError where it cannot stand."""
    bracket = buffer[end - 1]
    stack = scan.stack
    if bracket in CLOSES:
        if stack and not may_open(buffer, end - 2, scan.start, stack[-1]):
            raise BrokenRecordError(
                "open", end - 1, "unexpected opening bracket: a key or a comma is expected"
            )
        stack.append(CLOSES[bracket])
        if len(stack) > MAX_DEPTH:
            scan.error = scan.error or f"nested deeper than {MAX_DEPTH}"
    elif not stack or stack[-1] != bracket:
        raise BrokenRecordError("close", end - 1, f"unmatched '{chr(bracket)}'")
    else:
        stack.pop()


def may_open(buffer: bytearray, before: int, start: int, closes: int) -> bool:
    """Return whether a bracket may open behind this offset: after ':' in an object, after '[' or ',' in an array."""
    while before >= start and buffer[before] in b" \t\r\n":
        before -= 1
    if before < start:
        return False
    return buffer[before] == 0x3A if closes == 0x7D else buffer[before] in b"[,"


def find_string_stop(buffer: bytearray, offset: int) -> int:
    """Return where a string that opens at the offset meets the character that it may not hold."""
    match = OPEN_STRING_HEAD.match(buffer, offset)
    return match.end() if match else offset


def decode_flat(data: bytes) -> object:
    """Decode bytes that surely nest no deeper than allowed; None when they are no single JSON object or row."""
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and not _is_flat(data):
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_flat(data: bytes) -> bool:
    """Return whether even with every bracket counted, those inside strings too, the nesting stays within the limit.

    What closes where it opened is taken out, the innermost first: as often as that goes on, so deep it was.
    """
    brackets = data.translate(_OPEN_OR_CLOSE, _NO_BRACKETS)
    for depth in range(MAX_DEPTH + 1):
        inner = brackets.replace(b"{}", b"")
        if len(inner) == len(brackets):
            return depth + inner.count(b"{") <= MAX_DEPTH
        brackets = inner
    return False


def is_record(data: bytes) -> bool:
    """Return whether bytes found behind a broken stretch are a resource of their own and not a reference inside another."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    if not isinstance(value, dict):
        return False
    keys = {key.lower() for key in value}
    return "resource" in keys or bool(keys & {"id", "resourceid"} and keys & {"type", "resourcetype"})


def parse_column_names(text: bytes) -> tuple[str, ...] | None:
    """The names in the header of a table: a list of names or of `{"name": ...}`; None when it is neither."""
    try:
        columns = json.loads(text)
    except ValueError:
        return None
    found = [column.get("name") if isinstance(column, dict) else column for column in columns]
    names = [name for name in found if isinstance(name, str)]
    return tuple(names) if names and len(names) == len(found) else None
