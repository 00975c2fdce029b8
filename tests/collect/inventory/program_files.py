"""ELF, PE and Mach-O files with a few sections, made for tests."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

BASE = 0x400000


def elf(sections: Mapping[str, bytes], order: str = "<", is_long: bool = True) -> bytes:
    """Return an ELF file; a section's address is BASE and its place in the file."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in [*sections, ".shstrtab"])
    every = {**sections, ".shstrtab": names}
    body, rows = b"", [(0, 0, 0, 0)]
    start = 64
    for name, content in every.items():
        rows.append(
            (names.index(name.encode() + b"\0"), BASE + start + len(body), start + len(body), len(content))
        )
        body += content
    table = start + len(body)
    identity = b"\x7fELF" + bytes([2 if is_long else 1, 2 if order == ">" else 1, 1]) + b"\0" * 9
    head = bytearray(identity.ljust(64, b"\0"))
    if is_long:
        struct.pack_into(order + "Q", head, 0x28, table)
        struct.pack_into(order + "HHH", head, 0x3A, 64, len(rows), len(rows) - 1)
        layout = order + "IIQQQQIIQQ"
    else:
        struct.pack_into(order + "I", head, 0x20, table)
        struct.pack_into(order + "HHH", head, 0x2E, 40, len(rows), len(rows) - 1)
        layout = order + "IIIIIIIIII"
    entries = (
        struct.pack(layout, name, 1, 0, address, offset, size, 0, 0, 0, 0)
        for name, address, offset, size in rows
    )
    return bytes(head) + body + b"".join(entries)


def pe(sections: Mapping[str, bytes]) -> bytes:
    """Return a PE file of 64 bits."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    optional = struct.pack("<H", 0x20B).ljust(24, b"\0") + struct.pack("<Q", BASE)
    start = 0x40 + 24 + len(optional) + 40 * len(sections)
    rows, body = b"", b""
    for name, content in sections.items():
        at = start + len(body)
        rows += (
            name.encode().ljust(8, b"\0")
            + struct.pack("<IIII", len(content), at, len(content), at)
            + b"\0" * 16
        )
        body += content
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, len(optional), 0)
    return head + coff + optional + rows + body


def mach_o(sections: Mapping[str, bytes]) -> bytes:
    """Return a Mach-O file of 64 bits with one segment."""
    size = 72 + 80 * len(sections)
    start = 32 + size
    rows, body = b"", b""
    for name, content in sections.items():
        at = start + len(body)
        rows += name.encode().ljust(16, b"\0") + b"__DATA".ljust(16, b"\0")
        rows += struct.pack("<QQI", BASE + at, len(content), at) + b"\0" * 28
        body += content
    head = b"\xcf\xfa\xed\xfe" + struct.pack("<IIIIIII", 7, 3, 2, 1, size, 0, 0)
    segment = struct.pack("<II", 0x19, size) + b"__DATA".ljust(16, b"\0") + b"\0" * 32
    segment += struct.pack("<IIII", 7, 7, len(sections), 0)
    return head + segment + rows + body


def build_information(version: str, modules: str) -> bytes:
    """Return the block that Go's linker writes, with its texts in line."""

    def text(value: bytes) -> bytes:
        size, head = len(value), b""
        while size >= 0x80:
            head += bytes([size & 0x7F | 0x80])
            size >>= 7
        return head + bytes([size]) + value

    framed = b"\x30" * 16 + modules.encode() + b"\xf9" * 16
    return b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + text(version.encode()) + text(framed)


def pointed_information(version: str, modules: str, address: int) -> bytes:
    """Return the block of Go before 1.18, whose texts are found by their addresses; `address` is that of the block."""
    framed = b"\x30" * 16 + modules.encode() + b"\xf9" * 16
    at = address + 32
    heads = struct.pack("<QQQQ", at + 32, len(version), at + 32 + len(version), len(framed))
    block = b"\xff Go buildinf:\x08\x00" + struct.pack("<QQ", at, at + 16)
    return block + heads + version.encode() + framed


def crates(text: str) -> bytes:
    """Return the section that cargo-auditable writes."""
    return zlib.compress(text.encode())
