"""Messages of Cisco's firewalls (ASA, FTD, FWSM, PIX), alone or behind a syslog header -> CommonSecurityLog.

`%ASA-level-number: text`. Source: Cisco Secure Firewall ASA Series Syslog Messages; columns as Microsoft Sentinel's connector fills them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow, StreamContext
from nephoscope.ingest.logs.resource_log import integer
from nephoscope.ingest.logs.syslog_header import SyslogHeader, header, starts_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault

TABLE = "CommonSecurityLog"
#: How far into a line the message may begin: behind a syslog header.
_FARTHEST = 512
_MESSAGE = re.compile(
    r"(?:^|(?<=[\s:]))%(ASA|FTD|FWSM|PIX)(?:-[a-z_]+)?-([0-7])-(\d{6}):? ?", re.ASCII | re.IGNORECASE
)
_ADDRESS = r"((?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})"
#: An address behind the words that name its side, with an interface before it and a port behind it.
_FROM = re.compile(
    rf"\b(?:from|src|for|by|user IP ?=|faddr|address|packet:|host) ?(?:host )?(?:[\w-]+:)?{_ADDRESS}(?:[/(](\d{{1,5}}))?"
)
_TO = re.compile(rf"\b(?:to|dst|laddr|server ?=) ?(?:host )?(?:[\w-]+:)?{_ADDRESS}(?:[/(](\d{{1,5}}))?")
_ANY = re.compile(rf"(?<![\w.:]){_ADDRESS}(?![\w.:])")
_USER = re.compile(r"\b(?:Uname:|user ?=|[Uu]ser|username) ?['\"<]?(?!IP\b)([^\s'\"<>,:]{1,128})")
_PROTOCOL = re.compile(r"\b(TCP|UDP|ICMP|tcp|udp|icmp)\b")
_ACTION = re.compile(
    r"\b(denied|deny|dropped|drop|shunned|permitted|blocked|reset|teardown|built|rejected|erase)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CiscoAsaFormat:
    """The format of messages of Cisco's firewalls."""

    name: str = "cisco-asa"
    title: str = "Cisco ASA, FTD, FWSM and PIX"
    tables: tuple[str, ...] = (TABLE,)

    def recognises_line(self, line: str) -> bool:
        """Return whether a message begins near the start of a line."""
        return "%" in line and _MESSAGE.search(line, 0, _FARTHEST) is not None

    def line_rows(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a message."""
        match = _MESSAGE.search(line, 0, _FARTHEST)
        if match is None:
            raise BadRecordError("the line has no message of a Cisco firewall")
        before = line[: match.start()].rstrip()
        known = header(before, context) if before and starts_message(f"{before} ") else SyslogHeader("")
        values: dict[str, object] = {
            "DeviceVendor": "Cisco", "DeviceProduct": match[1].upper(), "DeviceEventClassID": match[3], "LogSeverity": match[2],
            "Message": line[match.end() :].strip(), "Computer": known.host, "TimeGenerated": known.time or context.now,
            **_read_text(line[match.end() :]),
        }  # fmt: skip
        yield LogRow(TABLE, {name: value for name, value in values.items() if value not in ("", None)})


def _read_text(text: str) -> dict[str, object]:
    """Return the columns of what the text of a message says."""
    values: dict[str, object] = {}
    for pattern, side in ((_FROM, "Source"), (_TO, "Destination")):
        if found := pattern.search(text):
            values[f"{side}IP"], values[f"{side}Port"] = found[1], integer(found[2] or "")
    if "SourceIP" not in values and (found := _ANY.search(text)) and found[1] != values.get("DestinationIP"):
        values["SourceIP"] = found[1]
    for pattern, column in ((_USER, "SourceUserName"), (_PROTOCOL, "Protocol"), (_ACTION, "DeviceAction")):
        if found := pattern.search(text):
            values[column] = found[1]
    return values


FORMAT = CiscoAsaFormat()
