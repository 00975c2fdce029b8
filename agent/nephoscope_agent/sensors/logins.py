"""Logins: wtmp and btmp, the log of authentication, or the journal."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import struct
import time
from typing import Any, NamedTuple

from nephoscope_agent.log_follower import LogFollower
from nephoscope_agent.program_runner import ProgramError, find_program, run_program
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, Values, format_time
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors.audit_log import address_type

_LOGS = ("/var/log/auth.log", "/var/log/secure")
_USER_PROCESS, _LOGIN_PROCESS, _DEAD_PROCESS = 7, 6, 8
#: struct utmp: where time_t has 64 bits in the file as well (arm64), its fields are wider.
_UTMP = struct.Struct("=hxxi32s4s32s256shhiii16s20x")
_UTMP_WIDE = struct.Struct("=hxxi32s4s32s256shhqqq16s24x")
_SSH = re.compile(
    r"(?P<result>Accepted|Failed) (?P<method>\S+) for (?:invalid user )?(?P<user>\S*) from (?P<address>\S+) port (?P<port>\d+)"
)
_SU = re.compile(
    r"pam_unix\((?P<service>su|su-l|sudo|login):session\): session opened for user (?P<user>[^\s(]+)"
)
_SYSLOG = re.compile(
    r"^(?:\S+T\S+|\w{3} +\d+ [\d:]+) \S+ (?P<name>[^\s\[:]+)(?:\[(?P<pid>\d+)\])?: (?P<text>.*)$"
)
_PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_SEVERITIES = {str(number): name for number, name in enumerate(_PRIORITIES)}
_JOURNAL_LINES = 5_000


class Login(NamedTuple):
    """A record of wtmp or btmp."""

    kind: int
    pid: int
    line: str
    user: str
    host: str
    when: float
    address: str


class LoginsSensor(Sensor):
    """Rows of DeviceLogonEvents, and the log of authentication as rows of Syslog."""

    name = "logins"
    interval = 5.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        path = context.settings.resolve_path
        size = utmp_struct().size
        self._files = {
            "wtmp": LogFollower(str(path("/var/log/wtmp")), size),
            "btmp": LogFollower(str(path("/var/log/btmp")), size),
            **{name: LogFollower(str(path(name))) for name in _LOGS},
        }
        self._journal = ""

    def open(self) -> None:
        path = self.context.settings.resolve_path
        present = [one for one in ("/var/log/wtmp", "/var/log/btmp", *_LOGS) if path(one).exists()]
        self._uses_journal = not any(one in present for one in _LOGS) and bool(find_program("journalctl"))
        self._uses_journal = self._uses_journal and self.context.settings.root == "/"
        if not present and not self._uses_journal:
            raise SensorUnavailableError(
                "neither wtmp, btmp, a log of authentication nor the journal is there"
            )
        self.limits += [f"{one} is not readable" for one in present if not os.access(path(one), os.R_OK)]
        if (
            "/var/log/btmp" not in present
            and not any(one in present for one in _LOGS)
            and not self._uses_journal
        ):
            self.limits.append("failed logins are not recorded on this machine")
        self._read()

    def collect(self, now: float) -> list[Row]:
        found = self._read()
        rows = [
            self._build_login_row(parse_utmp(one), name == "btmp")
            for name in ("wtmp", "btmp")
            for one in found.get(name, [])
        ]
        for name in _LOGS:
            for line in found.get(name, []):
                rows += self._parse_log_rows(line.decode("utf-8", "replace"), now)
        if self._uses_journal:
            rows += self._journal_rows(now)
        return [one for one in rows if one is not None]

    def _read(self) -> dict[str, list[bytes]]:
        found = {}
        for name, follower in self._files.items():
            with contextlib.suppress(PermissionError):  # which `open` has listed
                found[name] = follower.read()
        return found

    def _build_login_row(self, login: Login, failed: bool) -> Row | None:
        if not failed and login.kind != _USER_PROCESS:
            return None
        remote = bool(login.address) or bool(login.host and not login.host.startswith(":"))
        values: Values = {
            "ActionType": "LogonFailed" if failed else "LogonSuccess",
            "LogonType": "RemoteInteractive" if remote else "Interactive",
            "AccountName": login.user,
            "RemoteIP": login.address,
            "RemoteIPType": address_type(login.address),
            "RemoteDeviceName": "" if login.host == login.address else login.host,
            "AdditionalFields": {
                "line": login.line,
                "pid": login.pid,
                "source": "btmp" if failed else "wtmp",
            },
        }
        return Row(
            "DeviceLogonEvents",
            {"TimeGenerated": format_time(login.when), "Timestamp": format_time(login.when), **values},
        )

    def _parse_log_rows(self, line: str, now: float) -> list[Row]:
        found = _SYSLOG.match(line)
        if found is None:
            return []
        return self._list_message_rows(found["name"], found["pid"] or "", found["text"], now, "info")

    def _list_message_rows(self, name: str, pid: str, text: str, when: float, severity: str) -> list[Row]:
        moment = format_time(when)
        rows = [
            Row(
                "Syslog",
                {
                    "TimeGenerated": moment, "EventTime": moment, "Facility": "authpriv", "SeverityLevel": severity,
                    "ProcessName": name, "SyslogMessage": text, **({"ProcessID": int(pid)} if pid.isdecimal() else {}),
                },
            )
        ]  # fmt: skip
        values: Values = {}
        # any user can have any text logged, under the name of a program of their own
        if name.startswith("sshd") and (ssh := _SSH.search(text)) is not None:
            failed = ssh["result"] == "Failed"
            values = {
                "ActionType": "LogonFailed" if failed else "LogonSuccess", "LogonType": "Network", "AccountName": ssh["user"],
                "Protocol": "SSH", "RemoteIP": ssh["address"], "RemotePort": int(ssh["port"]),
                "RemoteIPType": address_type(ssh["address"]),
                "AdditionalFields": {"method": ssh["method"]},
            }  # fmt: skip
        elif (su := _SU.search(text)) is not None:
            values = {
                "ActionType": "LogonSuccess",
                "LogonType": "Interactive",
                "AccountName": su["user"],
                "AdditionalFields": {"service": su["service"]},
            }
        if values:
            rows.append(Row("DeviceLogonEvents", {"TimeGenerated": moment, "Timestamp": moment, **values}))
        return rows

    def _journal_rows(self, now: float) -> list[Row]:
        """The messages of authentication since the last time; the first time those from now on."""
        since = ["--after-cursor", self._journal] if self._journal else ["--lines", "1"]
        command = [
            find_program("journalctl"),
            "--output",
            "json",
            "--no-pager",
            "SYSLOG_FACILITY=10",
            "+",
            "SYSLOG_FACILITY=4",
            *since,
        ]
        try:
            lines = run_program(command).splitlines()[:_JOURNAL_LINES]
        except ProgramError as error:
            self.limits[:] = [f"the journal is not readable: {error}"]
            return []
        rows: list[Row] = []
        was_empty = not self._journal
        for line in lines:
            one = json.loads(line)
            self._journal = one["__CURSOR"]
            if not was_empty and isinstance(one.get("MESSAGE"), str):
                when = int(one.get("__REALTIME_TIMESTAMP", now * 1e6)) / 1e6
                severity = _SEVERITIES.get(_read_journal_text(one, "PRIORITY"), "info")
                name, pid = _read_journal_text(one, "SYSLOG_IDENTIFIER"), _read_journal_text(one, "_PID")
                rows += self._list_message_rows(name, pid, one["MESSAGE"], when, severity)
        return rows

    @property
    def cursor(self) -> Any:
        return {"files": {name: one.place for name, one in self._files.items()}, "journal": self._journal}

    def restore(self, cursor: Any) -> None:
        for name, place in cursor["files"].items():
            if name in self._files:
                self._files[name].restore(place)
        self._journal = cursor["journal"]


def _read_journal_text(entry: dict[str, Any], name: str) -> str:
    """Return a field of an entry of the journal, '' for one that any user may write several times or as bytes."""
    value = entry.get(name, "")
    return value if isinstance(value, str) else ""


def utmp_struct() -> struct.Struct:
    """Return the form of records of wtmp on this architecture."""
    return _UTMP_WIDE if platform.machine() in ("aarch64", "arm64") else _UTMP


def parse_utmp(content: bytes) -> Login:
    """Return a record of wtmp or btmp."""
    kind, pid, line, _, user, host, *_, seconds, micros, packed = utmp_struct().unpack(content)
    if packed[4:] == bytes(12):
        address = ".".join(str(one) for one in packed[:4]) if packed[:4] != bytes(4) else ""
    else:
        import socket

        address = socket.inet_ntop(socket.AF_INET6, packed)
    return Login(
        kind,
        pid,
        _read_text(line),
        _read_text(user),
        _read_text(host),
        (seconds or time.time()) + micros / 1e6,
        address,
    )


def _read_text(content: bytes) -> str:
    return content.split(b"\0")[0].decode("utf-8", "replace")
