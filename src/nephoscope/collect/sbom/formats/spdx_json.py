"""SPDX 2 in JSON."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.collect.sbom.spdx.document import parse_bill

TITLE = "SPDX 2 JSON"
PRECEDENCE = 10


def recognizes(file: SbomFile) -> bool:
    """Return whether it is a JSON object with the version, or with the identifier of a document."""
    return file.claims_json("spdxVersion", "SPDXID")


def read(file: SbomFile) -> Bill:
    """Read a document of version 2."""
    return parse_bill(file.document, "json")
