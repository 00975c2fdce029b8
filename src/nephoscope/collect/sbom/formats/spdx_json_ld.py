"""SPDX 3 in JSON-LD."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.collect.sbom.spdx.spdx3_graph import build_bill

TITLE = "SPDX 3 JSON-LD"
PRECEDENCE = 15


def recognizes(file: SbomFile) -> bool:
    """Return whether it is JSON-LD of SPDX: its context says so, or its graph has the document."""
    return file.claims_json("@context", "@graph") and (
        "spdx.org/rdf/3" in file.text or '"SpdxDocument"' in file.text
    )


def read(file: SbomFile) -> Bill:
    """Read a document of version 3."""
    return build_bill(file.document)
