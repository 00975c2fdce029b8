"""SPDX 2 in RDF/XML."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill, UnreadableBillError
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.collect.sbom.spdx.document import parse_bill
from nephoscope.collect.sbom.spdx.rdf_to_json import RDF, TERMS, RdfDocument
from nephoscope.collect.sbom.xml_tree import parse_xml

TITLE = "SPDX 2 RDF/XML"
PRECEDENCE = 25


def recognizes(file: SbomFile) -> bool:
    """Return whether it is RDF with the terms of SPDX."""
    return file.head.startswith("<") and RDF in file.head and TERMS in file.text


def read(file: SbomFile) -> Bill:
    """Read a document of version 2."""
    root = parse_xml(file.text)
    if (root.namespace, root.name) != (RDF, "RDF"):
        raise UnreadableBillError("the root of RDF/XML must be rdf:RDF", root.line)
    return parse_bill(RdfDocument(root).build_tree(), "rdf")
