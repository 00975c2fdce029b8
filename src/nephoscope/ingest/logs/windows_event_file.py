"""Files of Windows events as XML over several lines: `<Events>` as Event Viewer saves it, and `<Event>` elements behind each other.

The file is read as a stream, an event at a time. Source: https://learn.microsoft.com/windows/win32/wes/eventschema-schema
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from nephoscope.ingest.logs.log_format import BadRecordError, FileItem, RecordFault
from nephoscope.ingest.logs.secret_masking import mask_value
from nephoscope.ingest.logs.text_decoding import decode_error, decode_with, is_utf8
from nephoscope.ingest.logs.windows_event import FORMAT as EVENTS
from nephoscope.ingest.logs.windows_event_splitter import DOCUMENT_TYPE, EventCutter
from nephoscope.ingest.logs.windows_event_xml import convert_event_to_json, parse_element

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import StreamContext
    from nephoscope.ingest.logs.windows_event_splitter import EventPiece

_PREFIX = rb"(?:[A-Za-z_][\w.-]{0,63}:)?"
#: Events that do not stand on a line each: below an element that holds them, over several lines, several on the first line.
_EVENTS = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<\?xml[^>]{0,256}\?>|<!--(?:[^-]|-(?!->))*-->|%b|\s)*+"
    rb"(?:<%bEvents[\s/>]|<%bEvent[\s>](?:(?:(?!</%bEvent\s*>)[^\n])*\n(?!\s*<%bEvent[\s>])|[^\n]*</%bEvent\s*>[^\S\n]*<%bEvent[\s>]))"
    % (DOCUMENT_TYPE.pattern, *(_PREFIX,) * 6)
)
_RAW = 4096


@dataclass(frozen=True, slots=True)
class WindowsEventFileFormat:
    """The format of files of Windows events."""

    name: str = "windows-event-file"
    title: str = "Windows events as an XML document"
    tables: tuple[str, ...] = EVENTS.tables
    suffixes: tuple[str, ...] = ()

    def recognizes_start(self, head: bytes) -> bool:
        """Return whether the file begins with events that do not stand on a line each (those are lines of text)."""
        return _EVENTS.match(head) is not None

    def build_rows_of_file(self, stream: BinaryIO, context: StreamContext) -> Iterator[FileItem]:
        """The rows of a file; what is broken is a fault, and the rest goes on."""
        number = 0
        for piece in EventCutter(stream).pieces():
            number += not piece.between
            between = f"behind event {number}" if number else "before event 1"
            place = between if piece.between else f"event {number}"
            yield from _list_items(piece, place, context)


def _list_items(piece: EventPiece, place: str, context: StreamContext) -> Iterator[FileItem]:
    recoded = not is_utf8(piece.data)
    try:
        text = decode_with(piece.data, context.encoding) if recoded else piece.data.decode()
    except UnicodeDecodeError as error:
        reason = decode_error(error, context.encoding, 0).removesuffix(")") + " of the event)"
        yield FileItem(RecordFault(reason, "", piece.data[:_RAW].decode("utf-8", "backslashreplace")), place)
        return
    try:
        event = mask_value(convert_event_to_json(parse_element(piece, text)))
        rows = list(EVENTS.rows({"Event": event}, context))
    except BadRecordError as error:
        yield FileItem(RecordFault(error.reason, error.path, text[:_RAW]), place, recoded=recoded)
        return
    yield from (FileItem(row, place, recoded=recoded) for row in rows)


FORMAT = WindowsEventFileFormat()
