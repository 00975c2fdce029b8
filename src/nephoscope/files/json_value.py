"""JSON values in bytes: where one ends, and what is said of a text that is none.

Half of a surrogate pair (`\\ud800` without its other half) is no character. A value that has one is kept: the half stands in it as the
six characters of its escape, so nothing is lost and nothing is taken for another character. Grammar: RFC 8259.
"""

from __future__ import annotations

import re
from math import isinf

import msgspec

_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_RAW = msgspec.json.Decoder(msgspec.Raw)
_ANY = msgspec.json.Decoder()
_SURROGATES = (
    "unexpected end of escaped utf-16 surrogate pair",
    "unexpected end of hex escape",
    "invalid utf-16 surrogate pair",
)
#: An escape of a surrogate behind whole pairs of backslashes; the second group is a pair of surrogates that belong together.
_ESCAPE = re.compile(
    rb"(?<!\\)((?:\\\\)*+)\\u([dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[dD][89a-fA-F][0-9a-fA-F]{2})"
)
TOO_DEEP = "the JSON nests too deeply"
#: What the decoder says of a number that is too large.
_BEYOND = "out of range"
_ONE = 4
#: How much is read at first behind the half that was met: records are short.
_AHEAD = 256
_DEEPEST = 100
#: The largest double has 309 digits.
_SHORT = 300
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?[0-9][0-9.eE+-]*+|[\[\]{}]', re.DOTALL)
#: The decoder takes half a pair for cut where fewer bytes than another half stand behind it.
_CUT = 12


def measure_value(buffer: bytes, start: int, limit: int, *, whole: bool = False) -> tuple[int, str, int]:
    """The size of the JSON value at a byte of the buffer; else 0, why it is none and how many bytes on that shows.

    (0, '', 0) = more bytes are needed. The decoder says where the first byte behind a whole value is: no Python looks at the bytes.
    `whole`: no more will come.
    """
    view = memoryview(buffer)[start:limit]
    size, reason, at = _try_decode(view)
    if not size and (is_half(reason) or (whole and not reason and b"\\u" in bytes(view[-_CUT:]))):
        size, reason, at = _replace_surrogates(view, at)
    return (0, describe_error(reason), max(at - 1, 1)) if reason else (size, "", 0)


def _try_decode(view: memoryview) -> tuple[int, str, int]:
    """As measured(), the reason in the decoder's words."""
    try:
        _RAW.decode(view)
    except msgspec.DecodeError as error:
        text = str(error)
        trailing = _TRAILING.search(text)
        if trailing:
            return int(trailing[1]) - 1, "", 0
        at = _AT_BYTE.search(text)
        if "truncated" in text or (at and int(at[1]) >= len(view) and not is_half(text)):
            # a number that is cut behind its sign, point or exponent is called malformed there
            return 0, "", 0
        return 0, text, int(at[1]) if at else 1
    except RecursionError:
        return 0, TOO_DEEP, 1
    return len(view), "", 0


def _replace_surrogates(view: memoryview, at: int) -> tuple[int, str, int]:
    """As _tried() where a half was met at a byte: only as much is looked at as the value is long."""
    reach = (2 * at or len(view)) + _AHEAD
    while True:
        part = _ESCAPE.sub(_blank_escape, bytes(view[:reach]))
        found = _try_decode(memoryview(part))
        if (
            found[0]
            or (found[1] and (not is_half(found[1]) or found[2] + _CUT < len(part)))
            or reach >= len(view)
        ):
            return found
        reach *= 2


def _blank_escape(match: re.Match[bytes]) -> bytes:
    """An escape of half a pair as another one of the same length."""
    return match[0] if len(match[2]) > _ONE else match[1] + b"\\ufffd"


def _encode_escape(match: re.Match[bytes]) -> bytes:
    """An escape of half a pair as the text of that escape."""
    return match[0] if len(match[2]) > _ONE else match[1] + b"\\\\u" + match[2]


def escape_half_surrogates(data: bytes) -> bytes:
    """JSON in which each half of a surrogate pair stands as the six characters of its escape."""
    return _ESCAPE.sub(_encode_escape, data)


def decode_json(text: bytes | str) -> object:
    """The value of a JSON text, halves of surrogate pairs spelled, numbers that are too large and parts that are too deep as text.

    Raises msgspec.DecodeError, RecursionError, UnicodeError.
    """
    try:
        return _ANY.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        data = text.encode() if isinstance(text, str) else text
        mended = escape_half_surrogates(data)
        if mended != data or isinstance(error, RecursionError) or _BEYOND in str(error):
            mended = limit_json(mended)
        if mended == data:
            raise error from None
        return _ANY.decode(mended)


def limit_json(data: bytes) -> bytes:
    """JSON in which numbers beyond what is counted with are their text, and so is what nests deeper than 100 levels."""
    parts: list[bytes] = []
    depth = done = deep = 0
    for token in _TOKEN.finditer(data):
        mark = token[0][:1]
        if mark in (b"[", b"{"):
            depth += 1
            deep = token.start() if depth == _DEEPEST + 1 else deep
        elif mark in (b"]", b"}"):
            if depth == _DEEPEST + 1:
                text = data[deep : token.end()].decode("utf-8", "backslashreplace")
                parts += [data[done:deep], msgspec.json.encode(text)]
                done = token.end()
            depth -= 1
        elif mark != b'"' and depth <= _DEEPEST and _is_beyond(token[0]):
            parts += [data[done : token.start()], b'"%b"' % token[0]]
            done = token.end()
    return b"".join([*parts, data[done:]])


def _is_beyond(number: bytes) -> bool:
    """Return whether a number is larger than a double holds."""
    if len(number) <= _SHORT and b"e" not in number.lower():
        return False
    try:
        return isinf(float(number))
    except ValueError:
        return False


def is_half(error: str) -> bool:
    """Return whether the decoder speaks of half a surrogate pair."""
    return any(found in error for found in _SURROGATES)


def describe_error(error: str) -> str:
    """Return what the decoder says of a text, in words that name what is wrong."""
    text = error.removeprefix("JSON is malformed: ")
    text = text.replace("Number out of range - at `$[...]`", "a number is out of range")
    return text if text == TOO_DEEP else f"not JSON: {text}"
