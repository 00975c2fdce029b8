"""Access logs of web servers in the common and combined format (Apache, nginx, LiteSpeed) -> ASimWebSessionLogs.

Sources: https://httpd.apache.org/docs/current/mod/mod_log_config.html (LogFormat) and
https://learn.microsoft.com/azure/sentinel/normalization-schema-web (columns).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.syslog import is_address
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "ASimWebSessionLogs"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
#: Some servers write the name of the site before the address.
_LINE = re.compile(
    r'(?:(?P<site>[\w.:-]{1,253}) )?(?P<client>[0-9A-Fa-f.:]{2,45}|[\w.-]{1,253}) \S{1,128} (?P<user>"[^"]{0,256}"|\S{1,256}) '
    r"\[(?P<day>\d{1,2})/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d{2}:\d{2}:\d{2})(?: (?P<zone>[+-]\d{4}))?\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}|-) (?P<bytes>\d{1,15}|-)'
    r'(?: "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?',
    re.ASCII,
)
_REQUEST = re.compile(
    r"(?P<method>[A-Za-z]{1,20}) (?P<url>.*?)(?: (?P<version>HTTP/[\d.]{1,4}))?$", re.DOTALL
)
_FAILED = 400


@dataclass(frozen=True, slots=True)
class WebAccessLogFormat:
    """The format of access logs."""

    name: str = "web-access-log"
    title: str = "Web server access logs, common and combined format"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether a line is a request with its time, status and size."""
        return '] "' in line and _LINE.match(line) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """The row of a request."""
        match = _LINE.match(line)
        time = _read_time(match) if match else None
        if match is None or time is None:
            raise BadRecordError("not a line of an access log")
        request = _REQUEST.match(match["request"])
        status = "" if match["status"] == "-" else match["status"]
        failed = status.isdigit() and int(status) >= _FAILED
        values: dict[str, object] = {
            "TimeGenerated": time, "EventStartTime": time, "EventEndTime": time, "EventType": "HTTPsession", "EventCount": 1,
            "EventSchemaVersion": "0.2.6", "EventResult": "Failure" if failed else "Success", "EventResultDetails": status,
            "HttpRequestMethod": request["method"].upper() if request else "",
            "Url": request["url"] if request else match["request"],
            "UrlOriginal": match["request"], "HttpVersion": (request["version"] or "") if request else "",
            "HttpReferrer": _drop_dash(match["referrer"]), "HttpUserAgent": _drop_dash(match["agent"]),
            "SrcUsername": _drop_dash(match["user"].strip('"')), "HttpHost": match["site"] or "",
        }  # fmt: skip
        values["SrcIpAddr" if is_address(match["client"]) else "SrcHostname"] = match["client"]
        if match["bytes"] != "-":
            values["DstBytes"] = int(match["bytes"])
        yield LogRow(TABLE, {name: value for name, value in values.items() if value != ""})


def _drop_dash(text: str | None) -> str:
    return "" if text in (None, "-") else str(text)


def _read_time(match: re.Match[str]) -> object:
    if match["month"] not in _MONTHS:
        return None
    month, zone = _MONTHS.index(match["month"]) + 1, match["zone"] or "+0000"
    return parse_moment(
        f"{match['year']}-{month:02}-{int(match['day']):02}T{match['clock']}{zone[:3]}:{zone[3:]}"
    )


FORMAT = WebAccessLogFormat()
