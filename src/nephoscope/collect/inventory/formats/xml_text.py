"""XML files of packages as trees with lines."""

from __future__ import annotations

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.files.xml_tree import XmlElement, XmlError, parse_xml_bytes


def parse_xml_file(file: InventoryFile) -> XmlElement:
    """Return the root element of an XML file, in the encoding that it declares; raises UnreadableInventoryError with the line."""
    lead = len(file.content) - len(file.content.lstrip())
    try:
        return parse_xml_bytes(file.content[lead:])
    except XmlError as error:
        raise file.make_error(error.message, error.line + file.content.count(b"\n", 0, lead)) from error
