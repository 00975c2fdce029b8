"""SPDX 2 in XML."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.collect.sbom.spdx.document import parse_bill
from nephoscope.collect.sbom.spdx.xml_to_json import convert_xml
from nephoscope.collect.sbom.xml_tree import parse_xml

TITLE = "SPDX 2 XML"
PRECEDENCE = 30


def recognizes(file: SbomFile) -> bool:
    """Return whether it is XML of a document, which has no namespace."""
    return file.head.startswith("<") and "<Document" in file.head and "spdx" in file.head.lower()


def read(file: SbomFile) -> Bill:
    """Read a document of version 2."""
    return parse_bill(convert_xml(parse_xml(file.text)), "xml")
