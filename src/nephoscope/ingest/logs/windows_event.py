"""Windows events as JSON: evtx dumps, Winlogbeat, NXLog and other shippers, PowerShell -> SecurityEvent, Event, WindowsEventFormat.

Source: https://learn.microsoft.com/windows/win32/wes/eventschema-elements
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.resource_log import parse_integer, to_text
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.ingest.logs.windows_event_data import (
    EventData,
    get_attributes,
    get_element_text,
    read_event_data,
    read_user_data,
)
from nephoscope.ingest.logs.windows_event_row import TABLES, WindowsEventRecord, build_event_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_IDS = ("EventID", "EventId", "event_id", "Id")
_CHANNELS = ("Channel", "LogName", "EventLog", "channel", "log_name")
_TIMES = (
    "TimeCreated",
    "EventTime",
    "@timestamp",
    "SystemTime",
    "UtcTime",
    "timestamp",
    "TimeGenerated",
    "time",
)
_PROVIDERS = (
    "ProviderName",
    "Provider_Name",
    "SourceName",
    "source_name",
    "Provider",
    "EventSourceName",
    "provider_name",
    "Source",
)
_COMPUTERS = ("Computer", "Hostname", "MachineName", "computer_name", "host")
_DATA = {
    "EventData": read_event_data,
    "ExtraEventData": read_event_data,
    "event_data": read_event_data,
    "UserData": read_user_data,
    "user_data": read_user_data,
}
_MEMBERS = {
    "level": ("Level", "level", "EventLevel"),
    "task": ("Task", "task"),
    "version": ("Version", "version"),
    "process_id": ("ExecutionProcessID", "ProcessID", "process_id", "SystemProcessId"),
    "thread_id": ("ExecutionThreadID", "ThreadID", "thread_id", "ThreadId", "SystemThreadId"),
}
_TEXTS = {
    "opcode": ("Opcode", "opcode", "OpcodeValue"),
    "keywords": ("Keywords", "keywords"),
    "record_id": ("EventRecordID", "RecordNumber", "RecordId", "record_id", "EventRecordId"),
    "user": ("UserID", "UserId", "user_id", "SystemUserId"),
    "correlation": ("Correlation", "ActivityID", "activity_id"),
    "message": ("Message", "message", "RenderedDescription"),
    "level_name": ("LevelDisplayName", "level_name", "EventLevelName"),
}
_ROLES = {
    name: (role, rank)
    for role, names in {
        "event_id": _IDS,
        "channel": _CHANNELS,
        "time": _TIMES,
        "provider": _PROVIDERS,
        "computer": _COMPUTERS,
        **_MEMBERS,
        **_TEXTS,
    }.items()
    for rank, name in enumerate(names)
}
_POWERSHELL = re.compile(r"/Date\((-?\d{1,15})\)/")
#: Members that a shipper adds and that are not data of the event.
_SHIPPER = re.compile(
    r"(@version|tags|port|SourceModule|EventReceivedTime|EventType|Severity|SeverityValue|p_).*"
)


#: The parts of an event that are read member by member.
_HEADERS = frozenset({"System", "RenderingInfo", "xmlns"})


@dataclass(frozen=True, slots=True)
class WindowsEventFormat:
    """The format of Windows events as JSON."""

    name: str = "windows-event"
    title: str = "Windows events as JSON"
    tables: tuple[str, ...] = TABLES

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it is an event: System and data, a Winlogbeat document, or an id with its channel."""
        event = record.get("Event")
        if isinstance(event, dict):
            return isinstance(event.get("System"), dict)
        if isinstance(record.get("winlog"), dict):
            return True
        if "Type" in record and "TimeGenerated" in record:
            return False
        return _read_first_member(record, _IDS) is not None and isinstance(
            _read_first_member(record, _CHANNELS), str
        )

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an event."""
        event = record.get("Event")
        winlog = record.get("winlog")
        if isinstance(event, dict):
            found = _parse_parts(event)
        elif isinstance(winlog, dict):
            found = _parse_winlogbeat(record, winlog)
        else:
            found = _parse_members(record)
        yield build_event_row(found, context.table)


def _read_first_member(members: dict[str, object], names: tuple[str, ...]) -> object:
    return next((members[name] for name in names if members.get(name) is not None), None)


def _parse_parts(event: dict[str, Any]) -> WindowsEventRecord:
    """{System, EventData | UserData, RenderingInfo}: the XML of an event as JSON."""
    system = event["System"]
    provider, security = get_attributes(system.get("Provider")), get_attributes(system.get("Security"))
    execution, correlation = (
        get_attributes(system.get("Execution")),
        get_attributes(system.get("Correlation")),
    )
    created = get_attributes(system.get("TimeCreated"))
    rendered = event.get("RenderingInfo")
    rendered = rendered if isinstance(rendered, dict) else {}
    members = {
        "EventID": get_element_text(system.get("EventID")),
        "Channel": system.get("Channel"),
        "TimeCreated": created.get("SystemTime", system.get("TimeCreated")),
        "ProviderName": provider.get("Name"),
        "Computer": system.get("Computer"),
        "ExecutionProcessID": execution.get("ProcessID"),
        "ThreadID": execution.get("ThreadID"),
        "UserID": security.get("UserID"),
        "ActivityID": correlation.get("ActivityID"),
        "Message": rendered.get("Message"),
        **{
            name: value
            for name, value in event.items()
            if name not in _HEADERS and name[:1] not in ("#", "@")
        },
    }
    for name in ("Level", "Task", "Version", "Opcode", "Keywords", "EventRecordID"):
        members[name] = get_element_text(system.get(name))
    return _parse_members(members)


def _parse_winlogbeat(record: dict[str, object], winlog: dict[str, object]) -> WindowsEventRecord:
    process = winlog.get("process")
    process = process if isinstance(process, dict) else {}
    thread, user, log = process.get("thread"), winlog.get("user"), record.get("log")
    members = {
        **{name: value for name, value in winlog.items() if name not in ("process", "user", "api")},
        "@timestamp": record.get("@timestamp"),
        "message": record.get("message"),
        "process_id": process.get("pid"),
        "thread_id": thread.get("id") if isinstance(thread, dict) else None,
        "user_id": user.get("identifier") if isinstance(user, dict) else None,
        "level_name": to_text(log.get("level")).capitalize() if isinstance(log, dict) else None,
    }
    return _parse_members(members)


def _parse_members(members: dict[str, Any]) -> WindowsEventRecord:
    """An event whose parts are members of one object; data that is not in an object of its own stands among them."""
    data, members = _read_data(members)
    parts, rest = _read_parts(members)
    event_id = parse_integer(get_element_text(parts.get("event_id")))
    if event_id is None:
        raise BadRecordError("the event has no id that is a number", "EventID")
    if not data:
        data = read_event_data({name: value for name, value in rest.items() if not _SHIPPER.fullmatch(name)})
        rest = {name: value for name, value in rest.items() if _SHIPPER.fullmatch(name)}
    provider = parts.get("provider")
    fields: dict[str, Any] = {name: parse_integer(parts[name]) for name in _MEMBERS if name in parts}
    fields.update({name: _to_list_text(parts[name]) for name in _TEXTS if name in parts})
    return WindowsEventRecord(
        time=_read_time(parts.get("time")),
        event_id=event_id,
        channel=to_text(parts.get("channel")),
        provider=to_text(get_attributes(provider).get("Name") if isinstance(provider, dict) else provider),
        computer=to_text(parts.get("computer")),
        data=data,
        rest=rest,
        **fields,
    )


def _read_parts(members: dict[str, object]) -> tuple[dict[str, Any], dict[str, object]]:
    """The members by what they are, the best name first, and those that are nothing known."""
    ranked: dict[str, tuple[int, object]] = {}
    rest: dict[str, object] = {}
    for name, value in members.items():
        if value is None:
            continue
        known = _ROLES.get(name)
        if known is None:
            rest[name] = value
            continue
        role, rank = known
        if role not in ranked or rank < ranked[role][0]:
            ranked[role] = (rank, value)
    return {role: value for role, (_, value) in ranked.items()}, rest


def _to_list_text(value: object) -> str:
    return ", ".join(to_text(item) for item in value) if isinstance(value, list) else to_text(value)


def _read_data(members: dict[str, object]) -> tuple[EventData, dict[str, object]]:
    """The data of an event, the first that are not empty, and its other members; data that are written twice stay among them."""
    found, used = EventData(), ""
    for name, read in _DATA.items():
        if not found and members.get(name) is not None:
            found, used = read(members[name]), name
    rest = {
        name: value
        for name, value in members.items()
        if name != used and (name not in _DATA or value not in (None, "", {}, []))
    }
    return found, rest


def _read_time(given: object) -> datetime:
    if isinstance(given, dict):
        given = get_attributes(given).get("SystemTime", given.get("DateTime"))
    text = to_text(given).strip()
    match = _POWERSHELL.fullmatch(text)
    found = parse_moment(int(match[1]) if match else given)
    if found is None:
        raise BadRecordError(f"not a time: {text[:64]!r}" if text else "the event has no time", "TimeCreated")
    return found


FORMAT = WindowsEventFormat()
