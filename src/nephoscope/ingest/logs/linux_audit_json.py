"""Events of the Linux audit system as JSON, an object an event, as LAUREL writes them -> LinuxAuditLog, a row a record.

Source: the manual page laurel(8) and https://github.com/threathunters-io/laurel (upper-case names are enriched).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.linux_audit import TABLE, build_audit_values
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_ID = re.compile(r"(?P<time>\d{9,11}\.\d{1,3}):(?P<serial>\d{1,12})")
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{1,39}")


@dataclass(frozen=True, slots=True)
class LinuxAuditJsonFormat:
    """The format of audit events as JSON."""

    name: str = "linux-audit-json"
    title: str = "Linux audit log as JSON (LAUREL)"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object], /) -> bool:
        """Return whether a record has the id of an audit event and a record of a type."""
        return isinstance(record.get("ID"), str) and any(_read_records(record))

    def rows(self, record: Mapping[str, object], context: StreamContext, /) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """A row for each record of an event."""
        match = _ID.fullmatch(str(record.get("ID")))
        if match is None:
            raise BadRecordError("not the id of an audit event", "ID")
        common: dict[str, object] = {
            "TimeGenerated": datetime.fromtimestamp(float(match["time"]), UTC),
            "SerialNumber": match["serial"],
            "AuditID": match[0],
        }
        if isinstance(node := record.get("NODE"), str) and node:
            common["Computer"] = common["node"] = node
        for kind, one in _read_records(record):
            yield LogRow(
                TABLE, {**common, "RecordType": kind, **build_audit_values(kind, _read_flat_fields(one))}
            )


def _read_records(event: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The records of an event with their types; those of one type may be a list."""
    for kind, value in event.items():
        if _TYPE.fullmatch(kind) and kind not in ("ID", "NODE", "PARENT_INFO"):
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield kind, one


def _read_flat_fields(record: Mapping[str, object]) -> dict[str, str]:
    """The fields of a record as auditd names them: ARGV as a0, a1, ...; numbers and architectures without their 0x."""
    found: dict[str, str] = {}
    arguments = record.get("ARGV")
    if isinstance(arguments, list):
        found |= {f"a{number}": _read_plain(one) for number, one in enumerate(arguments)}
    for name, value in record.items():
        if name.islower() and isinstance(value, (str, int)) and not isinstance(value, bool):
            found[name] = _read_plain(value)
    return found


def _read_plain(value: object) -> str:
    text = str(value)
    return text[2:] if re.fullmatch(r"0x[0-9a-f]{1,16}", text) else text


FORMAT = LinuxAuditJsonFormat()
