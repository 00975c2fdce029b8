"""CycloneDX in protocol buffers."""

from __future__ import annotations

import re

from nephoscope.collect.sbom.bill_of_materials import Bill
from nephoscope.collect.sbom.cyclonedx.document import parse_bill
from nephoscope.collect.sbom.cyclonedx.protobuf_validation import find_message_defects
from nephoscope.collect.sbom.cyclonedx.protobuf_wire_format import read_message
from nephoscope.collect.sbom.sbom_file import SbomFile

TITLE = "CycloneDX protocol buffers"
PRECEDENCE = 5

#: The first field is the version of the specification: number 1, three characters.
_BEGIN = re.compile(rb"\x0a\x03[0-9]\.[0-9]")


def recognizes(file: SbomFile) -> bool:
    """Return whether it begins with the version of the specification as a field, or is named as one."""
    return _BEGIN.match(file.content) is not None or file.name.endswith((".cdx", ".cdx.bin"))


def read(file: SbomFile) -> Bill:
    """Read a bill of version 1.3 or newer; older ones have no protocol buffers."""
    tree = read_message(file.content)
    return parse_bill(tree, "protobuf", find_message_defects(tree))
