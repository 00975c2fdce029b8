"""The Common Event Format, alone or behind a syslog header -> CommonSecurityLog.

`CEF:0|vendor|product|version|event class|name|severity|key=value ...`; keys without a column, and what comes for a column that has
a value already, stand in AdditionalExtensions as `key=value;key=value`. Sources: ArcSight Common Event Format 25; https://learn.microsoft.com/azure/sentinel/cef-name-mapping
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.cef_fields import COLUMNS
from nephoscope.ingest.logs.column_filling import fit_value, get_table_columns
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow, StreamContext
from nephoscope.ingest.logs.resource_log import parse_integer
from nephoscope.ingest.logs.syslog_header import SyslogHeader, parse_syslog_header
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, tzinfo

    from nephoscope.ingest.logs.log_format import RecordFault

TABLE = "CommonSecurityLog"
#: How far into a line the event may begin: behind a syslog header.
_FARTHEST = 512
_BEGIN = re.compile(r"(?:^|(?<=[\s:]))CEF: ?\d{1,2}\|")
_FIELD = re.compile(r"((?:[^|\\]|\\.)*)\|", re.DOTALL)
_KEY = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,128}")
_HEADER = ("DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Activity", "LogSeverity")
_ESCAPED = re.compile(r"\\([\\=|nr])")
_MEANT = {"n": "\n", "r": "\r"}
_MONTH_FIRST = re.compile(r"[A-Z][a-z]{2} +\d{1,2} \d{4} \d{2}:\d{2}:\d{2}", re.ASCII)
_LARGEST_INT = 2**31
_NUMBERS = {
    "ExtID": "ExternalID",
    **{f"FieldDeviceCustomNumber{number}": f"DeviceCustomNumber{number}" for number in range(1, 4)},
}
_NOWHERE = ("", None, "")


@dataclass(frozen=True, slots=True)
class CommonEventFormat:
    """The format of CEF."""

    name: str = "cef"
    title: str = "Common Event Format"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether an event begins near the start of a line."""
        return "CEF:" in line and _BEGIN.search(line, 0, _FARTHEST) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an event; raises BadRecordError where its header is cut."""
        match = _BEGIN.search(line, 0, _FARTHEST)
        if match is None:
            raise BadRecordError("the line has no CEF event")
        before = (
            parse_syslog_header(line[: match.start()].rstrip(), context)
            if match.start()
            else SyslogHeader("")
        )
        values, at = _parse_head(line, match.end())
        members = parse_extension(line[at:])
        put_members(values, members)
        values["Computer"] = before.host
        values["TimeGenerated"] = before.time or read_device_time(members, context) or context.now
        if "" in values.values():
            values = {name: value for name, value in values.items() if value != ""}
        yield LogRow(TABLE, values)


def _parse_head(line: str, at: int) -> tuple[dict[str, object], int]:
    """The six fields behind the version, and where the extension begins; a severity may end the line."""
    parts = line[at:].split("|", len(_HEADER))
    fields = parts[: len(_HEADER)]
    size = sum(map(len, fields)) + len(_HEADER)
    if len(parts) > len(_HEADER) and "\\" not in line[at : at + size]:
        return dict(zip(_HEADER, fields, strict=True)), at + size
    values: dict[str, object] = {}
    for name in _HEADER:
        match = _FIELD.match(line, at)
        if match is None:
            if name != _HEADER[-1]:
                raise BadRecordError(f"the CEF header ends before its {name}")
            values[name] = unescape_cef_value(line[at:]).strip()
            return values, len(line)
        values[name] = unescape_cef_value(match[1])
        at = match.end()
    return values, at


def parse_extension(text: str) -> list[tuple[str, str]]:
    """The members of an extension in their order; a value ends where the next key begins; what stands before the first has the key ''.

    A key stands behind a blank or a tab or at the very start, and before a `=`: the text is cut at those, and a piece that ends in no
    key is a part of the value around it.
    """
    *pieces, last = text.split("=")
    known = _index_kinds()
    members: list[tuple[str, str]] = []
    key, value, first = "", "", True
    for piece in pieces:
        at = max(piece.rfind(" "), piece.rfind("\t")) + 1
        name = piece[at:]
        if (at or first) and (name in known or _KEY.fullmatch(name)):
            _keep_extension_member(members, key, value + piece[:at])
            key, value = name, ""
        else:
            value += piece + "="
        first = False
    _keep_extension_member(members, key, value + last)
    return members


def _keep_extension_member(members: list[tuple[str, str]], key: str, value: str) -> None:
    if key:
        members.append((key, unescape_cef_value(value.rstrip(" \t"))))
    elif before := value.strip():
        members.append(("", unescape_cef_value(before)))


def unescape_cef_value(text: str) -> str:
    r"""A value without its escapes: `\=`, `\|`, `\\`, `\n`, `\r`."""
    return _ESCAPED.sub(lambda match: _MEANT.get(match[1], match[1]), text) if "\\" in text else text


@cache
def _index_kinds() -> dict[str, tuple[str, Callable[[str], object] | None, str]]:
    """Key -> its column, what makes a value of its type, and the column that has the value as a whole number beside it ('' = none)."""
    types = get_table_columns(TABLE)
    return {
        key: (column, _make_converter(types[column]), _NUMBERS.get(column, ""))
        for key, column in COLUMNS.items()
    }


def _make_converter(kind: KqlType) -> Callable[[str], object] | None:
    """Return what makes a value of a type of a text, None where it stays one."""
    if kind is KqlType.STRING:
        return None
    return _parse_time if kind is KqlType.DATETIME else partial(fit_value, kind)


def put_members(values: dict[str, object], members: list[tuple[str, str]]) -> None:
    """Add members to a row's values: the first that is not empty has its column, the rest are in AdditionalExtensions."""
    kinds = _index_kinds()
    others = []
    for key, value in members:
        column, made, beside = kinds.get(key, _NOWHERE)
        if not column or values.get(column, "") != "":
            others.append(f"{key}={value}" if key else value)
            continue
        values[column] = value if made is None else made(value)
        if beside:
            number = parse_integer(value)
            if number is not None and -_LARGEST_INT <= number < _LARGEST_INT:
                values[beside] = number
    if others:
        values["AdditionalExtensions"] = ";".join(others)


def read_device_time(members: list[tuple[str, str]], context: StreamContext) -> datetime | None:
    """Return when the device says that it happened."""
    first = {key: value for key, value in reversed(members) if value}
    for key in ("rt", "end", "start", "deviceReceiptTime"):
        if key in first:
            found = _parse_time(first[key], context)
            if not isinstance(found, str):
                return found
    return None


def _parse_time(value: str, context: StreamContext | None = None) -> datetime | str:
    """A CEF time: milliseconds since 1970, `Jun 01 2026 10:00:00[.000][ zone]`, or any other; the text where it is none."""
    found = _parse_moment(value.strip(), UTC if context is None else context.zone)
    return value if found is None else found


@lru_cache(maxsize=4096)
def _parse_moment(text: str, zone: tzinfo) -> datetime | None:
    """The moment of a text: lines of one second follow each other."""
    number = parse_integer(text)
    found = parse_moment(text) if number is None else parse_moment(number)
    return (
        parse_syslog_header(text, StreamContext(zone=zone)).time
        if found is None and _MONTH_FIRST.match(text)
        else found
    )


FORMAT = CommonEventFormat()
