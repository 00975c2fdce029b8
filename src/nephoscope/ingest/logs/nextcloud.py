"""Log files of Nextcloud, a JSON object a line -> Syslog.

Source: https://docs.nextcloud.com/server/latest/admin_manual/configuration_server/logging_configuration.html
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "Syslog"
_LEVELS = MappingProxyType({0: "debug", 1: "info", 2: "warning", 3: "err", 4: "crit"})
_MEMBERS = ("reqId", "remoteAddr", "message", "app", "url")
_NOBODY = ("--", "")


@dataclass(frozen=True, slots=True)
class NextcloudFormat:
    """The format of nextcloud.log and audit.log of Nextcloud."""

    name: str = "nextcloud"
    title: str = "Nextcloud log and audit log"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object], /) -> bool:
        """Return whether a record has the members that each entry of Nextcloud has."""
        return all(isinstance(record.get(name), str) for name in _MEMBERS)

    def rows(self, record: Mapping[str, object], context: StreamContext, /) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """The row of an entry; its address and user stand behind the message, as other programs write them."""
        time = parse_moment(str(record.get("time")))
        if time is None:
            raise BadRecordError("not a time", "time")
        about = [str(record["message"])]
        if record["remoteAddr"]:
            about.append(f"remoteAddr={record['remoteAddr']}")
        if (user := str(record.get("user", ""))) not in _NOBODY:
            about.append(f"user={user}")
        level = record.get("level")
        values: dict[str, object] = {
            "TimeGenerated": time,
            "EventTime": time,
            "ProcessName": "nextcloud",
            "SyslogMessage": " ".join(about),
            "SeverityLevel": _LEVELS.get(level, "info") if isinstance(level, int) else "info",
        }
        yield LogRow(TABLE, values)


FORMAT = NextcloudFormat()
