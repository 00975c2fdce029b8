"""The header of a syslog message: RFC 5424, RFC 3164 and what is really sent under that name.

Sources: RFC 5424 section 6, RFC 3164 sections 4 and 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.ingest.logs.log_format import BadRecordError
from nephoscope.ingest.logs.syslog_zones import HOURS, find_zone
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.lake.schema.irregular_times import carry_clock_time

if TYPE_CHECKING:
    from nephoscope.ingest.logs.log_format import StreamContext

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock", *(f"local{number}" for number in range(8))),
)
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_PRIORITY = re.compile(r"<(\d{1,3})>")
_NEW = re.compile(
    r"1 (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<process>\S+) (?P<message>\S+) (?P<rest>-|\[)", re.ASCII
)
#: With a space for the T only in full, as macOS writes it.
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?"
    r"| \d{2}:\d{2}:\d{2}\.\d{6}[+-]\d{4}(?=  ?)))(?: (?= ))?(?= )",
    re.ASCII,
)
#: Cisco's devices set a number, the name of the host, or a year before the time, others the year or a zone behind it.
_OLD = re.compile(
    r"(?:(?P<number>\d{1,10}): )?(?:(?!\d{1,10}: )(?P<origin>[\w.:%-]{0,254}[\w.%-]): (?:\d{1,10}: )?)?(?:: ?)?[*.]?"
    r"(?P<clock>(?:(?P<first>\d{4}) )?(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2})(?: (?P<year>\d{4}))? "
    r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?"
    rf"(?:(?P<zulu>Z)| (?P<zone>UTC|GMT|(?:{'|'.join(HOURS)})(?=:|$)))?"
    r"(?: (?P<last>(?:19|20)\d{2})(?=$| [\w.:%-]{0,254}[\w.%-] ))?):?(?= |$)",
    re.ASCII,
)
#: What most lines are: a priority, a time to the second, a host, a process with or without its number.
_USUAL = re.compile(
    r"<(\d{1,3})>([A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2})(?! UTC| GMT) ([A-Za-z0-9_.:%-]{0,254}[A-Za-z0-9_.%-]) "
    r"([A-Za-z0-9_./()@+-]{1,64})(?:\[([A-Za-z0-9_.-]{1,128})\](?:\(\w{1,12}\))?)?: ?",
    re.ASCII,
)
#: Letters of any script: not every host has a name of ASCII letters.
_HOST = re.compile(r" ([\w.:%-]{1,255})(?= |$)")
_TAG = re.compile(
    r" ?([A-Za-z0-9_./()@+-]{1,64})(?:\[([A-Za-z0-9_.-]{1,128})\](?:\(\w{1,12}\))?)?: ?", re.ASCII
)
_PARAMETER = re.compile(r' ([!#-<>-\\^-~]{1,32})="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ELEMENT = re.compile(r"\[([!#-<>-\\^-~]{1,32})")
_ESCAPED = re.compile(r'\\(["\\\]])')


class SyslogHeader(NamedTuple):
    """Header of a syslog message, before its text; None or '' = not given. `data` is RFC 5424's structured data."""

    text: str
    priority: int | None = None
    time: datetime | None = None
    host: str = ""
    process: str = ""
    process_id: str = ""
    message_id: str = ""
    data: Mapping[str, Mapping[str, str]] = MappingProxyType({})

    @property
    def facility(self) -> str:
        """The facility's name."""
        return "" if self.priority is None else FACILITIES[self.priority >> 3]

    @property
    def severity(self) -> str:
        """The severity's name."""
        return "" if self.priority is None else SEVERITIES[self.priority & 7]


def starts_message(line: str) -> bool:
    """Return whether a line begins as a syslog message does: a priority, or a time and a host."""
    match = _PRIORITY.match(line)
    if match:
        return int(match[1]) < 8 * len(FACILITIES)
    found = _match_clock(line) or _ISO.match(line)
    return bool(found and (_read_host(found) or _HOST.match(line, found.end())))


def parse_syslog_header(line: str, context: StreamContext) -> SyslogHeader:
    """Take the header off a line; raises BadRecordError where RFC 5424 is begun and not kept."""
    usual = _USUAL.match(line)
    time = _parse_rfc3164_time(usual[2], context.now, context.zone) if usual else None
    if usual and time and int(usual[1]) < 8 * len(FACILITIES):
        number, _, host, process, process_id = usual.groups("")
        return SyslogHeader(line[usual.end() :], int(number), time, host, process, process_id)
    match = _PRIORITY.match(line)
    priority = int(match[1]) if match else None
    if priority is not None and priority >= 8 * len(FACILITIES):
        raise BadRecordError(f"the priority {priority} exceeds 191")
    rest = line[match.end() :] if match else line
    new = _NEW.match(rest) if match else None
    return _parse_rfc5424(rest, new, priority) if new else _parse_rfc3164(rest, priority, context)


def _parse_rfc5424(rest: str, match: re.Match[str], priority: int | None) -> SyslogHeader:
    time = None if match["time"] == "-" else parse_moment(match["time"])
    if time is None and match["time"] != "-":
        raise BadRecordError(f"not a time: {match['time'][:64]!r}")
    data: dict[str, dict[str, str]] = {}
    at = match.end()
    if match["rest"] == "[":
        at = _read_structured_data(rest, at - 1, data)
    if at < len(rest) and rest[at] != " ":
        raise BadRecordError("a space is required between the structured data and the message")
    parts = {
        name: "" if match[name] == "-" else match[name] for name in ("host", "app", "process", "message")
    }
    text = rest[at + 1 :].removeprefix("\ufeff")
    return SyslogHeader(
        text, priority, time, parts["host"], parts["app"], parts["process"], parts["message"], data
    )


def _read_structured_data(text: str, at: int, data: dict[str, dict[str, str]]) -> int:
    """Read the elements from `at` on; where they end."""
    while at < len(text) and text[at] == "[":
        element = _ELEMENT.match(text, at)
        if element is None:
            raise BadRecordError("the structured data has an element without a name")
        at = element.end()
        parameters = data.setdefault(element[1], {})
        while parameter := _PARAMETER.match(text, at):
            parameters[parameter[1]] = _ESCAPED.sub(r"\1", parameter[2])
            at = parameter.end()
        if text[at : at + 1] != "]":
            raise BadRecordError("an element of the structured data is not closed")
        at += 1
    return at


def _parse_rfc3164(rest: str, priority: int | None, context: StreamContext) -> SyslogHeader:
    """RFC 3164: what has no valid time is text as a whole."""
    match = _match_clock(rest) or _ISO.match(rest)
    time = _parse_time(match, context) if match else None
    if match is None or time is None:
        process, process_id, text = _split_tag(rest)
        return SyslogHeader(text, priority, process=process, process_id=process_id)
    name, after = _read_host(match), match.end()
    host = None if name else _HOST.match(rest, after)
    if host and not host[1].endswith(":"):
        name, after = host[1], host.end()
    process, process_id, text = _split_tag(rest[after:])
    return SyslogHeader(text, priority, time, name, process, process_id)


def _match_clock(text: str) -> re.Match[str] | None:
    """The time at the beginning of a line; a name before it is one only as Cisco's devices write it."""
    match = _OLD.match(text)
    if match and match["origin"] and not match["number"] and not text.startswith(" %", match.end()):
        return None
    return match


def _read_host(match: re.Match[str]) -> str:
    """The host that stands before a time."""
    return (match["origin"] or "") if match.re is _OLD else ""


def _split_tag(text: str) -> tuple[str, str, str]:
    if text.startswith(" : %"):  # Cisco's devices set a colon between the host and the code of the message
        text = text[2:]
    match = _TAG.match(text)
    return (match[1], match[2] or "", text[match.end() :]) if match else ("", "", text.removeprefix(" "))


def _parse_time(match: re.Match[str], context: StreamContext) -> datetime | None:
    if match.re is _ISO:
        return parse_moment(match[1].replace(",", "."))
    return _parse_rfc3164_time(match["clock"], context.now, context.zone)


@lru_cache(maxsize=4096)
def _parse_rfc3164_time(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment of a time of RFC 3164: lines of one second follow each other."""
    match = _OLD.match(text)
    month = _MONTHS.get(match["month"].lower()) if match else None
    if match is None or month is None:
        return None
    if match["zulu"] or match["zone"]:
        zone = find_zone(match["zone"], zone, now) if match["zone"] else UTC
    clock = (int(match["hour"]), int(match["minute"]), int(match["second"]))
    micro = int(((match["fraction"] or "") + "000000")[:6])
    said = match["first"] or match["year"] or match["last"]
    for year in [int(said)] if said else _list_likely_years(now):
        found = _build_time(year, month, int(match["day"]), clock, micro, zone)
        if found is not None and (said or found <= now + timedelta(days=1)):
            return found
    return None


def _list_likely_years(now: datetime) -> range:
    """The years that a day without one can be in, the likeliest first: from the next one (at its turn) back to a leap year."""
    return range(now.year + 1, now.year - 9, -1)


def _build_time(
    year: int, month: int, day: int, clock: tuple[int, int, int], micro: int, zone: tzinfo
) -> datetime | None:
    try:
        at, more = carry_clock_time(*clock)
        return (
            datetime.combine(date(year, month, day), at.replace(microsecond=micro), zone).astimezone(UTC)
            + more
        )
    except (ValueError, OverflowError):
        return None
