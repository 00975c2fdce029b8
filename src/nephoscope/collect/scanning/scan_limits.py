"""The limits of a scan, as its reference page lists them."""

from __future__ import annotations

from nephoscope.collect.images import archive, documents, layers, tar_entries
from nephoscope.collect.inventory import inventory_file, java_archive
from nephoscope.collect.inventory.formats import archives, json_text, python_text, yaml_text
from nephoscope.collect.scanning import file_readers, scan_contents

#: What is bounded, by how much, and whether passing it leaves a file unread or ends the scan.
LIMITS = (
    ("bytes of a file", file_readers.MAX_SIZE, "not read"),
    ("bytes of a text", inventory_file.MAX_TEXT, "not read"),
    ("lines of a text", inventory_file.MAX_LINES, "not read"),
    ("bytes of a Python script", python_text.MAX_SIZE, "not read"),
    ("values of a JSON text", json_text.MAX_VALUES, "not read"),
    ("values of a YAML text, aliases followed", yaml_text.MAX_VALUES, "not read"),
    ("entries of a file that are no packages", inventory_file.MAX_SET_ASIDE, "not read"),
    ("entries of an archive (ZIP)", archives.MAX_ENTRIES, "not read"),
    ("bytes that an archive unpacks to, with those within it", archives.MAX_UNPACKED, "not read"),
    ("bytes of a document in an archive", archives.MAX_DOCUMENT, "not read"),
    ("archives within each other", java_archive.MAX_DEPTH, "not read"),
    ("layers of an image", documents.MAX_LAYERS, "the scan ends"),
    ("bytes of a manifest or a configuration", documents.MAX_SIZE, "the scan ends"),
    ("entries of a layer", tar_entries.MAX_ENTRIES, "the scan ends"),
    ("bytes of a header of an entry", tar_entries.MAX_HEADER, "the scan ends"),
    ("headers that speak of one entry", tar_entries.MAX_EXTENSIONS, "the scan ends"),
    ("files of a layer that cannot be read", layers.MAX_UNREAD, "the scan ends"),
    ("bytes of a layer's files that are read again by other names", layers.MAX_LINKED, "not read"),
    (
        "packages, and entries that are none, of an image or a folder",
        scan_contents.MAX_ENTRIES,
        "the scan ends",
    ),
    ("files of an image in one file", archive.MAX_FILES, "the scan ends"),
    ("bytes that an image in one file is unpacked to", archive.MAX_UNPACKED, "the scan ends"),
)


_HEAD = """
## Limits

A scan stays within 512 MiB of memory, whatever is in an image or a folder, and ends with a reason where a limit is passed. What lies
over the limits of a file is told as not read, so that it is never taken for empty; what lies over those of the whole ends the scan.

| What | The most | Beyond it |
|---|---|---|
"""
_TAIL = """
Links are not followed out of a folder, and an image is never unpacked: its layers are read as streams. Only an archive that is
compressed as a whole is unpacked to a temporary file, on a disk of which half stays free.
"""


def render_limits_section() -> str:
    """Return the section of the limits."""
    return _HEAD + "".join(f"| {what} | {most:,} | {then} |\n" for what, most, then in LIMITS) + _TAIL
