"""XML as a tree with lines: no document type, no entities, bounded in depth and in number of elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from nephoscope.collect.sbom.bill import UnreadableBillError

MAX_DEPTH = 200
MAX_ELEMENTS = 5_000_000


@dataclass(slots=True)
class XmlElement:
    """An element: its namespace and local name, attributes by local name, text without spaces around it, and its line."""

    namespace: str
    name: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[XmlElement] = field(default_factory=list)

    def first(self, *names: str) -> XmlElement | None:
        """Return the element at a path of names, the first of equal ones; None where there is none."""
        found: XmlElement | None = self
        for name in names:
            found = next((one for one in found.children if one.name == name), None) if found else None
        return found

    def text_of(self, *names: str) -> str:
        """Return the text at a path of names, '' where there is none."""
        found = self.first(*names)
        return found.text if found else ""

    def all(self, name: str) -> Iterator[XmlElement]:
        """Give the children of a name."""
        return (one for one in self.children if one.name == name)


class _Builder:
    """Builds the tree out of what expat tells."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.EntityDeclHandler = self.refuse
        self.root: XmlElement | None = None
        self.open: list[XmlElement] = []
        self.texts: list[list[str]] = []
        self.count = 0

    def refuse(self, *_: object) -> NoReturn:
        raise UnreadableBillError(
            "a document type or an entity is declared, which is not read", self.parser.CurrentLineNumber
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        line = self.parser.CurrentLineNumber
        if self.count > MAX_ELEMENTS or len(self.open) >= MAX_DEPTH:
            raise UnreadableBillError("its XML has too many elements, or too many inside one another", line)
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


def parse_xml(text: str) -> XmlElement:
    """Return the root of an XML document; UnreadableBillError with the line where it is not well-formed, or declares entities."""
    builder = _Builder()
    builder.parser.UseForeignDTD(False)
    try:
        # the text is decoded already: what its declaration says of an encoding is overruled
        builder.parser.Parse(without_declaration(text).encode(), True)
    except expat.ExpatError as error:
        raise UnreadableBillError(
            f"this is no XML: {expat.errors.messages.get(error.code, error)}", error.lineno
        ) from None
    if builder.root is None:
        raise UnreadableBillError("this XML has no element")
    return builder.root


def without_declaration(text: str) -> str:
    """Return the text without the declaration of XML, with as many lines as before."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if not stripped.startswith("<?xml"):
        return text.lstrip("\ufeff")
    declaration, end, rest = stripped.partition("?>")
    return "\n" * declaration.count("\n") + rest if end else text
