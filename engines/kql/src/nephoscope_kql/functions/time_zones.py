"""Local times of the zones of the IANA database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sqlglot import exp

from nephoscope_kql.functions.declaration import declare_rowwise, declare_scalar_macro
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import MAX_DATETIME_TICKS, TICKS_PER_SECOND


@cache
def _find_zone(name: str) -> ZoneInfo | None:
    known = {item.lower(): item for item in available_timezones()}
    try:
        return ZoneInfo(known.get(name.lower(), name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _to_local_time(ticks: int, zone: ZoneInfo | None) -> datetime:
    return datetime(1, 1, 1, tzinfo=zone) + timedelta(microseconds=ticks // 10)


def _to_local_ticks(ticks: int, name: str) -> int | None:
    zone = _find_zone(name)
    if zone is None:
        return None
    try:
        offset = _to_local_time(ticks, None).replace(tzinfo=UTC).astimezone(zone).utcoffset()
    except OverflowError:
        return None
    return _shift_ticks(ticks, offset or timedelta())


def _to_utc(ticks: int, name: str) -> int | None:
    """A local time that a change of the clock skips is moved by the offset after the change."""
    zone = _find_zone(name)
    if zone is None:
        return None
    local = _to_local_time(ticks, None).replace(tzinfo=zone)
    late = local.replace(fold=1).utcoffset() or timedelta()
    early = local.utcoffset() or timedelta()
    return _shift_ticks(ticks, -max(early, late) if early < late else -early)


def _shift_ticks(ticks: int, offset: timedelta) -> int | None:
    moved = ticks + (offset.days * 86_400 + offset.seconds) * TICKS_PER_SECOND
    return moved if 0 <= moved <= MAX_DATETIME_TICKS else None


datetime_utc_to_local = declare_scalar_macro(
    __name__,
    "datetime_utc_to_local(date: datetime, zone: string): datetime",
    summary="Convert UTC to the local time of an IANA zone.",
    routine=declare_rowwise("kql_utc_to_local", ("BIGINT", "VARCHAR"), "BIGINT", _to_local_ticks),
)
datetime_local_to_utc = declare_scalar_macro(
    __name__,
    "datetime_local_to_utc(date: datetime, zone: string): datetime",
    summary="Convert the local time of an IANA zone to UTC.",
    routine=declare_rowwise("kql_local_to_utc", ("BIGINT", "VARCHAR"), "BIGINT", _to_utc),
)


@declare_function("datetime_list_timezones(): dynamic", nullable=False)
def datetime_list_timezones(_call: Arguments) -> exp.Expr:
    """Give the names of the zones that the conversions know."""
    names = nodes.build_array([nodes.build_text(name) for name in sorted(available_timezones())])
    return nodes.build_cast(nodes.build_call("to_json", names), "VARCHAR")
