"""The sign-in strip: places as lanes over the same time, what failed, and risk detections at the place of their address."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel
from nephoscope.web.page_data.sign_in_timeline import MOST_PLACES, draw_strip, group_places
from nephoscope.web.rendering.time_lanes import HEIGHT, LEAST, TimeLane, draw_lane

UNTIL = datetime(2026, 11, 8, tzinfo=UTC)
SINCE, STEP = UNTIL - timedelta(days=7), timedelta(hours=6)


def row(country, day, count, failed=0, address="192.0.2.1", network=64500):
    at = SINCE + timedelta(days=day)
    return {
        "Location": country, "AutonomousSystemNumber": network, "SignIns": count, "Failed": failed, "Slot": at.isoformat(),
        "Last": (at + timedelta(hours=1)).isoformat(), "Clients": ["Edge Windows"], "Addresses": [address],
    }  # fmt: skip


def risk(address, day, **more):
    at = SINCE + timedelta(days=day)
    return RiskDetection(
        id=f"risk {day}", kind=IdentityKind.USER, identity="u", event_type="unfamiliarFeatures", level=RiskLevel.HIGH, happened=at,
        detected=at, updated=at, address=address, **more,
    )  # fmt: skip


def test_a_place_has_the_sum_of_its_parts_and_the_detections_of_its_addresses():
    rows = [row("NL", 1, 5), row("NL", 2, 3, 2), row("BR", 3, 4, address="192.0.2.9", network=None)]
    places = group_places(rows, [risk("192.0.2.9", 3)], SINCE)
    assert [(one.name, one.network, one.count, one.failed, len(one.risks)) for one in places] == [
        ("Brazil", "", 4, 0, 1), ("Netherlands", "AS64500", 8, 2, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("detection", "told"),
    [
        (risk("203.0.113.5", 3, location={"countryOrRegion": "PT"}), [("Portugal", 0, 1)]),
        (risk("203.0.113.5", 3), [("Unknown place", 0, 1)]),
        (risk("203.0.113.5", -3), []),
    ],
)
def test_a_detection_without_a_sign_in_of_its_address_has_a_place_of_its_own(detection, told):
    places = group_places([], [detection], SINCE)
    assert [(one.name, one.count, len(one.risks)) for one in places] == told


def test_the_places_of_the_latest_sign_ins_are_drawn():
    rows = [row(f"C{number}", number / 4, 1) for number in range(MOST_PLACES + 3)]
    drawn = [one.country for one in group_places(rows, [], SINCE)]
    assert drawn == [f"C{number}" for number in reversed(range(3, MOST_PLACES + 3))]


def test_each_lane_says_what_it_shows_and_all_have_the_same_scale():
    places = group_places([row("NL", 1, 8), row("BR", 3, 4, 4, "192.0.2.9")], [risk("192.0.2.9", 3)], SINCE)
    strip = draw_strip(places, SINCE, UNTIL, STEP)
    told = [re.search(r'aria-label="([^"]+)"', plot)[1] for _, plot in strip.lanes]
    assert told == [
        "Brazil AS64500: 4 sign-ins, 4 failed, Unfamiliar sign-in properties, high risk, 2026-11-04 00:00 UTC",
        "Netherlands AS64500: 8 sign-ins, 0 failed",
    ]
    heights = [float(one) for _, plot in strip.lanes for one in re.findall(r"v([\d.]+)H", plot)]
    assert heights == [HEIGHT / 2, HEIGHT]
    assert "time-lanes__mark--high" in strip.lanes[0][1]
    assert strip.labels[0] == "Nov 1"


def test_a_single_sign_in_is_seen_beside_thousands():
    plot = draw_lane(TimeLane("one", [0, 1], [0, 0]), 10_000)
    assert re.findall(r"v([\d.]+)H", plot) == [f"{LEAST:.1f}"]


def test_texts_of_a_lane_are_no_markup():
    assert "<b>" not in draw_lane(TimeLane('<b>"', [1], [0]), 1)
