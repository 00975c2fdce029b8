"""Functions on dates; `utcNow` is a host's, because only the host knows the time."""

from __future__ import annotations

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.dotnet.dates import (
    TICKS_PER_SECOND,
    DotNetDateTime,
    format_iso,
    format_moment,
    parse_duration,
    parse_moment,
)
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.value import Value


@declare_function("dateTimeAdd(base, duration, [format])")
def date_time_add(arguments: list[object]) -> Value:
    """Add an ISO 8601 duration (a year is 365 days, a month 30); ISO 8601 comes out unless a .NET format is given."""
    moment = parse_moment(given.get_text(arguments, 0), date_alone=True)
    moved = moment.add_ticks(parse_duration(given.get_text(arguments, 1)))
    return format_moment(moved, given.get_text(arguments, 2)) if len(arguments) > 2 else format_iso(moved)


@declare_function("dateTimeFromEpoch(epochTime)")
def date_time_from_epoch(arguments: list[object]) -> Value:
    """Give the ISO 8601 text, in UTC, of a number of seconds since 1970."""
    return format_iso(DotNetDateTime.from_unix_seconds(given.get_integer(arguments, 0)))


@declare_function("dateTimeToEpoch(dateTime)")
def date_time_to_epoch(arguments: list[object]) -> Value:
    """Give the seconds since 1970 of an ISO 8601 text."""
    return parse_moment(given.get_text(arguments, 0), date_alone=True).unix


@declare_function("addDays(dateTime, numberOfDaysToAdd)", template=False)
def add_days(arguments: list[object]) -> Value:
    """Add days to an ISO 8601 date and time."""
    moment = parse_moment(given.get_text(arguments, 0))
    return format_iso(moment.add_ticks(given.get_integer(arguments, 1) * 86_400 * TICKS_PER_SECOND))
