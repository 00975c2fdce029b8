"""Files of Windows events as XML over several lines: `<Events>` as Event Viewer saves it, and `<Event>` elements behind each other.

The file is read as a stream. Source: https://learn.microsoft.com/windows/win32/wes/eventschema-schema
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.etree import ElementTree as ET

from nephoscope.sources.logs.format import BadRecordError, Fault, FileItem
from nephoscope.sources.logs.secrets import masked_value
from nephoscope.sources.logs.windows_event import FORMAT as EVENTS
from nephoscope.sources.logs.windows_event_xml import event_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sources.logs.format import Context

_DECLARATION = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,256}\?>)?\s*"
_EVENTS = re.compile(_DECLARATION + rb"(?:<Events[\s>]|<Event[\s>][^\n]*\n(?!\s*<Event[\s>]))")
_BEGIN = re.compile(_DECLARATION)
_PART = 256 * 1024
#: An event that is longer than this many bytes is none.
_LONGEST = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WindowsEventFile:
    """The format of files of Windows events."""

    name: str = "windows-event-file"
    title: str = "Windows events as an XML document"
    tables: tuple[str, ...] = EVENTS.tables
    suffixes: tuple[str, ...] = ()

    def recognises_start(self, head: bytes) -> bool:
        """Whether the file begins with events that do not stand on a line each (those are lines of text)."""
        match = _EVENTS.match(head)
        return match is not None and b"</Event>" not in match.group()

    def file_rows(self, stream: BinaryIO, context: Context) -> Iterator[FileItem]:
        """The rows of a file; raises BadRecordError where it is no XML any more."""
        for number, element in enumerate(_elements(stream), 1):
            place = f"event {number}"
            try:
                event = masked_value(event_of(element))
                yield from (FileItem(row, place) for row in EVENTS.rows({"Event": event}, context))
            except BadRecordError as error:
                raw = ET.tostring(element, encoding="unicode")[:4096]
                yield FileItem(Fault(error.reason, error.path, raw), place)


def _elements(stream: BinaryIO) -> Iterator[ET.Element]:
    """Each Event element; it is let go of when the next is asked for.

    Everything is put into one element, so that a document type, which could define entities, is no XML where it stands.
    """
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(("start", "end"))
    data = stream.read(_PART)
    begin = _BEGIN.match(data)
    data = data[begin.end() :] if begin else data
    number, waiting = 0, 0
    holders: list[ET.Element] = []
    try:
        parser.feed(b"<events>")
        while data:
            parser.feed(data)
            waiting += len(data)
            for element in _whole(parser, holders):
                waiting = 0
                number += 1
                yield element
            if waiting > _LONGEST:
                raise BadRecordError(f"an event is larger than {_LONGEST} bytes", f"event {number + 1}")
            data = stream.read(_PART)
        parser.feed(b"</events>")
        parser.close()
        yield from _whole(parser, holders)
    except ET.ParseError as error:
        raise BadRecordError(f"not XML: {error}", f"event {number + 1}") from error


def _whole(parser: ET.XMLPullParser[Any], holders: list[ET.Element]) -> Iterator[ET.Element]:
    """The events that have ended; the elements that hold them are emptied, so that memory does not grow."""
    events: Any = parser.read_events()
    for kind, element in events:
        name = element.tag.rpartition("}")[2]
        if kind == "start" and name.lower() == "events":
            holders.append(element)
        elif kind == "end" and name == "Event":
            yield element
            for holder in holders:
                holder.clear()


FORMAT = WindowsEventFile()
