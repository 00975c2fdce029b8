"""Records of the Linux audit system as auditd writes them to audit.log -> LinuxAuditLog, a row a record.

Source: https://github.com/linux-audit/audit-documentation/wiki/SPEC-Audit-Event-Enrichment and the fields of LinuxAuditLog.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "LinuxAuditLog"
_HEAD = re.compile(
    r"(?:node=(?P<node>\S{1,253}) )?type=(?P<type>[A-Z0-9_]{2,40}|UNKNOWN\[\d+\]) "
    r"msg=audit\((?P<time>\d{9,11}\.\d{1,3}):(?P<serial>\d{1,12})\): ?"
)
_FIELD = re.compile(r"(?P<name>[A-Za-z][\w-]{0,40})=(?P<value>\"[^\"]*\"|'[^']*'|\S*)")
_HEX = re.compile(r"(?:[0-9A-F]{2})+")
#: Values that the kernel writes in hexadecimal digits where they hold blanks or quotes.
_ENCODED = frozenset({"exe", "comm", "cwd", "name", "cmd", "proctitle", "acct", "path", "dir", "tty", "data"})
_NUMBERS = frozenset({"pid", "ppid", "uid", "gid", "euid", "egid", "auid", "ses", "argc"})
_TEXTS = frozenset(
    {"exe", "comm", "cwd", "cmd", "tty", "terminal", "op", "acct", "addr", "hostname", "arch", "syscall", "exit", "success", "key",
     "res", "data", "family", "path", *(f"a{number}" for number in range(10))}
)  # fmt: skip
_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class LinuxAuditFormat:
    """The format of audit.log."""

    name: str = "linux-audit"
    title: str = "Linux audit log"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether a line is a record with its type, time and serial number."""
        return _HEAD.match(line) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """The row of a record."""
        match = _HEAD.match(line)
        if match is None:
            raise BadRecordError("not a record of the audit log")
        fields = _read_fields(line[match.end() :].partition("\x1d")[0])
        values: dict[str, object] = {
            "TimeGenerated": datetime.fromtimestamp(float(match["time"]), UTC),
            "RecordType": match["type"],
            "SerialNumber": match["serial"],
            "AuditID": f"{match['time']}:{match['serial']}",
            "RawRecord": line,
        }
        if match["node"]:
            values["Computer"] = values["node"] = match["node"]
        yield LogRow(TABLE, values | build_audit_values(match["type"], fields))


def build_audit_values(record_type: str, fields: dict[str, str]) -> dict[str, object]:
    """The columns of the fields of a record of a type; fields without a column are left out."""
    if record_type == "PATH" and "name" in fields:
        fields["path"] = fields.pop("name")
    values: dict[str, object] = {}
    for name, text in fields.items():
        if name in _TEXTS:
            values[name] = text
        elif name in _NUMBERS and text.isdigit() and len(text) <= _LONGEST_NUMBER:
            values[name] = int(text)
    return values


def _read_fields(text: str) -> dict[str, str]:
    """The fields of a record; those of a message of a program stand in one field between single quotes."""
    found: dict[str, str] = {}
    for match in _FIELD.finditer(text):
        name, value = match["name"], match["value"]
        if value.startswith("'"):
            found.update(
                {inner: one for inner, one in _read_fields(value[1:-1]).items() if inner not in found}
            )
            continue
        quoted = value.startswith('"')
        encoded = name in _ENCODED or (re.fullmatch(r"a\d{1,3}", name) is not None and "argc=" in text)
        if not quoted and encoded and _HEX.fullmatch(value):
            value = bytes.fromhex(value).decode(errors="replace").replace("\0", " ").strip()
        found.setdefault(name, value.strip('"'))
    return found


FORMAT = LinuxAuditFormat()
