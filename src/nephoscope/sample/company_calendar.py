"""Calendar of the company: office hours by time zone, weekends, change windows, the patch night, release days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sample.company import Company
    from nephoscope.sample.seeded_random import Dice

HEAD_OFFICE = ZoneInfo("Europe/Amsterdam")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def is_weekend(day: date) -> bool:
    """Return whether nobody is in the office."""
    return day.weekday() > 4


def get_day_name(day: date) -> str:
    """The short name of the day."""
    return DAYS[day.weekday()]


def build_local_moment(day: date, hour: float, zone: ZoneInfo = HEAD_OFFICE) -> datetime:
    """The moment of an hour of the day (8.5 = half past eight) by the clock of a zone."""
    start = datetime.combine(day, time(), zone)
    return (start + timedelta(hours=hour)).astimezone(UTC)


def draw_random_moment(
    day: date, dice: Dice, first: float, last: float, zone: ZoneInfo = HEAD_OFFICE
) -> datetime:
    """A moment between two hours of the day."""
    return build_local_moment(day, first + (last - first) * dice.random(), zone)


def spread_moments(
    day: date, dice: Dice, count: int, first: float = 0, last: float = 24, zone: ZoneInfo = HEAD_OFFICE
) -> Iterator[datetime]:
    """So many moments between two hours, in no order."""
    for _ in range(count):
        yield draw_random_moment(day, dice, first, last, zone)


def repeat_moments(day: date, minutes: float, dice: Dice, wobble: float = 0.1) -> Iterator[datetime]:
    """Moments of the UTC day that come again every so many minutes, a little early or late."""
    start = datetime.combine(day, time(), UTC)
    step = timedelta(minutes=minutes)
    for place in range(int(timedelta(days=1) / step)):
        yield start + step * (place + 0.5 + wobble * (dice.random() - 0.5))


def get_change_window(company: Company, day: date) -> tuple[float, float] | None:
    """The hours of the announced change window of a day, None where there is none."""
    facts = company.facts["change_window"]
    return (facts["from"], facts["to"]) if get_day_name(day) in facts["days"] else None


def is_patch_night(company: Company, day: date) -> bool:
    """Return whether machines are patched in the night of the day."""
    facts = company.facts["patch_night"]
    return bool(get_day_name(day) == facts["day"] and (day.day - 1) // 7 + 1 == facts["week"])


def release_day(company: Company, day: date) -> bool:
    """Return whether a new version goes out."""
    return get_day_name(day) in company.facts["release_days"]
