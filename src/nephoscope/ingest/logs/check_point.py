"""Logs of Check Point gateways as their Log Exporter sends them over syslog -> CommonSecurityLog.

`<priority>1 time host CheckPoint pid - [action:"Drop"; src:"..."; dst:"..."; ...]`: the members stand where RFC 5424 has structured
data, in a form of their own. Fields without a column stand in AdditionalExtensions.
Source: Check Point, Log Exporter (sk122323), format "syslog", and its description of fields (sk144192).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.cef import put_members
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow, StreamContext
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault

TABLE = "CommonSecurityLog"
_LINE = re.compile(
    r"(?:<\d{1,3}>)?1 (?P<time>\S{1,64}) (?P<host>\S{1,255}) CheckPoint (?P<process>\S{1,128}) \S{1,32} \[(?P<members>.*)",
    re.DOTALL,
)
_MEMBER = re.compile(r'([\w.-]{1,128})::?"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')
#: Fields of Check Point and the key of CEF that means the same.
_MEANS = {
    "action": "act",
    "client_name": "shost",
    "dst": "dst",
    "dst_machine_name": "dhost",
    "file_name": "fname",
    "ifdir": "deviceDirection",
    "message_info": "msg",
    "origin": "dvc",
    "proto": "proto",
    "reason": "reason",
    "received_bytes": "in",
    "resource": "request",
    "s_port": "spt",
    "sent_bytes": "out",
    "service": "dpt",
    "src": "src",
    "src_machine_name": "shost",
    "src_user_name": "suser",
    "user": "suser",
    "xlatedst": "destinationTranslatedAddress",
    "xlatesrc": "sourceTranslatedAddress",
}
#: What names an event of a protection, the best first.
_ACTIVITY = ("protection_name", "attack", "malware_action", "fw_subproduct", "action")


@dataclass(frozen=True, slots=True)
class CheckPointFormat:
    """The format of Check Point's Log Exporter."""

    name: str = "check-point"
    title: str = "Check Point Log Exporter (syslog)"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether a line has the header of the exporter."""
        return " CheckPoint " in line and _LINE.match(line) is not None

    def build_rows_of_line(self, line: str, _context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a log entry; raises BadRecordError where its time is none."""
        match = _LINE.match(line)
        if match is None:
            raise BadRecordError("the line has no header of Check Point's Log Exporter")
        time = parse_moment(match["time"])
        if time is None:
            raise BadRecordError(f"not a time: {match['time']!r}")
        members = [(key, _ESCAPED.sub(r"\1", value)) for key, value in _MEMBER.findall(match["members"])]
        named = dict(reversed(members))
        activity = next((named[key] for key in _ACTIVITY if named.get(key)), "")
        values: dict[str, object] = {
            "TimeGenerated": time,
            "Computer": match["host"],
            "DeviceVendor": "Check Point",
            "DeviceProduct": named.get("product", ""),
            "Activity": activity,
            "LogSeverity": named.get("severity", ""),
        }
        others = [
            (_MEANS.get(key, key), value) for key, value in members if key not in ("product", "severity")
        ]
        put_members(values, others)
        yield LogRow(TABLE, {name: value for name, value in values.items() if value != ""})


FORMAT = CheckPointFormat()
