"""Time zones that a syslog time names by letters: those of RFC 5322 and others that mean one offset nearly everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType

#: Hours ahead of UTC.
HOURS: Mapping[str, float] = MappingProxyType({
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10, "BRT": -3, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2,
    "EET": 2, "EEST": 3, "MSK": 3, "SAST": 2, "IST": 5.5, "SGT": 8, "HKT": 8, "JST": 9, "KST": 9,
    "AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
})  # fmt: skip
_WINTER_AND_SUMMER = (1, 7)


def find_zone(name: str, usual: tzinfo, now: datetime) -> tzinfo:
    """The zone of a name; one that the `usual` zone calls its own means that, whatever else it may mean."""
    for month in _WINTER_AND_SUMMER:
        there = datetime(now.year, month, 1, tzinfo=usual)
        if there.tzname() == name:
            return timezone(there.utcoffset() or timedelta())
    return timezone(timedelta(hours=HOURS[name])) if name in HOURS else UTC
