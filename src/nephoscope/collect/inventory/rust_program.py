"""Crates that a Rust program was built of: the section that cargo-auditable writes into it.

Source: the format of rust-secure-code/cargo-auditable, PARSING.md.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from nephoscope.collect.inventory.formats import executables
from nephoscope.collect.inventory.formats.executables import parse_executable
from nephoscope.collect.inventory.formats.untyped_values import (
    require_array,
    require_table,
    require_tables,
    require_word,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Rust program"
MAGIC = executables.MAGIC
MAX_SIZE = 1_000_000_000
#: The most bytes that the list of crates is unpacked to: what the format bounds it to.
MAX_UNPACKED = 8_000_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the crates; nothing for a program without the section. Raises UnreadableInventoryError."""
    section = parse_executable(file).read_section(".dep-v0", "rust-deps-v0")
    if section is None:
        return
    entries = require_tables(require_table(_unpack_audit_section(file, section)).get("packages"))
    names = [f"{require_word(entry.get('name'))}@{require_word(entry.get('version'))}" for entry in entries]
    for entry in entries:
        needed = (index for index in require_array(entry.get("dependencies")) if isinstance(index, int))
        yield Package(
            type="cargo",
            name=require_word(entry.get("name")),
            version=require_word(entry.get("version")),
            path=file.path,
            groups=("build",) if entry.get("kind") == "build" else (),
            is_development=entry.get("kind") == "build",
            relationship="root" if entry.get("root") is True else "",
            dependencies=tuple(names[index] for index in needed if 0 <= index < len(names)),
        )


def _unpack_audit_section(file: InventoryFile, section: bytes) -> object:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(section, MAX_UNPACKED)
        if not unpacking.eof:
            raise file.make_error(
                f"the list of crates is truncated, or unpacks to more than {MAX_UNPACKED} bytes"
            )
        found: object = json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        raise file.make_error(f"the list of crates cannot be read: {error}") from error
    return found
