"""Dates as Windows PowerShell writes them: `/Date(1609459200000)/`, or an object that holds such a text.

`ConvertTo-Json` of PowerShell 5.1 writes a time as milliseconds since 1970, and one that a command gave by itself as an object with
the members `value` and `DateTime`. Both become the text that Azure has there, so that what compares times reads them.
Source: https://learn.microsoft.com/dotnet/standard/datetime/system-text-json-support
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: An offset says where the time was written, and does not move it.
_DATE = re.compile(r"/Date\((-?\d{1,17})(?:[+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OBJECT = frozenset(("value", "DateTime", "DisplayHint"))


#: A member that only an object in place of a date has.
HINT = rb'"DisplayHint"'


def may_hold_dates(data: bytes) -> bool:
    """Return whether bytes may hold such a date."""
    return holds_date_text(data) or HINT in data


def holds_date_text(data: bytes) -> bool:
    """Return whether bytes hold the beginning of such a text: brackets are rare in bodies, and one byte is found many times faster."""
    at = data.find(b"(")
    while at >= 0:
        if data.endswith(b"/Date", 0, at):
            return True
        at = data.find(b"(", at + 1)
    return False


def convert_dates(body: dict[str, object]) -> None:
    """Write every date in a body as ISO 8601 in UTC; one that no calendar has stays as it is."""
    for key, item in body.items():
        body[key] = _convert_date(item)


def _convert_date(value: object) -> object:
    if isinstance(value, str):
        return _convert_text(value)
    if isinstance(value, list):
        return [_convert_date(item) for item in value]
    if isinstance(value, dict):
        if "value" in value and len(value) > 1 and _OBJECT.issuperset(value):
            return _convert_date(value["value"])
        convert_dates(value)
    return value


def _convert_text(text: str) -> str:
    found = _DATE.fullmatch(text)
    if found is None:
        return text
    try:
        when = _EPOCH + timedelta(milliseconds=int(found[1]))
    except OverflowError:
        return text
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z" if when.year > 999 else text
