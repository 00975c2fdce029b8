"""Messages without a syslog header, as services and devices write them: Exim, ProFTPD, OpenVPN, cPanel, OpenSCAP, Cisco, Gitea, File
Browser, Emby, Asterisk, CouchDB -> Syslog.

The program is known by the form of a line. Messages of Cisco's firewalls (`%ASA-level-number: text`) and results of OpenSCAP have no
time and are as of now.
Sources: the specification of Exim, chapter 52; the documentation of ProFTPD's SystemLog; the manual page openvpn(8), `--log`; Cisco
Secure Firewall ASA Series Syslog Messages; the guides of Gitea, File Browser and Emby to Fail2ban; the documentation of Asterisk's
logger.conf and of CouchDB's file writer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow, StreamContext
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault

TABLE = "Syslog"
_DATE = r"(?P<date>\d{4}-\d{2}-\d{2}) (?P<time>\d{2}:\d{2}:\d{2})(?:[.,](?P<fraction>\d{1,6}))?"
_SLASHED = r"(?P<date>\d{4}/\d{2}/\d{2}) (?P<time>\d{2}:\d{2}:\d{2})(?:[.,](?P<fraction>\d{1,6}))?"
_ADDRESS = r"(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:.]+)"
#: The form of a line of each service; `text` is what is kept as the message.
_LINES = (
    ("", re.compile(r"(?P<text>%(?:ASA|FTD|FWSM|PIX)(?:-[a-z_]+)?-[0-7]-\d{6}:? .*)")),
    ("proftpd", re.compile(rf"{_DATE} (?P<host>\S+) proftpd\[(?P<number>\d+)\]:? (?P<text>.*)")),
    (
        "exim",
        re.compile(
            rf"{_DATE}(?: (?P<zone>[+-]\d{{4}}))?(?: \[(?P<number>\d+)\])? "
            r"(?P<text>(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} )?"
            r"(?:\S+ authenticator failed for |SMTP (?:call|connection|protocol|syntax|command|data)|H=\S+ |no host name found|"
            r"unexpected disconnection|rejected |<= |=> |-> |\*\* |== |Completed$|TLS error|auth_).*)"
        ),
    ),
    ("oscap", re.compile(r"oscap: (?P<text>(?:msg: |ERROR:).*)")),
    (
        "cpsrvd",
        re.compile(
            r"\[(?P<date>\d{4}-\d{2}-\d{2}) (?P<time>\d{2}:\d{2}:\d{2}) (?P<zone>[+-]\d{4})\] \w+ \[\w+\] (?P<text>.*)"
        ),
    ),
    ("gitea", re.compile(rf"{_SLASHED} (?:\[\w+\] )?\S+\.go:\d+:\S+\(\) \[[TDIWECF]\] (?P<text>.*)")),
    ("filebrowser", re.compile(rf"{_SLASHED} (?P<text>/\S*: \d{{3}} {_ADDRESS} .*)")),
    ("emby", re.compile(rf"{_DATE} (?:Info|Warn|Error|Debug|Fatal) (?P<text>[\w. -]{{1,80}}: .*)")),
    (
        "asterisk",
        re.compile(
            rf"\[{_DATE}(?: (?P<zone>[+-]\d{{4}}))?\] (?:NOTICE|WARNING|ERROR|SECURITY|VERBOSE|DEBUG)\[\d+\](?:\[C-[0-9a-f]+\])?:? "
            r"(?P<text>\w+\.c: .*)"
        ),
    ),
    (
        "couchdb",
        re.compile(
            r"\[(?:debug|info|notice|warning|error|critical|alert|emergency)\] (?P<date>\d{4}-\d{2}-\d{2})T(?P<time>\d{2}:\d{2}:\d{2})"
            r"\.(?P<fraction>\d{1,6})(?P<zone>Z) \S+@\S+ <[\d.]+> (?P<text>.*)"
        ),
    ),
    (
        "openvpn",
        re.compile(
            rf"{_DATE}(?: us=\d+)? (?P<text>(?:[\w.@-]+/)?{_ADDRESS}:\d{{1,5}} (?:TLS|VERIFY|AUTH|PLUGIN|Authenticate|SIGUSR1|"
            r"Connection|SENT|PUSH|peer info|\[|MULTI|Control Channel|Outgoing|Incoming|Bad|WARNING).*)"
        ),
    ),
)  # fmt: skip
_STARTS = frozenset(("19", "20", "%A", "%F", "%P", "os", "[2", "[d", "[i", "[n", "[w", "[e", "[c", "[a"))
"""How a line of a service starts: what starts otherwise is not compared with the forms."""


@dataclass(frozen=True, slots=True)
class ServiceLogFormat:
    """The format of log files of services."""

    name: str = "service-log"
    title: str = (
        "Log files of Exim, ProFTPD, OpenVPN, cPanel, Gitea, File Browser, Emby, Asterisk and CouchDB, OpenSCAP results, messages of "
        "Cisco ASA"
    )
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether a line has the form of one of the services."""
        return line[:2] in _STARTS and _match_line(line) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a line."""
        found = _match_line(line)
        if found is None:
            raise BadRecordError("the line has the form of none of the services")
        process, match = found
        parts = match.groupdict()
        time = _read_time(parts, context)
        values: dict[str, object] = {
            "TimeGenerated": time,
            "EventTime": time,
            "SyslogMessage": parts["text"],
        }
        if process:
            values["ProcessName"] = process
        if host := parts.get("host"):
            values |= {"HostName": host, "Computer": host}
        if number := parts.get("number"):
            values["ProcessID"] = int(number)
        yield LogRow(TABLE, values)


def _match_line(line: str) -> tuple[str, re.Match[str]] | None:
    for process, pattern in _LINES:
        if match := pattern.match(line):
            return process, match
    return None


def _read_time(parts: dict[str, str | None], context: StreamContext) -> datetime:
    """The time of a line, in the zone of the source where it names none; raises BadRecordError where it is none."""
    date = parts.get("date")
    if not date:
        return context.now
    text = f"{date.replace('/', '-')}T{parts['time']}" + (
        f".{parts['fraction']}" if parts.get("fraction") else ""
    )
    found = parse_moment(text + (parts.get("zone") or ""))
    if found is None:
        raise BadRecordError(f"not a time: {text}")
    return found if parts.get("zone") else found.replace(tzinfo=context.zone)


FORMAT = ServiceLogFormat()
