"""The Linux kernel itself: the version in the header of a boot image for x86."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "kernel image"
PATTERNS = ("boot/vmlinuz", "boot/vmlinuz-*", "lib/modules/*/vmlinuz", "usr/lib/modules/*/vmlinuz")
MAX_SIZE = 200_000_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the kernel. Source: the Linux/x86 boot protocol, `kernel_version` of the setup header."""
    if file.content[0x202:0x206] != b"HdrS" or len(file.content) < 0x210:
        file.record_left_out_entry(1, "this is no boot image of x86: its version is not read")
        return
    (offset,) = struct.unpack_from("<H", file.content, 0x20E)
    start = offset + 0x200
    version = file.content[start : start + 200].split(b"\0")[0].decode("utf-8", "replace").split(" ")[0]
    if not offset or not version:
        file.record_left_out_entry(1, "the boot image names no version")
        return
    yield Package(type="generic", name="Linux Kernel", version=version, path=file.path)
