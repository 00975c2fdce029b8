"""CycloneDX in the text format of protocol buffers."""

from __future__ import annotations

import re

from nephoscope.collect.sbom.bill_of_materials import Bill
from nephoscope.collect.sbom.cyclonedx.document import parse_bill
from nephoscope.collect.sbom.cyclonedx.protobuf_text_format import TextMessage
from nephoscope.collect.sbom.cyclonedx.protobuf_validation import find_message_defects
from nephoscope.collect.sbom.sbom_file import SbomFile

TITLE = "CycloneDX protocol buffers, as text"
PRECEDENCE = 40

#: A field of a bill at the beginning of a line.
_BEGIN = re.compile(
    r"^(spec_version|serial_number)\s*:|^(metadata|components|services|dependencies|vulnerabilities)\s*:?\s*\{",
    re.MULTILINE,
)


def recognizes(file: SbomFile) -> bool:
    """Return whether it is text with a field of a bill."""
    return not file.is_json and not file.head.startswith("<") and _BEGIN.search(file.text) is not None


def read(file: SbomFile) -> Bill:
    """Read a bill of version 1.3 or newer; older ones have no protocol buffers."""
    tree = TextMessage(file.text).read()
    return parse_bill(tree, "protobuf", find_message_defects(tree))
