"""Executions and connections by the audit system of the kernel, and what others have it record."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import time
from collections.abc import Iterator
from typing import Any

from nephoscope_agent.accounts import user_name
from nephoscope_agent.audit.audit_socket import AuditSocket
from nephoscope_agent.audit.kernel_tables import RECORD_TYPES
from nephoscope_agent.audit.records import AuditRecord, AuditRecordError, decode_text, parse_record
from nephoscope_agent.process_table import Process, initiating_columns, join_command
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors.processes import execution_row

_EXECUTED, _CONNECTED = "nephoscope-executed", "nephoscope-connected"
_RULES = [
    *(
        f"-a always,exit -F arch={width} -S execve,execveat -F success=1 -k {_EXECUTED}"
        for width in ("b64", "b32")
    ),
    *(
        f"-a always,exit -F arch={width} -S connect -F saddr_fam={family} -k {_CONNECTED}"
        for width in ("b64", "b32")
        for family in ("inet", "inet6")
    ),
]
#: Seconds after which an event counts as whole though its end was not seen.
_WHOLE_AFTER = 2.0
_MOST_OPEN = 4_096
#: `audit(`, before the time and the number of an event.
_BEGIN = len("audit(")
_CALL_TYPE, _ARGUMENTS_TYPE, _FOLDER_TYPE, _END = 1300, 1309, 1307, 1320
_OF_PROGRAMS = range(1100, 1300)
_UNSET = 0xFFFFFFFF
_EXECUTED_END = f'key="{_EXECUTED}"'
_EXECUTION = re.compile(
    r""" ppid=(?P<ppid>\d+) pid=(?P<pid>\d+) auid=(?P<auid>\d+) uid=(?P<uid>\d+) gid=(?P<gid>\d+) euid=(?P<euid>\d+)"""
    r""" .* tty=(?P<tty>\S+) ses=(?P<ses>\d+) comm=(?P<comm>"[^"]*"|\S+) exe=(?P<exe>"[^"]*"|\S+)"""
)
_ARGUMENT = re.compile(r""" a\d+=("[^"]*"|\S+)""")
#: The records that only say how others go on.
_SILENT = frozenset(("EOE", "PROCTITLE"))
_LONGEST_RECORD = 8_192


class AuditSensor(Sensor):
    """Reads the multicast group of audit records beside auditd, or without it."""

    name = "audit"
    interval = 5.0
    is_crowded = True

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._socket: AuditSocket | None = None
        self._open: dict[str, list[tuple[int, str]]] = {}
        self._asked = 0.0
        self._own = str(os.getpid())

    def open(self) -> None:
        try:
            self._socket = AuditSocket(_RULES)
        except OSError as error:
            raise SensorUnavailableError(
                f"the audit netlink is not available: {error.strerror or error}"
            ) from error
        if any(_EXECUTED in one for one in self._socket.refused):
            refused = self._socket.refused[0]
            self.close()
            raise SensorUnavailableError(f"the kernel refuses audit rules: {refused}")
        self.context.audited = True
        if self._socket.refused:
            self.limits.append(f"connections are not recorded: {self._socket.refused[0]}")

    def fileno(self) -> int:
        return self._socket.fileno() if self._socket is not None else -1

    def collect(self, now: float) -> list[Row]:
        assert self._socket is not None
        rows: list[Row] = []
        for type_, text in self._socket.read_records():
            end = text.find(")")
            key = text[_BEGIN:end]
            if type_ == _END:
                rows += self._rows(key, self._open.pop(key, []))
                continue
            self._open.setdefault(key, []).append((type_, text))
            # messages of programs are events of one record; those of calls have an end
            if type_ in _OF_PROGRAMS:
                rows += self._rows(key, self._open.pop(key))
        for key in self._list_overdue(now):
            rows += self._rows(key, self._open.pop(key))
        if now - self._asked >= self.interval:
            self.lost, self._asked = self._socket.drop_count, now
        return rows

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.context.audited = False

    def _list_overdue(self, now: float) -> list[str]:
        """The events whose end was not seen."""
        late = [one for one in self._open if now - float(one.partition(":")[0]) > _WHOLE_AFTER]
        return late or (list(self._open) if len(self._open) > _MOST_OPEN else [])

    def _rows(self, key: str, texts: list[tuple[int, str]]) -> list[Row]:
        """Return the rows of one event. Of an execution only what its row needs is read, since these are many."""
        call = next((text for type_, text in texts if type_ == _CALL_TYPE), "")
        if call.endswith(_EXECUTED_END) and (found := _EXECUTION.search(call)) is not None:
            return [] if found["ppid"] == self._own else [self._build_execution(key, found, texts)]
        records = list(_parse(texts))
        keys = {rule for one in records for rule in one.keys}
        syscall = next((one for one in records if one.type == "SYSCALL"), None)
        if syscall is not None and syscall.data.get("pid") == self._own:
            return []
        rows = self._connection(syscall, records) if syscall is not None and _CONNECTED in keys else []
        if syscall is None or keys - {_EXECUTED, _CONNECTED}:
            rows += [self._build_log_row(one) for one in records if one.type not in _SILENT]
        return rows

    def _build_execution(self, key: str, call: re.Match[str], texts: list[tuple[int, str]]) -> Row:
        moment = float(key.partition(":")[0])
        of_type = dict(reversed(texts))
        command = join_command(_parse_arguments(of_type.get(_ARGUMENTS_TYPE, "")))
        comm, exe = decode_text(call["comm"]), decode_text(call["exe"])
        session = int(call["ses"])
        process = Process(
            int(call["pid"]), int(call["ppid"]), comm, exe, command or comm, int(call["uid"]), moment,
            0 if session == _UNSET else session,
        )  # fmt: skip
        row = execution_row(self.context, process, moment)
        self.context.processes.remember(process)
        auid = int(call["auid"])
        row.values["AdditionalFields"] = {
            "auid": "unset" if auid == _UNSET else str(auid), "euid": call["euid"], "gid": call["gid"], "tty": call["tty"],
            "cwd": decode_text(of_type.get(_FOLDER_TYPE, "").partition("cwd=")[2].rstrip()),
            **({} if auid == _UNSET else {"auidName": user_name(auid, self.context.settings.root)}),
        }  # fmt: skip
        return row

    def _connection(self, call: AuditRecord, records: list[AuditRecord]) -> list[Row]:
        socket = next((one.data for one in records if one.type == "SOCKADDR"), {})
        if "addr" not in socket:
            return []
        data, moment = call.data, float(call.time)
        pid = int(data["pid"])
        process = self.context.processes.find(pid) or Process(
            pid,
            int(data["ppid"]),
            data.get("comm", ""),
            data.get("exe", ""),
            data.get("comm", ""),
            int(data["uid"]),
            moment,
            0,
        )
        kind = "ConnectionSuccess" if data.get("result") == "success" else "ConnectionFailed"
        if data.get("exit") == "EINPROGRESS":
            kind = "ConnectionAttempt"
        return [
            Row(
                "DeviceNetworkEvents",
                {
                    "TimeGenerated": format_time(moment),
                    "Timestamp": format_time(moment),
                    "ActionType": kind,
                    "RemoteIP": socket["addr"],
                    "RemotePort": int(socket.get("port", "0")),
                    "RemoteIPType": address_type(socket["addr"]),
                    **initiating_columns(process, self.context.settings.root),
                },
            )
        ]

    def _build_log_row(self, record: AuditRecord) -> Row:
        """A record as LinuxAuditLog has it."""
        data = record.data
        numbers = {
            name: int(data[name])
            for name in ("pid", "ppid", "uid", "gid", "euid", "egid", "auid", "ses")
            if _is_number(data.get(name))
        }
        texts = (
            "exe", "comm", "cwd", "cmd", "tty", "terminal", "op", "acct", "addr", "hostname", "arch", "syscall", "exit", "success",
            "a0", "a1", "a2", "a3", "key", "result", "path", "filetype", "family",
        )  # fmt: skip
        found: dict[str, Any] = {name: data[name] for name in texts if name in data}
        if record.keys:
            found["key"] = ",".join(record.keys)
        if record.type == "PATH":
            found["path"] = data.get("name", "")
        return Row(
            "LinuxAuditLog",
            {
                "TimeGenerated": format_time(float(record.time)),
                "TimeUploaded": format_time(time.time()),
                "RecordType": record.type,
                "SerialNumber": str(record.sequence),
                "AuditID": f"{record.time}:{record.sequence}",
                "RawRecord": record.text[:_LONGEST_RECORD],
                **found,
                **numbers,
                "user": user_name(numbers["uid"], self.context.settings.root) if "uid" in numbers else "",
            },
        )


def _parse_arguments(text: str) -> list[str]:
    """The arguments of an EXECVE record."""
    if "]=" in text:  # a long one, in parts
        data = parse_record(text, "EXECVE").data
        return [data.get(f"a{number}", "") for number in range(int(data.get("argc", "0")))]
    return [decode_text(one) for one in _ARGUMENT.findall(text)]


def _parse(texts: list[tuple[int, str]]) -> Iterator[AuditRecord]:
    for type_, text in texts:
        with contextlib.suppress(AuditRecordError):
            yield parse_record(text, RECORD_TYPES.get(type_, str(type_)))


def _is_number(text: str | None) -> bool:
    return text is not None and text.isdecimal()


def address_type(address: str) -> str:
    """Return what kind of address an address is, in the words of Defender for Endpoint."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.is_loopback:
        return "Loopback"
    if found.is_multicast:
        return "Multicast"
    if found.is_link_local:
        return "LinkLocal"
    return "Private" if found.is_private else "Public"
