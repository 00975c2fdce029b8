"""Syslog messages, a line each: RFC 5424, RFC 3164, and lines of a log file without a priority -> Syslog.

A time without year or zone is the latest that is not in the future, in the zone that the source is set to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import parse_integer
from nephoscope.ingest.logs.syslog_header import parse_syslog_header, starts_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "Syslog"
RANK = 10
_OFTEN_EMPTY = (
    *("Facility", "SeverityLevel", "HostName", "Computer", "HostIP"),
    *("ProcessName", "SyslogMessage", "MsgId"),
)
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SyslogFormat:
    """The format of syslog."""

    name: str = "syslog"
    title: str = "Syslog, RFC 5424 and RFC 3164"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether a line begins with a priority, or with a time and a host."""
        return starts_message(line)

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a message."""
        found = parse_syslog_header(line, context)
        time = found.time or context.now
        values: dict[str, object] = {
            "TimeGenerated": time,
            "EventTime": time,
            "Facility": found.facility,
            "SeverityLevel": found.severity,
            "HostName": found.host,
            "Computer": found.host,
            "HostIP": found.host if is_address(found.host) else "",
            "ProcessName": found.process,
            "SyslogMessage": found.text,
            "MsgId": found.message_id,
        }
        number = parse_integer(found.process_id)
        if number is not None and 0 <= number <= _LARGEST_ID:
            values["ProcessID"] = number
        elif found.process_id:
            values["ProcId"] = found.process_id
        if found.data:
            values["StructuredData"] = found.data
        for name in _OFTEN_EMPTY:
            if values[name] == "":
                del values[name]
        yield LogRow(TABLE, values)


@lru_cache(maxsize=16384)
def is_address(text: str) -> bool:
    """Return whether a text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


FORMAT = SyslogFormat()
