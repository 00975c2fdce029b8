"""Reads a bill of materials of any format."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill, UnreadableBillError
from nephoscope.collect.sbom.discovery import load_formats
from nephoscope.collect.sbom.sbom_file import SbomFile


def read_bill(name: str, content: bytes) -> Bill:
    """Read a document; what it does against its standard is in its defects, UnreadableBillError says why nothing can be read."""
    file = SbomFile(name, content)
    for one in load_formats():
        if one.recognizes(file):
            return one.read(file)
    titles = ", ".join(sorted(one.title for one in load_formats()))
    raise UnreadableBillError(f"unsupported format: expected one of {titles}")
