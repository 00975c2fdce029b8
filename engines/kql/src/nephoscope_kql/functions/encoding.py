"""Encodings of text: base64, gzip and zlib in base64, URL."""

from __future__ import annotations

import base64
import binascii
import json
import struct
import uuid
import zlib
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from sqlglot import exp

from nephoscope_kql.functions.declaration import declare_rowwise, declare_scalar_macro
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.sql import nodes

MAX_INFLATED = 16 * 1024 * 1024
"""The most bytes that a compressed text is taken apart to; more gives ''."""


def _decode_bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _decode_utf8(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return None


def _compute_bytes_array(text: str) -> str | None:
    data = _decode_bytes(text)
    return None if data is None else format_json(list(data))


def _from_array(text: str) -> str | None:
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(item, int) and 0 <= item < 256 for item in values):
        return None
    return base64.b64encode(bytes(values)).decode()


def _compute_guid(text: str) -> str | None:
    data = _decode_bytes(text)
    return str(uuid.UUID(bytes_le=data)) if data is not None and len(data) == 16 else None


def _inflate_text(text: str, header: int) -> str | None:
    data = _decode_bytes(text)
    if data is None:
        return None
    try:
        machine = zlib.decompressobj(header)
        result = machine.decompress(data, MAX_INFLATED)
    except zlib.error:
        return None
    return _decode_utf8(result) if machine.eof else None


def _compress_gzip(text: str) -> str:
    """Gzip as Kusto writes it: no time, the fastest method, small text stored as it is."""
    data = text.encode()
    stored = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = stored.compress(data) + stored.flush()
    plain = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    body = plain if len(data) < 65536 and len(plain) <= len(packed) + 5 else packed
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return base64.b64encode(
        head + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    ).decode()


def _declare_text_function(
    name: str, summary: str, value: Callable[[str], str | None], *aliases: str
) -> ScalarFunction:
    return declare_scalar_macro(
        __name__,
        f"{name}(text: string): string",
        summary=summary,
        routine=declare_rowwise(f"kql_{name}", ("VARCHAR",), "VARCHAR", value),
        aliases=aliases,
    )


base64_decode_tostring = _declare_text_function(
    "base64_decode_tostring",
    "Read base64 as text; '' where it is none.",
    lambda text: _decode_utf8(_decode_bytes(text)),
    "base64_decodestring",
)
gzip_compress = _declare_text_function(
    "gzip_compress_to_base64_string", "Compress text with gzip and write it in base64.", _compress_gzip
)
gzip_decompress = _declare_text_function(
    "gzip_decompress_from_base64_string",
    "Read gzip that is written in base64; '' where it is none.",
    lambda text: _inflate_text(text, 31),
)
zlib_compress = _declare_text_function(
    "zlib_compress_to_base64_string",
    "Compress text with zlib and write it in base64.",
    lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
)
zlib_decompress = _declare_text_function(
    "zlib_decompress_from_base64_string",
    "Read zlib that is written in base64; '' where it is none.",
    lambda text: _inflate_text(text, 15),
)
base64_decode_toarray = declare_scalar_macro(
    __name__,
    "base64_decode_toarray(text: string): dynamic",
    summary="Read base64 as an array of bytes; null where it is none.",
    routine=declare_rowwise("kql_base64_toarray", ("VARCHAR",), "VARCHAR", _compute_bytes_array),
)
base64_encode_fromarray = declare_scalar_macro(
    __name__,
    "base64_encode_fromarray(bytes: dynamic): string",
    summary="Write an array of bytes in base64; '' where it is none.",
    routine=declare_rowwise("kql_base64_fromarray", ("VARCHAR",), "VARCHAR", _from_array),
)
base64_decode_toguid = declare_scalar_macro(
    __name__,
    "base64_decode_toguid(text: string): guid",
    summary="Read base64 as a guid; null where it is none.",
    routine=declare_rowwise("kql_base64_toguid", ("VARCHAR",), "VARCHAR", _compute_guid),
)
base64_encode_fromguid = declare_scalar_macro(
    __name__,
    "base64_encode_fromguid(value: guid): string",
    summary="Write the bytes of a guid in base64.",
    routine=declare_rowwise(
        "kql_base64_fromguid",
        ("VARCHAR",),
        "VARCHAR",
        lambda text: base64.b64encode(uuid.UUID(text).bytes_le).decode(),
    ),
)


@declare_function(
    "base64_encode_tostring(text: string): string", aliases=("base64_encodestring",), nullable=False
)
def base64_encode_tostring(call: Arguments) -> exp.Expr:
    """Write text in base64."""
    return nodes.build_call("to_base64", nodes.build_call("encode", call[0]))


_PERCENT = {byte: f"%{byte:02x}" for byte in range(256)} | {
    byte: chr(byte) for byte in b".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
}
"""What stands for a byte: documented are small hexadecimal digits; of the ASCII marks the point alone stays."""


def _format_percent(text: str) -> str:
    return "".join(map(_PERCENT.__getitem__, text.encode()))


url_encode_component = _declare_text_function(
    "url_encode_component",
    "Write text for use in a URL: all but letters, digits and points is encoded.",
    _format_percent,
)
url_encode = _declare_text_function(
    "url_encode",
    "Write text for use in a URL as forms do: as url_encode_component() does, but a space is a plus.",
    lambda text: _format_percent(text).replace("%20", "+"),
)


def _unquote_percent(text: str) -> str | None:
    return unquote_to_bytes(text).decode(errors="replace") if "%" in text else text


url_decode = _declare_text_function("url_decode", "Read text that is encoded for a URL.", _unquote_percent)
