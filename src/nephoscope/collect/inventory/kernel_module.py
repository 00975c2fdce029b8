"""Modules of the Linux kernel: what each says of itself in its section .modinfo."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.executables import parse_executable
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "kernel module"
PATTERNS = ("lib/modules/**/*.ko", "usr/lib/modules/**/*.ko")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the module; its version is '' where it names none. Raises UnreadableInventoryError."""
    section = parse_executable(file).read_section(".modinfo")
    if section is None:
        raise file.make_error("the file has no section .modinfo")
    fields: dict[str, str] = {}
    for entry in section.split(b"\0"):
        key, equals, value = entry.partition(b"=")
        if equals:
            fields.setdefault(key.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
    name = fields.get("name") or file.name.removesuffix(".ko")
    depends = tuple(part for part in fields.get("depends", "").split(",") if part)
    licenses = (fields["license"],) if fields.get("license") else ()
    yield Package(
        type="generic",
        name=name,
        version=fields.get("version", ""),
        source_version=fields.get("vermagic", "").split(" ")[0],
        path=file.path,
        licenses=licenses,
        dependencies=depends,
    )
