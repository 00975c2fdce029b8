"""XML files as trees of elements with their lines; entities are refused, depth and number are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from nephoscope.collect.inventory.inventory_file import InventoryFile

MAX_DEPTH = 200
MAX_ELEMENTS = 1_000_000


@dataclass(slots=True)
class XmlElement:
    """An element: its name and those of its attributes without their namespaces, its own text, and its line."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[XmlElement] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> XmlElement | None:
        """Return the first child of a name, None where there is none."""
        return next((child for child in self.children if child.name == name), None)

    def text_of(self, name: str) -> str:
        """Return the text of the first child of a name, '' where there is none."""
        child = self.child(name)
        return child.text.strip() if child else ""

    def all(self, name: str) -> Iterator[XmlElement]:
        """Give each element of a name within, in document order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.all(name)

    def at(self, *names: str) -> XmlElement | None:
        """Return the element at a path of children, None where it is missing."""
        found: XmlElement | None = self
        for name in names:
            found = found.child(name) if found else None
        return found


class _BoundsError(Exception):
    pass


class _Builder:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data
        self.parser.EntityDeclHandler = self.refuse
        self.root: XmlElement | None = None
        self.open: list[XmlElement] = []
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.open) >= MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise _BoundsError(f"the XML is deeper than {MAX_DEPTH} or has more than {MAX_ELEMENTS} elements")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = XmlElement(name.rpartition(" ")[2], self.parser.CurrentLineNumber, plain)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, name: str) -> None:
        del name
        self.open.pop()

    def data(self, text: str) -> None:
        if self.open:
            self.open[-1].text += text

    def refuse(self, *declaration: object) -> None:
        raise _BoundsError(f"the XML declares the entity {str(declaration[0])[:40]}: entities are not read")


def parse_xml(file: InventoryFile) -> XmlElement:
    """Return the root element of an XML file; raises UnreadableInventoryError with the line."""
    builder = _Builder()
    try:
        builder.parser.Parse(file.content.lstrip(), True)
    except expat.ExpatError as error:
        raise file.refusal(f"this is no XML: {expat.ErrorString(error.code)}", error.lineno) from error
    except (_BoundsError, LookupError, ValueError) as error:
        raise file.refusal(f"this XML is not read: {error}", builder.parser.CurrentLineNumber or 1) from error
    if builder.root is None:
        raise file.refusal("the XML has no element")
    return builder.root
