"""XML that somebody sends: parsed without a document type, since entities of one can grow without bound."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from nephoscope.posture.pipelines.results.tool_results import ResultsError, clean_text

#: Elements inside one another; a reader that walks them goes no deeper.
DEEPEST = 100


class _NoDoctype(ET.TreeBuilder):
    """Builds the tree of a document that declares no entities and does not nest without bound."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse the declaration, before an entity of it is read."""
        del pubid, system
        raise ResultsError(f"document types are not allowed: remove <!DOCTYPE {clean_text(name, 50)} ...>")

    def start(self, tag: str, attrs: dict[str, str], /) -> ET.Element:
        """Begin an element; ResultsError where it lies too deep."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise ResultsError(f"elements nest deeper than {DEEPEST}")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        """End an element."""
        self._depth -= 1
        return super().end(tag)


def parse_xml(document: str) -> ET.Element:
    """Parse a document and give its root; ResultsError where it is not well-formed or has a document type."""
    parser = ET.XMLParser(target=_NoDoctype(), encoding="utf-8")  # noqa: S314 - bounded, without a document type
    try:
        return ET.fromstring(document.encode(), parser)  # noqa: S314
    except (ET.ParseError, UnicodeEncodeError) as error:
        raise ResultsError(f"is not well-formed XML: {error}") from error
