"""BER and DER: elements and object identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class BerError(ValueError):
    """Bytes that are no BER."""


def read_element(data: bytes, place: int) -> tuple[int, bytes, int]:
    """The tag and content of the element at a place, and the place behind it; raises BerError."""
    if place + 2 > len(data):
        raise BerError("an element that ends early")
    tag, size = data[place], data[place + 1]
    place += 2
    if tag & 0x1F == 0x1F:
        raise BerError("a tag of several bytes")
    if size & 0x80:
        width = size & 0x7F
        if not 0 < width <= 4 or place + width > len(data):
            raise BerError("a length that is not definite")
        size = int.from_bytes(data[place : place + width], "big")
        place += width
    if place + size > len(data):
        raise BerError("an element that ends early")
    return tag, data[place : place + size], place + size


def read_elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a constructed value, one after the other; raises BerError."""
    place = 0
    while place < len(data):
        tag, value, place = read_element(data, place)
        yield tag, value


def read_oid(data: bytes) -> str:
    """An object identifier in dotted numbers."""
    if not data:
        raise BerError("an object identifier without content")
    numbers, value = [], 0
    for byte in data[:64]:
        value = (value << 7) | (byte & 0x7F)
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        raise BerError("an object identifier that ends early")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - first * 40, *numbers[1:])))
