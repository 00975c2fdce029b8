"""A Windows event, whatever wrote it down, as a row of SecurityEvent, Event or WindowsEvent.

Events of the Security log and of AppLocker go to SecurityEvent, all others to Event, or to WindowsEvent where that table is asked for.
Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/securityevent
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.column_filling import Filling
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import parse_integer, to_text
from nephoscope.ingest.logs.windows_event_data import EventData, escape_xml

if TYPE_CHECKING:
    from datetime import datetime

SECURITY, EVENT, WINDOWS = "SecurityEvent", "Event", "WindowsEvent"
TABLES = (SECURITY, EVENT, WINDOWS)
_LEVELS = ("LogAlways", "Critical", "Error", "Warning", "Information", "Verbose")
_LOGON_TYPES = {
    0: "System",
    2: "Interactive",
    3: "Network",
    4: "Batch",
    5: "Service",
    7: "Unlock",
    8: "NetworkCleartext",
    9: "NewCredentials",
    10: "RemoteInteractive",
    11: "CachedInteractive",
    12: "CachedRemoteInteractive",
    13: "CachedUnlock",
}
#: Events whose account is the one that logs on or off, not the one that reports it.
_OF_THE_TARGET = frozenset({4624, 4625, 4634, 4647, 4768, 4769, 4770, 4771, 4776})
_SECURITY = Filling(SECURITY)


@dataclass(frozen=True, slots=True)
class WindowsEventRecord:
    """An event; '' and None = it does not say."""

    time: datetime
    event_id: int
    channel: str
    provider: str = ""
    computer: str = ""
    level: int | None = None
    level_name: str = ""
    task: int | None = None
    opcode: str = ""
    keywords: str = ""
    version: int | None = None
    record_id: str = ""
    user: str = ""
    process_id: int | None = None
    thread_id: int | None = None
    correlation: str = ""
    message: str = ""
    data: EventData = field(default_factory=EventData)
    rest: Mapping[str, object] = field(default_factory=dict)


def build_event_row(event: WindowsEventRecord, table: str = "") -> LogRow:
    """The row of an event; `table` asks for one of the three tables."""
    if table not in TABLES:
        lowered = event.channel.lower()
        table = SECURITY if lowered == "security" or "applocker" in lowered else EVENT
    values = {
        SECURITY: _build_security_columns,
        EVENT: _build_event_columns,
        WINDOWS: _build_windows_columns,
    }[table](event)
    values["TimeGenerated"], values["EventID"] = event.time, event.event_id
    values["Computer"] = event.computer
    found = {name: value for name, value in values.items() if value not in ("", None)}
    for name, value in event.rest.items():
        if value is not None:
            found.setdefault(name, value)
    return LogRow(table, found)


def _build_system_columns(event: WindowsEventRecord) -> dict[str, object]:
    """The columns that SecurityEvent and WindowsEvent share."""
    return {
        "Channel": event.channel,
        "Task": event.task,
        "Opcode": event.opcode,
        "Keywords": event.keywords,
        "Version": event.version,
        "EventRecordId": event.record_id,
        "SystemUserId": event.user,
        "SystemProcessId": event.process_id,
        "SystemThreadId": event.thread_id,
        "Correlation": event.correlation,
        "EventLevelName": _get_level_name(event),
    }


def _build_security_columns(event: WindowsEventRecord) -> dict[str, object]:
    values = _build_system_columns(event)
    values["EventSourceName"] = event.provider
    values["Level"] = "" if event.level is None else str(event.level)
    values["EventData"] = event.data.to_xml() if event.data else ""
    named = event.data.values_by_name
    title = event.message.strip().partition("\n")[0].strip()
    values["Activity"] = f"{event.event_id} - {title}" if title else ""
    _SECURITY.fill(values, named)
    subject, target = _read_account(named, "Subject"), _read_account(named, "Target")
    values["SubjectAccount"], values["TargetAccount"] = subject, target
    account = target if event.event_id in _OF_THE_TARGET else subject or target
    values["Account"] = account
    values["AccountType"] = ("Machine" if account.endswith("$") else "User") if account else ""
    kind = parse_integer(named.get("LogonType"))
    if kind in _LOGON_TYPES:
        values["LogonTypeName"] = f"{kind} - {_LOGON_TYPES[kind]}"
    process = to_text(named.get("NewProcessName") or named.get("ProcessName"))
    values["Process"] = re.split(r"[/\\]", process)[-1]
    return values


def _read_account(named: Mapping[str, object], whose: str) -> str:
    """`DOMAIN\\name`, '' where the event names none."""
    name = to_text(named.get(f"{whose}UserName"))
    domain = to_text(named.get(f"{whose}DomainName"))
    if name in ("", "-"):
        return ""
    return name if domain in ("", "-") else f"{domain}\\{name}"


def _build_event_columns(event: WindowsEventRecord) -> dict[str, object]:
    return {
        "EventLog": event.channel,
        "Source": event.provider,
        "EventLevel": event.level,
        "EventLevelName": _get_level_name(event),
        "EventCategory": event.task,
        "UserName": event.user,
        "RenderedDescription": event.message,
        "EventData": f'<DataItem Type="System.XmlData">{event.data.to_xml()}</DataItem>',
        "ParameterXml": "".join(f"<Param>{escape_xml(value)}</Param>" for value in event.data.all_values),
    }


def _build_windows_columns(event: WindowsEventRecord) -> dict[str, object]:
    values = _build_system_columns(event)
    values["Provider"], values["EventLevel"] = event.provider, event.level
    values["EventData"] = event.data.document
    return values


def _get_level_name(event: WindowsEventRecord) -> str:
    if event.level_name or event.level is None or not 0 <= event.level < len(_LEVELS):
        return event.level_name
    return "Information" if event.level == 0 else _LEVELS[event.level]
