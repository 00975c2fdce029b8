"""Encoding of JSON and text files: UTF-8, and what Windows writes instead."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find_encoding(data: bytes) -> str:
    """Return the encoding of a text by its byte order mark, without one by where its first two characters have zeros."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    zeros = tuple(byte == 0 for byte in data[:4])
    if zeros == (False, True, False, True):
        return "utf-16-le"
    return "utf-16-be" if zeros == (True, False, True, False) else "utf-8"


def encode_like_file(text: str, data: bytes) -> bytes:
    """Encode a text as a file is whose bytes are given, with the same byte order mark."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return mark + text.encode(
                f"{name}-{'le' if mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF16_LE) else 'be'}"
            )
    return text.encode(find_encoding(data))


def convert_to_utf8(data: bytes) -> bytes:
    """Return a text in UTF-8; one that is in it already is returned as it is."""
    encoding = find_encoding(data)
    return data if encoding == "utf-8" else data.decode(encoding, "replace").removeprefix("\ufeff").encode()
