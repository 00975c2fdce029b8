"""Gzip messages of Event Hubs producers, unpacked within limits.

Source: RFC 1952.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

MAGIC = b"\x1f\x8b\x08"
_GZIP = 31
_MOST = 64 * 1024 * 1024
#: Small messages may be packed well; what unpacks to more than this many times its size is made to harm.
_FREE, _TIMES = 1024 * 1024, 300


class UnpackedMessage(NamedTuple):
    """Unpacked content of a message, and why the rest could not be unpacked ('' = it is complete)."""

    content: bytes
    why: str = ""


def unpack_message(data: bytes) -> UnpackedMessage:
    """The content of a message, one that is not packed as it is; of several members of gzip all up to a broken one."""
    if not data.startswith(MAGIC):
        return UnpackedMessage(data)
    left = min(_MOST, max(_FREE, _TIMES * len(data)))
    parts: list[bytes] = []
    rest = data
    while rest.startswith(MAGIC):
        member = zlib.decompressobj(_GZIP)
        found, why = _decompress_member(member, rest, left)
        parts.append(found)
        left -= len(found)
        if why:
            return UnpackedMessage(b"".join(parts), why)
        rest = member.unused_data.lstrip(b"\0")
    why = f"{len(rest)} bytes behind the gzip of the message are none" if rest else ""
    return UnpackedMessage(b"".join(parts), why)


def _decompress_member(member: zlib._Decompress, data: bytes, most: int) -> tuple[bytes, str]:
    """Return what a member of gzip holds, and why not more of it was unpacked; piece by piece, since a broken one
    gives what is before."""
    parts: list[bytes] = []
    size = 0
    step = 16 * 1024
    for at in range(0, len(data), step):
        try:
            part = member.decompress(data[at : at + step], most - size + 1)
        except zlib.error as error:
            return b"".join(parts), f"the gzip of the message is broken: {error}"
        parts.append(part)
        size += len(part)
        if size > most:
            return b"".join(parts)[:most], f"the message unpacks to more than {most} bytes, which are read"
        if member.eof:
            return b"".join(parts), ""
    return b"".join(parts), "the gzip of the message is cut"
