"""Executions and connections by the audit system of the kernel, and what others have it record."""

from __future__ import annotations

import ipaddress
import os
import time
from typing import Any

from nephoscope_agent.accounts import user_name
from nephoscope_agent.audit.audit_socket import AuditSocket
from nephoscope_agent.audit.kernel_tables import RECORD_NUMBERS
from nephoscope_agent.audit.records import AuditRecord
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
        self._open: dict[tuple[str, int], list[AuditRecord]] = {}
        self._asked = 0.0

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
        for record in self._socket.records():
            key = (record.time, record.sequence)
            self._open.setdefault(key, []).append(record)
            # messages of programs are events of one record; those of calls end with EOE
            if record.type == "EOE" or 1100 <= _number(record) < 1300:
                rows += self._rows(self._open.pop(key))
        for key in [
            one for one in self._open if now - float(one[0]) > _WHOLE_AFTER or len(self._open) > _MOST_OPEN
        ]:
            rows += self._rows(self._open.pop(key))
        if now - self._asked >= self.interval:
            self.lost, self._asked = self._socket.lost, now
        return rows

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.context.audited = False

    def _rows(self, records: list[AuditRecord]) -> list[Row]:
        """Return the rows of one event."""
        keys = {key for one in records for key in one.keys}
        rows = []
        call = next((one for one in records if one.type == "SYSCALL"), None)
        if call is not None and call.data.get("pid") == str(os.getpid()):
            return []
        if call is not None and _EXECUTED in keys:
            rows.append(self._execution(call, records))
        if call is not None and _CONNECTED in keys:
            rows += self._connection(call, records)
        if call is None or keys - {_EXECUTED, _CONNECTED}:
            rows += [self._log_row(one) for one in records if one.type not in _SILENT]
        return rows

    def _execution(self, call: AuditRecord, records: list[AuditRecord]) -> Row:
        data, moment = call.data, float(call.time)
        arguments = next((one.data for one in records if one.type == "EXECVE"), {})
        count = int(arguments.get("argc", "0"))
        command = join_command([arguments.get(f"a{number}", "") for number in range(count)])
        process = Process(
            int(data["pid"]), int(data["ppid"]), data.get("comm", ""), data.get("exe", ""), command or data.get("comm", ""),
            int(data.get("uid", "0")), moment, int(data["ses"]) if data.get("ses", "").isdigit() else 0,
        )  # fmt: skip
        row = execution_row(self.context, process, moment)
        self.context.processes.remember(process)
        row.values["AdditionalFields"] = self._circumstances(data, records)
        return row

    def _circumstances(self, data: dict[str, str], records: list[AuditRecord]) -> dict[str, Any]:
        """What Microsoft's columns have no place for."""
        cwd = next((one.data.get("cwd", "") for one in records if one.type == "CWD"), "")
        found = {name: data.get(name, "") for name in ("auid", "euid", "gid", "egid", "tty")}
        if data.get("auid", "unset") != "unset":
            found["auidName"] = user_name(int(data["auid"]), self.context.settings.root)
        return {**found, "cwd": cwd}

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

    def _log_row(self, record: AuditRecord) -> Row:
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


def _number(record: AuditRecord) -> int:
    return RECORD_NUMBERS.get(record.type, 0)


def _is_number(text: str | None) -> bool:
    return text is not None and text.isdigit()


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
