"""CycloneDX in XML."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill, Defect
from nephoscope.collect.sbom.cyclonedx.document import VERSIONS, parse_bill
from nephoscope.collect.sbom.cyclonedx.schemas import find_xml_defects
from nephoscope.collect.sbom.cyclonedx.xml_to_json import (
    NAMESPACE,
    convert_xml,
    find_extension_defects,
    read_version,
)
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.collect.sbom.xml_tree import parse_xml, strip_declaration

TITLE = "CycloneDX XML"
PRECEDENCE = 20


def recognizes(file: SbomFile) -> bool:
    """Return whether it is XML of the namespace."""
    return file.head.startswith("<") and NAMESPACE in file.head


def read(file: SbomFile) -> Bill:
    """Read a bill of any version."""
    root = parse_xml(file.text)
    version = read_version(root)
    if version not in VERSIONS:
        message = f"{root.name} of the namespace {root.namespace[:80]!r} is no bill of CycloneDX"
        return parse_bill(convert_xml(root), "xml", (Defect("cyclonedx-version", "/", message),))
    defects = find_xml_defects(strip_declaration(file.text), version)
    return parse_bill(convert_xml(root), "xml", (*defects, *find_extension_defects(root)))
