"""Executables and object files: the sections of ELF, PE and Mach-O, found by name and by address.

Sources: the System V ABI (ELF), Microsoft's PE format, Apple's mach-o/loader.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from nephoscope.collect.inventory.inventory_file import InventoryFile

#: The first bytes of the files that `parse_executable` reads.
MAGIC = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe\x00\x00\x00",
)
MAX_SECTIONS = 10_000
#: The most bytes of a section that are looked at.
MAX_SECTION = 16_000_000


class BinarySection(msgspec.Struct, frozen=True):
    """A section: its name, its address when loaded, and where its bytes stand in the file."""

    name: str
    address: int
    offset: int
    size: int


class Executable(msgspec.Struct, frozen=True):
    """The sections of a file, and its bytes; `is_big_endian` tells how it writes numbers."""

    content: bytes
    sections: tuple[BinarySection, ...]
    is_big_endian: bool = False

    def read_section(self, *names: str, most: int = MAX_SECTION) -> bytes | None:
        """Return the first bytes of the first section of one of these names, None where there is none."""
        found = next((section for section in self.sections if section.name in names), None)
        return self.content[found.offset : found.offset + min(found.size, most)] if found else None

    def read_address(self, address: int, size: int) -> bytes:
        """Return bytes by their address when loaded, b"" where no section holds them."""
        for section in self.sections:
            if section.address and section.address <= address < section.address + section.size:
                start = section.offset + address - section.address
                return self.content[start : start + min(size, section.address + section.size - address)]
        return b""


def parse_executable(file: InventoryFile) -> Executable:
    """Return the sections of an ELF, PE or Mach-O file; raises UnreadableInventoryError."""
    content = file.content
    try:
        if content.startswith(b"\x7fELF"):
            return _read_elf(content)
        if content.startswith(b"MZ"):
            return _read_pe(content)
        if content.startswith(MAGIC[2:]):
            return _read_mach_o(content)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise file.make_error(f"the executable is truncated or damaged: {error}") from error
    raise file.make_error("this is not an ELF, PE or Mach-O file")


def _read_text(content: bytes, start: int, limit: int = 256) -> str:
    return content[start : start + limit].split(b"\0")[0].decode("utf-8", "replace")


def _read_elf(content: bytes) -> Executable:
    is_big = content[5] == 2
    order = ">" if is_big else "<"
    is_long = content[4] == 2
    if is_long:
        (table,) = struct.unpack_from(order + "Q", content, 0x28)
        size, count, names = struct.unpack_from(order + "HHH", content, 0x3A)
        layout, pick = order + "IIQQQQ", (0, 3, 4, 5)
    else:
        (table,) = struct.unpack_from(order + "I", content, 0x20)
        size, count, names = struct.unpack_from(order + "HHH", content, 0x2E)
        layout, pick = order + "IIIIII", (0, 3, 4, 5)
    if not table or not count:
        return Executable(content, (), is_big)
    rows = [
        struct.unpack_from(layout, content, table + index * size) for index in range(min(count, MAX_SECTIONS))
    ]
    headers = [tuple(row[index] for index in pick) for row in rows]
    strings = headers[names][2] if names < len(headers) else 0
    found = (
        BinarySection(_read_text(content, strings + name), address, offset, length if kinds[1] != 8 else 0)
        for (name, address, offset, length), kinds in zip(headers, rows, strict=True)
    )
    return Executable(content, tuple(found), is_big)


def _read_pe(content: bytes) -> Executable:
    (start,) = struct.unpack_from("<I", content, 0x3C)
    if content[start : start + 4] != b"PE\0\0":
        raise ValueError("no PE header")
    count, _, symbols, symbol_count, optional = struct.unpack_from("<HIIIH", content, start + 6)
    (magic,) = struct.unpack_from("<H", content, start + 24)
    base = struct.unpack_from(
        "<Q" if magic == 0x20B else "<I", content, start + 24 + (24 if magic == 0x20B else 28)
    )[0]
    strings = symbols + symbol_count * 18
    found = []
    for index in range(min(count, MAX_SECTIONS)):
        at = start + 24 + optional + index * 40
        name = _read_text(content, at, 8)
        if symbols and name.startswith("/") and name[1:].isdecimal():
            name = _read_text(content, strings + int(name[1:]))
        _, address, size, offset = struct.unpack_from("<IIII", content, at + 8)
        found.append(BinarySection(name, base + address, offset, size))
    return Executable(content, tuple(found))


def _read_mach_o(content: bytes) -> Executable:
    start = 0
    if content.startswith(b"\xca\xfe\xba\xbe"):
        (start,) = struct.unpack_from(">I", content, 16)
    magic = content[start : start + 4]
    is_big = magic.startswith(b"\xfe\xed")
    is_long = b"\xcf" in magic
    return Executable(
        content, tuple(_read_mach_o_sections(content, start, is_long, ">" if is_big else "<")), is_big
    )


def _read_mach_o_sections(content: bytes, start: int, is_long: bool, order: str) -> Iterator[BinarySection]:
    (commands,) = struct.unpack_from(order + "I", content, start + 16)
    at = start + (32 if is_long else 28)
    wanted, head, step = (0x19, 72, 80) if is_long else (0x1, 56, 68)
    for _ in range(min(commands, MAX_SECTIONS)):
        command, size = struct.unpack_from(order + "II", content, at)
        if command == wanted:
            (count,) = struct.unpack_from(order + "I", content, at + head - 8)
            for index in range(min(count, MAX_SECTIONS)):
                place = at + head + index * step
                layout = order + ("QQI" if is_long else "III")
                address, length, offset = struct.unpack_from(layout, content, place + 32)
                yield BinarySection(_read_text(content, place, 16), address, start + offset, length)
        if size < 8:
            return
        at += size
