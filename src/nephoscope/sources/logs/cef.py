"""The Common Event Format, alone or behind a syslog header -> CommonSecurityLog.

`CEF:0|vendor|product|version|event class|name|severity|key=value ...`; keys without a column stand in AdditionalExtensions as
`key=value;key=value`. Sources: ArcSight Common Event Format 25; https://learn.microsoft.com/azure/sentinel/cef-name-mapping
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from nephoscope.kql.types import KqlType
from nephoscope.sources.logs.cef_fields import COLUMNS
from nephoscope.sources.logs.filling import columns_of, fitted
from nephoscope.sources.logs.format import BadRecordError, Context, Row
from nephoscope.sources.logs.moments import moment
from nephoscope.sources.logs.resource_log import integer
from nephoscope.sources.logs.syslog_header import Header, header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nephoscope.sources.logs.format import Fault

TABLE = "CommonSecurityLog"
#: How far into a line the event may begin: behind a syslog header.
_FARTHEST = 512
_BEGIN = re.compile(r"(?:^|(?<=[\s:]))CEF: ?\d{1,2}\|")
_FIELD = re.compile(r"((?:[^|\\]|\\.)*)\|", re.DOTALL)
_KEY = re.compile(r"(?:^|(?<= ))([A-Za-z0-9_.\-\[\]]{1,128})(?<!\\)=")
_HEADER = ("DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Activity", "LogSeverity")
_ESCAPED = re.compile(r"\\([\\=|nr])")
_MEANT = {"n": "\n", "r": "\r"}
_MONTH_FIRST = re.compile(r"[A-Z][a-z]{2} +\d{1,2} \d{4} \d{2}:\d{2}:\d{2}", re.ASCII)
_LARGEST_INT = 2**31
_NUMBERS = {
    "ExtID": "ExternalID",
    **{f"FieldDeviceCustomNumber{number}": f"DeviceCustomNumber{number}" for number in range(1, 4)},
}
_NOWHERE = ("", KqlType.STRING, "")


@dataclass(frozen=True, slots=True)
class CommonEventFormat:
    """The format of CEF."""

    name: str = "cef"
    title: str = "Common Event Format"
    tables: tuple[str, ...] = (TABLE,)

    def recognises_line(self, line: str) -> bool:
        """Whether an event begins near the start of a line."""
        return "CEF:" in line and _BEGIN.search(line, 0, _FARTHEST) is not None

    def line_rows(self, line: str, context: Context) -> Iterator[Row | Fault]:
        """The row of an event; raises BadRecordError where its header is cut."""
        match = _BEGIN.search(line, 0, _FARTHEST)
        if match is None:
            raise BadRecordError("the line has no CEF event")
        before = header(line[: match.start()].rstrip(), context) if match.start() else Header("")
        values, at = _head(line, match.end())
        members = extension(line[at:])
        _put(values, members)
        values["Computer"] = before.host
        values["TimeGenerated"] = before.time or _own_time(members, context) or context.now
        yield Row(TABLE, {name: value for name, value in values.items() if value != ""})


def _head(line: str, at: int) -> tuple[dict[str, Any], int]:
    """The six fields behind the version, and where the extension begins; a severity may end the line."""
    values: dict[str, Any] = {}
    for name in _HEADER:
        match = _FIELD.match(line, at)
        if match is None:
            if name != _HEADER[-1]:
                raise BadRecordError(f"the CEF header ends before its {name}")
            values[name] = unescaped(line[at:]).strip()
            return values, len(line)
        values[name] = unescaped(match[1])
        at = match.end()
    return values, at


def extension(text: str) -> dict[str, str]:
    """The members of an extension; a value ends where the next key begins; what stands before the first has the key ''."""
    keys = list(_KEY.finditer(text))
    ends = [*(key.start() for key in keys[1:]), len(text)]
    before = text[: keys[0].start() if keys else None].strip()
    members = {"": unescaped(before)} if before else {}
    for key, end in zip(keys, ends, strict=False):
        members[key[1]] = unescaped(text[key.end() : end].rstrip(" "))
    return members


def unescaped(text: str) -> str:
    r"""A value without its escapes: `\=`, `\|`, `\\`, `\n`, `\r`."""
    return _ESCAPED.sub(lambda match: _MEANT.get(match[1], match[1]), text) if "\\" in text else text


@cache
def _kinds() -> dict[str, tuple[str, KqlType, str]]:
    """Key -> its column, the type of that, and the column that has the value as a whole number beside it ('' = none)."""
    types = columns_of(TABLE)
    return {key: (column, types[column], _NUMBERS.get(column, "")) for key, column in COLUMNS.items()}


def _put(values: dict[str, Any], members: dict[str, str]) -> None:
    kinds = _kinds()
    others = []
    for key, value in members.items():
        column, kind, beside = kinds.get(key, _NOWHERE)
        if not column or column in values:
            others.append(f"{key}={value}" if key else value)
            continue
        if kind is KqlType.STRING:
            values[column] = value
        else:
            values[column] = _timed(value) if kind is KqlType.DATETIME else fitted(kind, value)
        number = integer(value) if beside else None
        if number is not None and -_LARGEST_INT <= number < _LARGEST_INT:
            values[beside] = number
    if others:
        values["AdditionalExtensions"] = ";".join(others)


def _own_time(members: dict[str, str], context: Context) -> datetime | None:
    """When the device says that it happened."""
    for key in ("rt", "end", "start", "deviceReceiptTime"):
        if key in members:
            found = _timed(members[key], context)
            if not isinstance(found, str):
                return found
    return None


def _timed(value: str, context: Context | None = None) -> datetime | str:
    """A CEF time: milliseconds since 1970, `Jun 01 2026 10:00:00[.000][ zone]`, or any other; the text where it is none."""
    text = value.strip()
    number = integer(text)
    found = moment(text) if number is None else moment(number)
    if found is None and _MONTH_FIRST.match(text):
        found = header(text, context or Context()).time
    return value if found is None else found


FORMAT = CommonEventFormat()
