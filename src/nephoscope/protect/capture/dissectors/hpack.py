"""HPACK: header blocks of HTTP/2, decoded (RFC 7541)."""

from __future__ import annotations

from collections import deque

from nephoscope.protect.capture.dissectors.hpack_tables import HUFFMAN_LENGTHS, STATIC_HEADERS

#: Bytes of the header table, of one header block and of one text.
MOST_TABLE = 64 * 1024
LARGEST_TEXT = 64 * 1024
MOST_HEADERS = 4096


class HpackError(ValueError):
    """A header block that cannot be decoded."""


def _read_codes() -> dict[tuple[int, int], int]:
    """(bits, code) -> symbol."""
    found, code, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(HUFFMAN_LENGTHS)):
        code <<= length - before
        found[length, code] = symbol
        code, before = code + 1, length
    return found


_CODES = _read_codes()


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
                index, place = _read_integer(block, place, 7)
                found.append(self._find_header(index))
            elif first & 0xE0 == 0x20:
                self._most, place = _read_integer(block, place, 5)
                self._most = min(self._most, MOST_TABLE)
                self._shrink_table()
            else:
                indexed = bool(first & 0x40)
                index, place = _read_integer(block, place, 6 if indexed else 4)
                if index:
                    name = self._find_header(index)[0]
                else:
                    name, place = _read_text(block, place)
                value, place = _read_text(block, place)
                found.append((name, value))
                if indexed:
                    self._table.appendleft((name, value))
                    self._size += len(name) + len(value) + 32
                    self._shrink_table()
        return found

    def _find_header(self, index: int) -> tuple[bytes, bytes]:
        if 0 < index <= len(STATIC_HEADERS):
            return STATIC_HEADERS[index - 1]
        place = index - len(STATIC_HEADERS) - 1
        if not 0 <= place < len(self._table):
            raise HpackError(f"no header {index}")
        return self._table[place]

    def _shrink_table(self) -> None:
        while self._table and self._size > self._most:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + 32


def _read_integer(block: bytes, place: int, bits: int) -> tuple[int, int]:
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
    size, place = _read_integer(block, place, 7)
    if size > LARGEST_TEXT or place + size > len(block):
        raise HpackError("a text that ends early")
    found = block[place : place + size]
    return decode_huffman(found) if packed else found, place + size
