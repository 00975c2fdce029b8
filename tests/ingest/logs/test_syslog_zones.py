"""Zones that a syslog time names by letters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nephoscope.ingest.logs.syslog_zones import find_zone

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "usual", "hours"),
    [
        ("CST", "UTC", -6),
        ("CST", "Asia/Shanghai", 8),
        ("CST", "America/Havana", -5),
        ("IST", "Europe/Dublin", 1),
        ("IST", "Asia/Kolkata", 5.5),
        ("CEST", "Europe/Berlin", 2),
        ("CET", "Europe/Berlin", 1),
        ("UTC", "Europe/Berlin", 0),
        ("GMT", "Asia/Tokyo", 0),
    ],
)
def test_a_name_means_what_the_usual_zone_calls_so(name: str, usual: str, hours: float) -> None:
    assert find_zone(name, ZoneInfo(usual), NOW).utcoffset(NOW) == timedelta(hours=hours)
