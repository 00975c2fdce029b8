"""SPDX 2 in tags and values."""

from __future__ import annotations

import re

from nephoscope.collect.sbom.bill_of_materials import Bill
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.collect.sbom.spdx.document import parse_bill
from nephoscope.collect.sbom.spdx.tag_value_to_json import TagValueDocument

TITLE = "SPDX 2 tag-value"
PRECEDENCE = 30

_BEGIN = re.compile(r"^[ \t]*SPDXVersion[ \t]*:", re.MULTILINE)


def recognizes(file: SbomFile) -> bool:
    """Return whether a line has the tag of the version."""
    return not file.is_json and _BEGIN.search(file.text) is not None


def read(file: SbomFile) -> Bill:
    """Read a document of version 2."""
    return parse_bill(TagValueDocument().read(file.text), "tag-value")
