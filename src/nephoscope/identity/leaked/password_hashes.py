"""Password hashes that lists of leaked passwords are about: SHA-1, and NTLM (MD4 over UTF-16LE).

OpenSSL 3 has no MD4 by default, so it is computed here. Source: https://www.rfc-editor.org/rfc/rfc1320
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping

_MASK = 0xFFFFFFFF
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_ORDERS = (
    tuple(range(16)),
    tuple(row + 4 * column for row in range(4) for column in range(4)),
    (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
)
_SHIFTS = ((3, 7, 11, 19), (3, 5, 9, 13), (3, 9, 11, 15))
_CONSTANTS = (0, 0x5A827999, 0x6ED9EBA1)
_MIXES: tuple[Callable[[int, int, int], int], ...] = (
    lambda x, y, z: (x & y) | (~x & z),
    lambda x, y, z: (x & y) | (x & z) | (y & z),
    lambda x, y, z: x ^ y ^ z,
)


def hash_sha1(password: str) -> bytes:
    """Return the SHA-1 of a password in UTF-8."""
    return hashlib.sha1(password.encode(), usedforsecurity=False).digest()


def hash_ntlm(password: str) -> bytes:
    """Return the NTLM hash of a password."""
    return hash_md4(password.encode("utf-16-le"))


def hash_md4(data: bytes) -> bytes:
    """Return the MD4 of bytes."""
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    state = _START
    for at in range(0, len(padded), 64):
        state = _add_block(state, struct.unpack_from("<16I", padded, at))
    return struct.pack("<4I", *state)


def _add_block(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for order, shifts, constant, mix in zip(_ORDERS, _SHIFTS, _CONSTANTS, _MIXES, strict=True):
        for step, word in enumerate(order):
            value = (a + mix(b, c, d) + words[word] + constant) & _MASK
            shift = shifts[step % 4]
            a, b, c, d = d, ((value << shift) | (value >> (32 - shift))) & _MASK, b, c
    return tuple((old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True))  # type: ignore[return-value]


#: Algorithm -> how a password becomes its hash.
ALGORITHMS: Mapping[str, Callable[[str], bytes]] = {"sha1": hash_sha1, "ntlm": hash_ntlm}
#: Algorithm -> bytes of a hash.
LENGTHS: Mapping[str, int] = {"sha1": 20, "ntlm": 16}
