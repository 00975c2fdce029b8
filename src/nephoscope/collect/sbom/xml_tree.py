"""Bills of materials in XML as trees with lines."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.files.xml_tree import XmlElement, XmlError, parse_xml_bytes


def parse_xml(text: str) -> XmlElement:
    """Return the root of an XML document; UnreadableBillError with the line where it is not well-formed, or declares entities."""
    try:
        # the text is decoded already: what its declaration says of an encoding is overruled
        return parse_xml_bytes(strip_declaration(text).encode())
    except XmlError as error:
        raise UnreadableBillError(error.message, error.line) from None


def strip_declaration(text: str) -> str:
    """Return the text without the declaration of XML, with as many lines as before."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if not stripped.startswith("<?xml"):
        return text.lstrip("\ufeff")
    declaration, end, rest = stripped.partition("?>")
    return "\n" * declaration.count("\n") + rest if end else text
