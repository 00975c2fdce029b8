"""CSAF 2.0 and 2.1, which is JSON."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Bill, UnreadableBillError
from nephoscope.collect.sbom.csaf.document_schema import find_shape_defects
from nephoscope.collect.sbom.csaf.mandatory_tests import find_defects
from nephoscope.collect.sbom.csaf.vex_statements import (
    iterate_statements,
    list_components,
    list_vulnerabilities,
)
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.files.json_tree import get_text
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument

TITLE = "CSAF"
PRECEDENCE = 10

_VERSIONS = frozenset({"2.0", "2.1"})


def recognizes(file: SbomFile) -> bool:
    """Return whether it is a JSON object with a document of CSAF."""
    return '"csaf_version"' in file.text and file.claims_json("document")


def read(file: SbomFile) -> Bill:
    """Read products, vulnerabilities and statements; the mandatory tests of the standard say what is wrong."""
    version = get_text(file.document, "document", "csaf_version")
    if version not in _VERSIONS:
        raise UnreadableBillError(f"{version[:20]!r} is not a supported version of CSAF: 2.0, 2.1")
    document = AdvisoryDocument(file.document, version)
    return Bill(
        format="csaf",
        encoding="json",
        version=version,
        serial=get_text(document.tracking_section, "id"),
        time=get_text(document.tracking_section, "current_release_date"),
        author=get_text(document.head, "publisher", "name"),
        components=list_components(document),
        vulnerabilities=list_vulnerabilities(document),
        statements=tuple(iterate_statements(document)),
        defects=(*find_shape_defects(file.document, version), *find_defects(document)),
    )
