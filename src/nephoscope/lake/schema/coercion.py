"""Coercion of values to column types, by the rules of Log Analytics ingestion."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, InvalidOperation
from math import isfinite

import msgspec

from nephoscope.lake.schema.irregular_times import carry_clock_time, parse_count, parse_time_with_carry
from nephoscope_kql.types import TICKS_PER_DAY, TICKS_PER_SECOND, KqlType

_INTEGER = re.compile(r"\s*[+-]?\d{1,30}(\.0*)?\s*")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\s*([+-]?[Ii]nf(inity)?|[Nn]a[Nn])\s*")
_SPAN = re.compile(r"\s*(-?)(?:(\d{1,8})\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?\s*")
_AMERICAN = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:,? (\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(?: ?([AaPp])[Mm])?(?: ?(Z|UTC))?"
)
_FRACTION = re.compile(r"(\.\d{6})\d+")
_HOURS = {"a": 0, "p": 12}
NONE = object()
"""What a value becomes that does not fit."""


def coerce_value(value: object, kind: KqlType) -> object:
    """The value as the lake stores the type (None = null), or NONE where it does not fit. An empty text is null but in a string."""
    if value is None:
        return "" if kind == KqlType.STRING else None
    if isinstance(value, str) and kind not in (KqlType.STRING, KqlType.DYNAMIC) and not value.strip():
        return None
    return _FIT[kind](value)


def to_json_text(value: object) -> str:
    """A value as canonical JSON text."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "backslashreplace").decode()


def text(value: object) -> str:
    """A value as a string column holds it: a text as it is, anything else as JSON has it."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dt.datetime):
        return _convert_to_utc(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, (uuid.UUID, dt.timedelta)):
        return str(value)
    return to_json_text(value)


def _read_bool(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower(), NONE)
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    return NONE


def _make_integer_check(bits: int) -> Callable[[object], object]:
    limit = 1 << (bits - 1)

    def fit(value: object) -> object:
        if isinstance(value, str):
            if not _INTEGER.fullmatch(value):
                return NONE
            number = int(value.strip().split(".")[0])
        elif isinstance(value, bool):
            number = int(value)
        elif isinstance(value, int):
            number = value
        elif isinstance(value, (float, Decimal)) and isfinite(value) and value == int(value):
            number = int(value)
        else:
            return NONE
        return number if -limit <= number < limit else NONE

    return fit


def _read_real_number(value: object) -> object:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return NONE
    if isinstance(value, (int, float, Decimal, str)):
        try:
            return float(value)
        except OverflowError:
            return NONE
    return NONE


def _read_decimal(value: object) -> object:
    if isinstance(value, (bool, str, int, float, Decimal)):
        try:
            number = Decimal(str(value)) if not isinstance(value, bool) else Decimal(int(value))
            if not number.is_finite() or abs(number) >= Decimal(10) ** 21:
                return NONE
            return number.quantize(Decimal("1e-17"), context=_WIDE)
        except InvalidOperation:
            return NONE
    return NONE


def to_moment(value: object) -> dt.datetime | None:
    """A time that a value says, in UTC: ISO 8601 (also with a space, without a zone, to 100 ns and finer), month/day/year, or a count
    since 1970 whose unit its digits tell.
    """
    try:
        if isinstance(value, dt.datetime):
            return _convert_to_utc(value)
        if isinstance(value, str):
            return _parse_text_time(value.strip())
        return parse_count(value)
    except (ValueError, OverflowError):
        return None


def _parse_text_time(value: str) -> dt.datetime:
    counted = parse_count(value)
    if counted is not None:
        return counted
    american = _AMERICAN.fullmatch(value)
    if american is not None:
        return _parse_american(american)
    if value.endswith((" UTC", " GMT")):
        value = value[:-4] + "Z"
    if len(value) < 8 or not value[:4].isdecimal() or value.isdecimal():
        raise ValueError(value)
    value, more = parse_time_with_carry(value)
    return (
        _convert_to_utc(
            dt.datetime.fromisoformat(_FRACTION.sub(r"\1", value).replace(" +", "+").replace(" Z", "Z"))
        )
        + more
    )


def _parse_american(found: re.Match[str]) -> dt.datetime:
    month, day, year, hour, minute, second, fraction, half, _ = found.groups()
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + _HOURS[half.lower()]
    micro = int((fraction or "0").ljust(6, "0")[:6])
    at, more = carry_clock_time(hours, int(minute or 0), int(second or 0))
    return (
        dt.datetime.combine(dt.date(int(year), int(month), int(day)), at.replace(microsecond=micro), dt.UTC)
        + more
    )


def _convert_to_utc(value: dt.datetime) -> dt.datetime:
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def _coerce_time(value: object) -> object:
    found = to_moment(value)
    return NONE if found is None else found


def _read_span(value: object) -> object:
    if isinstance(value, dt.timedelta):
        return (value.days * 86_400 + value.seconds) * TICKS_PER_SECOND + value.microseconds * 10
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return NONE
    sign, days, hours, minutes, seconds, fraction = found.groups()
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    ticks = int(days or 0) * TICKS_PER_DAY + whole * TICKS_PER_SECOND + int((fraction or "0").ljust(7, "0"))
    return -ticks if sign else ticks


def _read_guid(value: object) -> object:
    if isinstance(value, uuid.UUID):
        return str(value)
    if not isinstance(value, str):
        return NONE
    try:
        return str(uuid.UUID(value.strip()))
    except ValueError:
        return NONE


def _read_dynamic(value: object) -> object:
    """JSON text; a text that holds an object or an array is that."""
    if isinstance(value, str) and value[:64].lstrip()[:1] in ("{", "["):
        try:
            return to_json_text(msgspec.json.decode(value))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            pass
    return to_json_text(value)


_WIDE = Context(prec=60)
_FIT: Mapping[KqlType, Callable[[object], object]] = {
    KqlType.BOOL: _read_bool,
    KqlType.INT: _make_integer_check(32),
    KqlType.LONG: _make_integer_check(64),
    KqlType.REAL: _read_real_number,
    KqlType.DECIMAL: _read_decimal,
    KqlType.STRING: text,
    KqlType.DATETIME: _coerce_time,
    KqlType.TIMESPAN: _read_span,
    KqlType.GUID: _read_guid,
    KqlType.DYNAMIC: _read_dynamic,
}
