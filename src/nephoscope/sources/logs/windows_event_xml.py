"""Windows events as XML, an `<Event>` a line, as wevtutil and event collectors write them.

Source: https://learn.microsoft.com/windows/win32/wes/eventschema-schema
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from nephoscope.sources.logs.format import BadRecordError, Row
from nephoscope.sources.logs.windows_event import FORMAT as EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sources.logs.format import Context, Fault

_BEGIN = re.compile(r"\s*(?:<\?xml[^>]{0,128}\?>\s*)?<Event[ >]")
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class WindowsEventXml:
    """The format of Windows events as XML."""

    name: str = "windows-event-xml"
    title: str = "Windows events as XML lines"
    tables: tuple[str, ...] = EVENTS.tables

    def recognises_line(self, line: str) -> bool:
        """Whether an event begins the line."""
        return _BEGIN.match(line) is not None

    def line_rows(self, line: str, context: Context) -> Iterator[Row | Fault]:
        """The row of an event; raises BadRecordError for what is no XML, and for a document type (it could define entities)."""
        if "<!" in line.replace("<![CDATA[", ""):
            raise BadRecordError("an event has no document type and no comments")
        try:
            root = ET.fromstring(line.strip())  # noqa: S314 - declarations were refused above
        except (ET.ParseError, ValueError) as error:
            raise BadRecordError(f"not XML: {error}") from error
        yield from EVENTS.rows({"Event": event_of(root)}, context)


def event_of(root: ET.Element) -> dict[str, Any]:
    """An Event element as JSON, its data under their names; raises BadRecordError where it is none."""
    event = {_tag(part): _value(part, 0) for part in root}
    data = next((part for part in root if _tag(part) == "EventData"), None)
    if data is not None:
        event["EventData"] = {"Data": [_datum(part) for part in data if _tag(part) == "Data"]}
    if not isinstance(event.get("System"), dict):
        raise BadRecordError("the event has no System element")
    return event


def _tag(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _datum(element: ET.Element) -> dict[str, Any]:
    return {**element.attrib, "#text": element.text or ""}


def _value(element: ET.Element, depth: int) -> Any:
    """An element as JSON: its text, or its attributes and elements."""
    if depth > _DEEPEST:
        raise BadRecordError("the XML nests too deeply")
    parts = {_tag(part): _value(part, depth + 1) for part in element}
    if not parts and not element.attrib:
        return element.text or ""
    return {**element.attrib, **parts, **({"#text": element.text} if element.text and not parts else {})}


FORMAT = WindowsEventXml()
