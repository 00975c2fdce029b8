"""The Log Event Extended Format, alone or behind a syslog header -> CommonSecurityLog.

`LEEF:1.0|vendor|product|version|event id|key=value<tab>key=value ...`; LEEF 2.0 has one more field, the character between the members
(`^`, or `x5E` by its number). Members are put into the columns of the keys of CEF that mean the same; what has no column stands in
AdditionalExtensions. Source: IBM, QRadar LEEF guide, "LEEF event components" and "Predefined LEEF event attributes".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.cef import put_members, read_device_time, unescape_cef_value
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow, StreamContext
from nephoscope.ingest.logs.syslog_header import SyslogHeader, parse_syslog_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault

TABLE = "CommonSecurityLog"
#: How far into a line the event may begin: behind a syslog header.
_FARTHEST = 512
_BEGIN = re.compile(r"(?:^|(?<=[\s:]))LEEF: ?(?P<version>[12])(?:\.\d{1,2})?\|")
_HEADER = ("DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID")
_DELIMITER = re.compile(r"(?P<number>0?x[0-9A-Fa-f]{1,4})?(?P<sign>.)?\|", re.DOTALL)
#: A member without a delimiter of its own: devices write blanks where the specification wants tabs.
_KEY = re.compile(r"(?:^|\s)([A-Za-z][\w.-]{0,127})=")
#: Attributes of LEEF and the key of CEF that means the same.
_MEANS = {
    "action": "act",
    "cat": "cat",
    "devtime": "rt",
    "domain": "sntdom",
    "dst": "dst",
    "dstbytes": "in",
    "dstmac": "dmac",
    "dstport": "dpt",
    "dstpostnat": "destinationTranslatedAddress",
    "dstpostnatport": "destinationTranslatedPort",
    "hostname": "dvchost",
    "identhostname": "shost",
    "msg": "msg",
    "proto": "proto",
    "reason": "reason",
    "src": "src",
    "srcbytes": "out",
    "srcmac": "smac",
    "srcport": "spt",
    "srcpostnat": "sourceTranslatedAddress",
    "srcpostnatport": "sourceTranslatedPort",
    "url": "request",
    "usrname": "suser",
}


@dataclass(frozen=True, slots=True)
class LogEventExtendedFormat:
    """The format of LEEF."""

    name: str = "leef"
    title: str = "Log Event Extended Format"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether an event begins near the start of a line."""
        return "LEEF:" in line and _BEGIN.search(line, 0, _FARTHEST) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an event; raises BadRecordError where its header is cut."""
        match = _BEGIN.search(line, 0, _FARTHEST)
        if match is None:
            raise BadRecordError("the line has no LEEF event")
        before = (
            parse_syslog_header(line[: match.start()].rstrip(), context)
            if match.start()
            else SyslogHeader("")
        )
        values, rest = _parse_head(line[match.end() :])
        members, severity = _translate_to_cef(_read_members(rest, match["version"]))
        put_members(values, members)
        values |= {"Activity": values["DeviceEventClassID"], "LogSeverity": severity, "Computer": before.host}
        values["TimeGenerated"] = before.time or read_device_time(members, context) or context.now
        yield LogRow(TABLE, {name: value for name, value in values.items() if value != ""})


def _parse_head(text: str) -> tuple[dict[str, object], str]:
    """The four fields behind the version, and the text behind them."""
    parts = text.split("|", len(_HEADER))
    if len(parts) < len(_HEADER):
        raise BadRecordError(f"the LEEF header ends before its {_HEADER[len(parts)]}")
    values: dict[str, object] = dict(
        zip(_HEADER, (unescape_cef_value(one).strip() for one in parts), strict=False)
    )
    return values, parts[len(_HEADER)] if len(parts) > len(_HEADER) else ""


def _read_members(text: str, version: str) -> list[tuple[str, str]]:
    """The members behind a header in their order, with the delimiter that LEEF 2.0 names."""
    delimiter = "\t"
    if version == "2" and (match := _DELIMITER.match(text)):
        number = match["number"]
        delimiter = (
            chr(int(number.removeprefix("0").removeprefix("x"), 16)) if number else match["sign"] or "\t"
        )
        text = text[match.end() :]
    if delimiter in text or not _KEY.search(text):
        pieces = (piece.partition("=") for piece in text.split(delimiter))
        return [
            (key.strip(), unescape_cef_value(value.strip()))
            for key, equals, value in pieces
            if equals and key.strip()
        ]
    keys = list(_KEY.finditer(text))
    ends = [one.start() for one in keys[1:]] + [len(text)]
    return [
        (one[1], unescape_cef_value(text[one.end() : end].strip()))
        for one, end in zip(keys, ends, strict=True)
    ]


def _translate_to_cef(members: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """Members under the keys of CEF, and the severity, which CEF has in its header."""
    severity = next((value for key, value in members if key.lower() == "sev"), "")
    kept = [(_MEANS.get(key.lower(), key), value) for key, value in members if key.lower() != "sev"]
    return kept, severity


FORMAT = LogEventExtendedFormat()
