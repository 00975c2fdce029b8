"""HPACK: header blocks of HTTP/2, decoded (RFC 7541)."""

from __future__ import annotations

from collections import deque

#: Bits of the Huffman code of each byte, and of its end; the code is canonical.
_LENGTHS = (
    13,
    23,
    28,
    28,
    28,
    28,
    28,
    28,
    28,
    24,
    30,
    28,
    28,
    30,
    28,
    28,
    28,
    28,
    28,
    28,
    28,
    28,
    30,
    28,
    28,
    28,
    28,
    28,
    28,
    28,
    28,
    28,
    6,
    10,
    10,
    12,
    13,
    6,
    8,
    11,
    10,
    10,
    8,
    11,
    8,
    6,
    6,
    6,
    5,
    5,
    5,
    6,
    6,
    6,
    6,
    6,
    6,
    6,
    7,
    8,
    15,
    6,
    12,
    10,
    13,
    6,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    7,
    8,
    7,
    8,
    13,
    19,
    13,
    14,
    6,
    15,
    5,
    6,
    5,
    6,
    5,
    6,
    6,
    6,
    5,
    7,
    7,
    6,
    6,
    6,
    5,
    6,
    7,
    6,
    5,
    5,
    6,
    7,
    7,
    7,
    7,
    7,
    15,
    11,
    14,
    13,
    28,
    20,
    22,
    20,
    20,
    22,
    22,
    22,
    23,
    22,
    23,
    23,
    23,
    23,
    23,
    24,
    23,
    24,
    24,
    22,
    23,
    24,
    23,
    23,
    23,
    23,
    21,
    22,
    23,
    22,
    23,
    23,
    24,
    22,
    21,
    20,
    22,
    22,
    23,
    23,
    21,
    23,
    22,
    22,
    24,
    21,
    22,
    23,
    23,
    21,
    21,
    22,
    21,
    23,
    22,
    23,
    23,
    20,
    22,
    22,
    22,
    23,
    22,
    22,
    23,
    26,
    26,
    20,
    19,
    22,
    23,
    22,
    25,
    26,
    26,
    26,
    27,
    27,
    26,
    24,
    25,
    19,
    21,
    26,
    27,
    27,
    26,
    27,
    24,
    21,
    21,
    26,
    26,
    28,
    27,
    27,
    27,
    20,
    24,
    20,
    21,
    22,
    21,
    21,
    23,
    22,
    22,
    25,
    25,
    24,
    24,
    26,
    23,
    26,
    27,
    26,
    26,
    27,
    27,
    27,
    27,
    27,
    28,
    27,
    27,
    27,
    27,
    27,
    26,
    30,
)
_STATIC = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
)
#: Bytes of the header table, of one header block and of one text.
MOST_TABLE = 64 * 1024
LARGEST_TEXT = 64 * 1024
MOST_HEADERS = 4096


class HpackError(ValueError):
    """A header block that cannot be decoded."""


def _codes() -> dict[tuple[int, int], int]:
    """(bits, code) -> symbol."""
    found, code, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(_LENGTHS)):
        code <<= length - before
        found[length, code] = symbol
        code, before = code + 1, length
    return found


_CODES = _codes()


def decode_huffman(data: bytes) -> bytes:
    """A text in the Huffman code; raises HpackError."""
    found, code, bits = bytearray(), 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = (code << 1) | (byte >> shift & 1)
            bits += 1
            symbol = _CODES.get((bits, code))
            if symbol is not None:
                if symbol == 256:
                    raise HpackError("the end inside of a text")
                found.append(symbol)
                code = bits = 0
            elif bits > 30:
                raise HpackError("no Huffman code")
    return bytes(found)


class HpackDecoder:
    """Decodes the header blocks of one direction of a connection."""

    def __init__(self) -> None:
        self._table: deque[tuple[bytes, bytes]] = deque()
        self._size = 0
        self._most = 4096

    def decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """The headers of a block in their order; raises HpackError."""
        found: list[tuple[bytes, bytes]] = []
        place = 0
        while place < len(block):
            if len(found) > MOST_HEADERS:
                raise HpackError("too many headers")
            first = block[place]
            if first & 0x80:
                index, place = _integer(block, place, 7)
                found.append(self._find_header(index))
            elif first & 0xE0 == 0x20:
                self._most, place = _integer(block, place, 5)
                self._most = min(self._most, MOST_TABLE)
                self._shrink()
            else:
                indexed = bool(first & 0x40)
                index, place = _integer(block, place, 6 if indexed else 4)
                if index:
                    name = self._find_header(index)[0]
                else:
                    name, place = _read_text(block, place)
                value, place = _read_text(block, place)
                found.append((name, value))
                if indexed:
                    self._table.appendleft((name, value))
                    self._size += len(name) + len(value) + 32
                    self._shrink()
        return found

    def _find_header(self, index: int) -> tuple[bytes, bytes]:
        if 0 < index <= len(_STATIC):
            return _STATIC[index - 1]
        place = index - len(_STATIC) - 1
        if not 0 <= place < len(self._table):
            raise HpackError(f"no header {index}")
        return self._table[place]

    def _shrink(self) -> None:
        while self._table and self._size > self._most:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + 32


def _integer(block: bytes, place: int, bits: int) -> tuple[int, int]:
    limit = (1 << bits) - 1
    value = block[place] & limit
    place += 1
    if value < limit:
        return value, place
    for shift in range(0, 35, 7):
        if place >= len(block):
            break
        value += (block[place] & 0x7F) << shift
        place += 1
        if not block[place - 1] & 0x80:
            return value, place
    raise HpackError("a number that does not end")


def _read_text(block: bytes, place: int) -> tuple[bytes, int]:
    if place >= len(block):
        raise HpackError("a text that is missing")
    packed = bool(block[place] & 0x80)
    size, place = _integer(block, place, 7)
    if size > LARGEST_TEXT or place + size > len(block):
        raise HpackError("a text that ends early")
    found = block[place : place + size]
    return decode_huffman(found) if packed else found, place + size
