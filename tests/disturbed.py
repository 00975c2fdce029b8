"""Disturbs a file as accidents and attackers do: cut, mixed, repeated, with numbers that overflow and texts that nest."""

from __future__ import annotations

import random
import re

#: What stands for numbers in texts and in structures of bytes.
_NUMBERS = (
    b"0",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"9" * 5_000,
    b"0x",
    b"1.",
    b"\xc2\xb2",
    b"true",
    b"null",
    b'""',
    b"[]",
    b"{}",
)
_WORDS = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\r", b"\n\n", b"\t", b"'", b'"', b"\\", b"\\u0000", b"\\ud800", b"&a *a", b"<<: *a",
    b"<!DOCTYPE a>", b"&lt;", b"../", b"//", b"@", b"#", b"=", b":", b"%", b"${a}", b"[" * 200, b"{" * 200, b"(" * 200, b"<a>" * 200,
    b"- " * 200,
)  # fmt: skip
_EDGES = (b"\0" * 4, b"\xff" * 4, b"\x80\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x01", b"\xff" * 8, b"\x01")
_DIGITS = re.compile(rb"\d+")


def disturbed(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    """Return a content with a few disturbances; `others` are contents of which pieces are put in."""
    for _ in range(source.choice((1, 1, 1, 2, 3, 6))):
        content = source.choice(_WAYS)(content, source, others)
    return content


def _cut(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    del others
    return content[: source.randrange(len(content) + 1)]


def _leave_out(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    del others
    start = source.randrange(len(content) + 1)
    return content[:start] + content[start + source.choice((1, 2, 8, 60, 500)) :]


def _repeat(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    del others
    start = source.randrange(len(content) + 1)
    piece = content[start : start + source.choice((1, 4, 30, 300))]
    return content[:start] + piece * source.choice((2, 3, 50)) + content[start:]


def _flip(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    del others
    changed = bytearray(content)
    for _ in range(min(len(content), source.choice((1, 1, 4, 20)))):
        changed[source.randrange(len(changed))] = source.randrange(256)
    return bytes(changed)


def _put_in(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    del others
    start = source.randrange(len(content) + 1)
    return content[:start] + source.choice(_WORDS) + content[start:]


def _overwrite(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    del others
    edge, start = source.choice(_EDGES), source.randrange(len(content) + 1)
    return content[:start] + edge + content[start + len(edge) :]


def _count_otherwise(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    del others
    found = list(_DIGITS.finditer(content))
    if not found:
        return content
    one = source.choice(found)
    return content[: one.start()] + source.choice(_NUMBERS) + content[one.end() :]


def _mix(content: bytes, source: random.Random, others: list[bytes]) -> bytes:
    other = source.choice(others)
    start, first = source.randrange(len(content) + 1), source.randrange(len(other) + 1)
    return content[:start] + other[first : first + source.choice((4, 40, 400))] + content[start:]


_WAYS = (_cut, _leave_out, _repeat, _flip, _put_in, _overwrite, _count_otherwise, _mix)
