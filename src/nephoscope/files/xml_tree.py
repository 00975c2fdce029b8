"""XML as a tree with lines: no document type, no entities, bounded in depth and in number of elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

import msgspec

MAX_DEPTH = 200
MAX_ELEMENTS = 5_000_000


class XmlError(ValueError):
    """XML that is not read: what is wrong, with the 1-based line."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message, self.line = message, line


class XmlElement(msgspec.Struct):
    """An element: its namespace and local name, attributes by local name, text without spaces around it, and its line."""

    namespace: str
    name: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[XmlElement] = msgspec.field(default_factory=list)

    def find_first(self, *names: str) -> XmlElement | None:
        """Return the element at a path of names, the first of equal ones; None where there is none."""
        found: XmlElement | None = self
        for name in names:
            found = next((one for one in found.children if one.name == name), None) if found else None
        return found

    def get_text(self, *names: str) -> str:
        """Return the text at a path of names, '' where there is none."""
        found = self.find_first(*names)
        return found.text if found else ""

    def iterate_children(self, name: str) -> Iterator[XmlElement]:
        """Give the children of a name."""
        return (one for one in self.children if one.name == name)

    def iterate_descendants(self, name: str) -> Iterator[XmlElement]:
        """Give each element of a name at any depth, in document order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.iterate_descendants(name)


class _XmlBuilder:
    """Builds the tree out of what expat tells."""

    def __init__(self, *, with_document_type: bool) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.check_type if with_document_type else self.refuse
        self.parser.EntityDeclHandler = self.refuse
        self.root: XmlElement | None = None
        self.open: list[XmlElement] = []
        self.texts: list[list[str]] = []
        self.count = 0

    def refuse(self, *_: object) -> NoReturn:
        raise XmlError("document types and entities are not allowed", self.parser.CurrentLineNumber)

    def check_type(self, _: str, __: str | None, ___: str | None, has_subset: int) -> None:
        """Let a document type pass that only names itself: what it names is not read."""
        if has_subset:
            self.refuse()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        line = self.parser.CurrentLineNumber
        if self.count > MAX_ELEMENTS or len(self.open) >= MAX_DEPTH:
            raise XmlError("its XML has too many elements, or nests too deeply", line)
        namespace, _, local = name.rpartition(" ")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = XmlElement(namespace, local, plain, line)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.texts.append([])

    def end(self, _: str) -> None:
        self.open.pop().text = "".join(self.texts.pop()).strip()

    def characters(self, text: str) -> None:
        if self.texts:
            self.texts[-1].append(text)


def parse_xml_bytes(content: bytes, *, with_document_type: bool = False) -> XmlElement:
    """Return the root of an XML document; raises XmlError where it is not well-formed, or declares a type or entities.

    `with_document_type`: a type may be named, by an address that is never read; what it declares within the document is refused.
    """
    builder = _XmlBuilder(with_document_type=with_document_type)
    builder.parser.UseForeignDTD(False)
    try:
        builder.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise XmlError(
            f"this is not XML: {expat.errors.messages.get(error.code, error)}", error.lineno
        ) from None
    except LookupError as error:
        raise XmlError(f"unknown XML encoding: {error}") from error
    if builder.root is None:
        raise XmlError("this XML has no element")
    return builder.root
