"""Log files of MongoDB, a JSON object a line -> Syslog.

Source: https://www.mongodb.com/docs/manual/reference/log-messages/
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.lake.schema.coercion import to_json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "Syslog"
_LEVELS = MappingProxyType({"F": "crit", "E": "err", "W": "warning", "I": "info"})
_ABOUT = (("remote", "from"), ("client", "from"), ("principalName", "user"), ("user", "user"))
"""Attributes that say whom a message is about, with the word that other programs write before it."""


@dataclass(frozen=True, slots=True)
class MongoDBFormat:
    """The format of mongod.log and mongos.log since version 4.4."""

    name: str = "mongodb"
    title: str = "MongoDB log, structured messages"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object], /) -> bool:
        """Return whether a record has the members that each message of MongoDB has."""
        time = record.get("t")
        return (
            isinstance(time, dict)
            and "$date" in time
            and all(isinstance(record.get(name), str) for name in ("s", "c", "ctx", "msg"))
        )

    def rows(self, record: Mapping[str, object], context: StreamContext, /) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """The row of a message: its attributes stand behind it, address and user as other programs write them."""
        written = record["t"]
        time = parse_moment(str(written["$date"])) if isinstance(written, dict) else None
        if time is None:
            raise BadRecordError("not a time", "t.$date")
        attributes = record.get("attr")
        values: dict[str, object] = {
            "TimeGenerated": time,
            "EventTime": time,
            "ProcessName": "mongod",
            "SyslogMessage": _describe_message(
                str(record["msg"]), attributes if isinstance(attributes, dict) else {}
            ),
            "SeverityLevel": _LEVELS.get(str(record["s"]), "debug"),
        }
        yield LogRow(TABLE, values)


def _describe_message(text: str, attributes: Mapping[str, object]) -> str:
    """A message with whom it is about and its other attributes as JSON."""
    about = {word: str(attributes[name]) for name, word in reversed(_ABOUT) if attributes.get(name)}
    parts = [text]
    if "from" in about:
        parts.append(f"from {about['from'].rpartition(':')[0] or about['from']}")
    if "user" in about:
        parts.append(f"user={about['user']}")
    if attributes:
        parts.append(to_json_text(attributes))
    return " ".join(parts)


FORMAT = MongoDBFormat()
