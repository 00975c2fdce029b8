"""Error logs of nginx and Apache -> Syslog: the process, the level as severity, and the whole message.

Sources: https://nginx.org/en/docs/ngx_core_module.html#error_log and https://httpd.apache.org/docs/current/mod/core.html#errorlogformat
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "Syslog"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_LEVELS = "emerg|alert|crit|error|warn|notice|info|debug|trace\\d"
_NGINX = re.compile(
    rf"(?P<date>\d{{4}}/\d{{2}}/\d{{2}}) (?P<clock>\d{{2}}:\d{{2}}:\d{{2}}) \[(?P<level>{_LEVELS})\] (?:\d+#\d+: )?(?P<text>.*)",
    re.DOTALL,
)
_APACHE = re.compile(
    r"\[[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2}) (?P<clock>\d{2}:\d{2}:\d{2})(?:\.\d{1,9})? (?P<year>\d{4})\] "
    rf"\[(?:(?P<module>[\w-]*):)?(?P<level>{_LEVELS})\] (?P<text>.*)",
    re.DOTALL,
)
_SEVERITIES = {"error": "err", "warn": "warning"}


@dataclass(frozen=True, slots=True)
class WebErrorLogFormat:
    """The format of error logs."""

    name: str = "web-error-log"
    title: str = "Web server error logs, nginx and Apache"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether a line begins with a time and a level as nginx or Apache write them."""
        return (_NGINX.match(line) or _APACHE.match(line)) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """The row of a message."""
        match = _NGINX.match(line) or _APACHE.match(line)
        time = _read_time(match) if match else None
        if match is None or time is None:
            raise BadRecordError("not a line of an error log")
        level = match["level"]
        yield LogRow(
            TABLE,
            {
                "TimeGenerated": time,
                "EventTime": time,
                "Facility": "daemon",
                "SeverityLevel": _SEVERITIES.get(level, "debug" if level.startswith("trace") else level),
                "ProcessName": "nginx" if match.re is _NGINX else "apache2",
                "SyslogMessage": match["text"],
            },
        )


def _read_time(match: re.Match[str]) -> object:
    if match.re is _NGINX:
        return parse_moment(f"{match['date'].replace('/', '-')}T{match['clock']}Z")
    if match["month"] not in _MONTHS:
        return None
    month = _MONTHS.index(match["month"]) + 1
    return parse_moment(f"{match['year']}-{month:02}-{int(match['day']):02}T{match['clock']}Z")


FORMAT = WebErrorLogFormat()
