"""The fields that all Azure resource logs share, read as their writers really write them.

Source: https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from nephoscope.files.json_value import decode_json
from nephoscope.ingest.logs.log_format import BadRecordError
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.ingest.logs.log_format import StreamContext

TIME_NAMES = ("time", "timestamp", "timeStamp", "Time", "TimeStamp", "eventTimestamp", "TimeGenerated")
_SUBSCRIPTION = re.compile(r"^/subscriptions/([^/]+)", re.IGNORECASE)


def find_first_text(record: dict[str, object], *names: str) -> str:
    """The first of these members that is there, as text ('' = none): numbers as written in JSON, objects as JSON."""
    for name in names:
        value = record.get(name)
        if value is not None:
            return to_text(value)
    return ""


def to_text(value: object) -> str:
    """A JSON value as text: null is '', true is 'true', objects are JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def read_time(record: dict[str, object]) -> datetime:
    """Return when the event happened (UTC); raises BadRecordError."""
    for name in TIME_NAMES:
        if name in record:
            found = parse_moment(record[name])
            if found is None:
                raise BadRecordError(f"not a time: {to_text(record[name])[:64]!r}", name)
            return found
    raise BadRecordError("the record has no time")


def read_properties(record: dict[str, object], name: str = "properties") -> dict[str, object]:
    """The object `properties`, which may be written as JSON text; {} where there is none; raises BadRecordError."""
    value = record.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = decode_json(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRecordError(f"the text is not JSON: {error}", name) from error
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise BadRecordError("expected an object", name)
    return value


def require_list(value: dict[str, object], name: str, path: str) -> list[dict[str, object]]:
    """The list of objects under a name of an object at `path`; raises BadRecordError."""
    found = value.get(name)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise BadRecordError("expected a list of objects", f"{path}.{name}")
    return found


def read_resource_id(record: dict[str, object], context: StreamContext) -> str:
    """The id of the resource that wrote the record, lower-cased as `_ResourceId` has it; else from the blob's path; else ''."""
    found = find_first_text(record, "resourceId", "ResourceId", "_ResourceId") or context.resource_id
    return found.lower() if found.startswith("/") else ""


def parse_subscription(resource_id: str) -> str:
    """The subscription in a resource id, '' where there is none."""
    match = _SUBSCRIPTION.match(resource_id)
    return match.group(1).lower() if match else ""


def parse_integer(value: object) -> int | None:
    """A whole number, also written as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and len(value) <= 20:
        try:
            return int(value)
        except ValueError:
            return None
    return None


def parse_real(value: object) -> float | None:
    """A number, also written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
