"""Windows events as XML, an `<Event>` a line, as wevtutil and event collectors write them.

Source: https://learn.microsoft.com/windows/win32/wes/eventschema-schema
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow, RecordFault
from nephoscope.ingest.logs.row_batch import join_place
from nephoscope.ingest.logs.windows_event import FORMAT as EVENTS
from nephoscope.ingest.logs.windows_event_splitter import DOCUMENT_TYPE, EventCutter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.ingest.logs.log_format import StreamContext
    from nephoscope.ingest.logs.windows_event_splitter import EventPiece

_BEGIN = re.compile(r"\s*(?:<\?xml[^>]{0,128}\?>\s*)?<Event[ >]")
_DEEPEST = 32
#: What is no character of XML, written as it is or by its number; CDATA, where a number is text, is gone over.
_ILLEGAL = re.compile(
    "(?P<data><!\\[CDATA\\[(?:[^]]|\\](?!\\]>))*\\]\\]>)|&#(?:x(?P<hex>[0-9A-Fa-f]{1,8})|(?P<number>[0-9]{1,9}));"
    "|(?P<raw>[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff])"
)
_ILLEGAL_RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MOST = 0x10FFFF


@dataclass(frozen=True, slots=True)
class WindowsEventXmlFormat:
    """The format of Windows events as XML."""

    name: str = "windows-event-xml"
    title: str = "Windows events as XML lines"
    tables: tuple[str, ...] = EVENTS.tables

    def recognizes_line(self, line: str) -> bool:
        """Return whether an event begins the line."""
        return _BEGIN.match(line) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The rows of the events of a line: mostly it is one."""
        pieces = list(EventCutter(io.BytesIO(line.encode("utf-8", "backslashreplace"))).pieces())
        for number, piece in enumerate(pieces, 1):
            path = f"event {number}" if len(pieces) > 1 else ""
            try:
                yield from EVENTS.rows(
                    {"Event": convert_event_to_json(parse_element(piece, piece.data.decode()))}, context
                )
            except BadRecordError as error:
                yield RecordFault(
                    error.reason, join_place(path, error.path) if path else error.path, piece.data.decode()
                )


def parse_element(piece: EventPiece, text: str) -> ET.Element:
    """The element of a whole event, whose `text` is that of its bytes; raises BadRecordError.

    It is read within another element, where a document type, which could define entities, is no XML. What is no character of XML
    is spelled as `\\u0001`, so that it costs no event.
    """
    if piece.error:
        raise BadRecordError(piece.error)
    spaces = piece.spaces.decode("utf-8", "replace")
    spelled = text
    try:
        try:
            root = ET.fromstring(f"<events{spaces}>{text}</events>")  # noqa: S314 - see above
        except (ET.ParseError, ValueError):
            spelled = _ILLEGAL.sub(_escape_illegal, text)
            if spelled == text:
                raise
            root = ET.fromstring(f"<events{spaces}>{spelled}</events>")  # noqa: S314
    except (ET.ParseError, ValueError) as error:
        if DOCUMENT_TYPE.search(piece.data):
            raise BadRecordError("the event has a document type, which is not allowed") from error
        raise BadRecordError(_describe_error(error, len(spaces))) from error
    if len(root) != 1:
        raise BadRecordError("the root must be a single Event element")
    return root[0]


def _describe_error(error: Exception, before: int) -> str:
    """Return what is wrong with the XML of an event, the place counted from its begin."""
    if not isinstance(error, ET.ParseError):
        return f"not XML: {error}"
    line, column = error.position
    what = str(error).rpartition(": line ")[0] or str(error)
    return f"not XML: {what}: line {line}, column {column - (before + len('<events>') if line == 1 else 0)} of the event"


def _escape_illegal(match: re.Match[str]) -> str:
    if match["data"]:
        return _ILLEGAL_RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", match["data"])
    if match["raw"]:
        return f"\\u{ord(match['raw']):04x}"
    code = int(match["hex"], 16) if match["hex"] else int(match["number"])
    legal = code <= _MOST and not _ILLEGAL_RAW.match(chr(code))
    return match[0] if legal else f"\\u{code:04x}"


def convert_event_to_json(root: ET.Element) -> dict[str, object]:
    """An Event element as JSON, its data under their names; raises BadRecordError where it is none."""
    names = [_read_tag(part) for part in root]
    twice = next((name for name in ("System", "EventData", "UserData") if names.count(name) > 1), "")
    if twice:
        raise BadRecordError(f"the event has more than one element {twice}: two events are merged")
    event = _group_values(
        (name, _convert_event_part(name, part, root)) for name, part in zip(names, root, strict=True)
    )
    if not isinstance(event.get("System"), dict):
        raise BadRecordError("the event has no System element")
    return event


def _convert_event_part(name: str, part: ET.Element, root: ET.Element) -> object:
    if name == "EventData":
        return _read_event_data(part)
    return _nest_element(part, _read_space(root), 0) if name == "UserData" else _convert_element(part, 0)


def _read_event_data(data: ET.Element) -> dict[str, object]:
    """Its elements Data as a list, those of other names beside it."""
    others = (
        (_read_tag(part), _nest_element(part, _read_space(data), 1))
        for part in data
        if _read_tag(part) != "Data"
    )
    attributes = {f"@{name}": value for name, value in data.attrib.items()}
    plain = [_read_datum(part) for part in data if _read_tag(part) == "Data"]
    text = _read_text(data)
    return {**attributes, **_group_values(others), "Data": [*plain, *([text] if text else [])]}


def _read_tag(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _read_space(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[0].removeprefix("{")


def _read_text(element: ET.Element) -> str:
    """The text of an element: all of it where it holds no others, else what is more than blanks."""
    if not len(element):
        return element.text or ""
    return "".join([element.text or "", *(part.tail or "" for part in element)]).strip()


def _read_datum(element: ET.Element) -> dict[str, object]:
    text = _nest_element(element, _read_space(element), 1) if len(element) else element.text or ""
    return {**element.attrib, "#text": text}


def _group_values(parts: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Values by name; those of one name are a list."""
    found: dict[str, list[object]] = {}
    for name, value in parts:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _convert_element(element: ET.Element, depth: int) -> object:
    """An element as JSON: its text, or its attributes and elements."""
    if depth > _DEEPEST:
        raise BadRecordError("the XML nests too deeply")
    parts = _group_values((_read_tag(part), _convert_element(part, depth + 1)) for part in element)
    text = _read_text(element)
    if not parts and not element.attrib:
        return text
    return {**element.attrib, **parts, **({"#text": text} if text else {})}


def _nest_element(element: ET.Element, space: str, depth: int) -> object:
    """An element as JSON from which it can be written again: attributes begin with @, also a name space that its parent has not."""
    if depth > _DEEPEST:
        raise BadRecordError("the XML nests too deeply")
    own = _read_space(element)
    declared = {"@xmlns": own} if own != space else {}
    attributes = {f"@{name.rpartition('}')[2]}": value for name, value in element.attrib.items()}
    parts = _group_values((_read_tag(part), _nest_element(part, own, depth + 1)) for part in element)
    text = _read_text(element)
    if not declared and not attributes and not parts:
        return text
    return {**declared, **attributes, **parts, **({"#text": text} if text else {})}


FORMAT = WindowsEventXmlFormat()
