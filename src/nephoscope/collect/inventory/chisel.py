"""Packages that chisel cut to slices of Ubuntu: its manifest, lines of JSON in Zstandard."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "chisel manifest"
PATTERNS = ("var/lib/chisel/manifest.wall", "**/chisel/manifest.wall")
#: The most bytes that a manifest is unpacked to.
MAX_UNPACKED = 64_000_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; raises UnreadableInventoryError."""
    lines = _unpack_manifest(file).split(b"\n")
    if b'"jsonwall"' not in lines[0]:
        raise file.make_error("the first line is not the header of a manifest")
    for number, line in enumerate(lines, 1):
        if not line.startswith(b'{"kind":"package"'):
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise file.make_error("the line is not JSON", number) from error
        yield Package(
            type="deb",
            name=str(entry.get("name", "")),
            version=str(entry.get("version", "")),
            architecture=str(entry.get("arch", "")),
            namespace=file.system.family if file.system else "ubuntu",
            distribution_version=file.system.version if file.system else "",
            path=file.path,
            line=number,
        )


def _unpack_manifest(file: InventoryFile) -> bytes:
    import pyarrow as pa  # takes longer to load than all readers

    try:
        with pa.input_stream(io.BytesIO(file.content), compression="zstd") as stream:
            text = bytes(stream.read(MAX_UNPACKED + 1))
    except (OSError, pa.ArrowException) as error:
        raise file.make_error("the file is not compressed with Zstandard, or is truncated") from error
    if len(text) > MAX_UNPACKED:
        raise file.make_error(f"the manifest unpacks to more than {MAX_UNPACKED} bytes")
    return text
