"""CycloneDX in JSON."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill, Defect
from nephoscope.collect.sbom.cyclonedx.document import VERSIONS, parse_bill
from nephoscope.collect.sbom.cyclonedx.schemas import find_json_defects
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.files.json_tree import get_text

TITLE = "CycloneDX JSON"
PRECEDENCE = 10


def recognizes(file: SbomFile) -> bool:
    """Return whether it is a JSON object that says so."""
    return file.claims_json("bomFormat") or (
        file.claims_json("specVersion") and "cyclonedx" in file.head.lower()
    )


def read(file: SbomFile) -> Bill:
    """Read a bill of version 1.2 or newer; older ones have no JSON."""
    version = get_text(file.document, "specVersion")
    if version not in VERSIONS[2:]:
        known = ", ".join(VERSIONS[2:])
        message = f"{version[:20]!r} is no version of the specification that has JSON: {known}"
        return parse_bill(file.document, "json", (Defect("cyclonedx-version", "/specVersion", message),))
    return parse_bill(file.document, "json", find_json_defects(file.document, version))
