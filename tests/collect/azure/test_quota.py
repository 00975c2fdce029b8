"""Throttling headers: what they say, and that a quota is waited for and never passed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.connect.throttling_quota import (
    ThrottleQuota,
    find_retry_delay,
    parse_http_date,
    parse_number,
    parse_remaining_quota,
    parse_span,
)

_NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:05", 5.0),
        ("0:0:5", 5.0),
        ("01:02:03", 3723.0),
        ("1.00:00:01", 86401.0),
        ("00:00:00.2500000", 0.25),
        (" 00:00:07 ", 7.0),
        ("", None),
        ("5", None),
        ("00:00", None),
        ("00:99:00", None),
        ("-00:00:05", None),
        ("٠٠:00:05", None),
    ],
)
def test_spans(text: str, seconds: float | None) -> None:
    assert parse_span(text) == seconds


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_every_span_reads_back(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"{days}.{hours:02d}:{minutes:02d}:{seconds:02d}"
    assert (
        parse_span(text)
        == timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
    )


@given(st.text(max_size=40))
def test_any_text_is_a_number_of_seconds_or_nothing(text: str) -> None:
    for found in (parse_span(text), parse_number(text), parse_http_date(text, _NOW)):
        assert found is None or found >= 0.0
    headers = {"retry-after": text, "x-ms-retry-after-ms": text, "x-ms-user-quota-resets-after": text}
    found = find_retry_delay(headers, _NOW)
    assert found is None or found >= 0.0
    left = parse_remaining_quota(
        {"x-ms-user-quota-remaining": text, "x-ms-ratelimit-remaining-subscription-reads": text}
    )
    assert left is None or (left[0] >= 0.0 and left[1] > 0.0)


@given(st.integers(0, 100_000))
def test_dates_and_seconds_say_the_same(seconds: int) -> None:
    moment = datetime.fromtimestamp(_NOW, UTC) + timedelta(seconds=seconds)
    assert find_retry_delay({"retry-after": format_datetime(moment, usegmt=True)}, _NOW) == seconds
    assert find_retry_delay({"retry-after": str(seconds)}, _NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "20"}, 0.02),
        ({"x-ms-user-quota-resets-after": "00:00:04"}, 4.0),
        ({"retry-after": "2", "x-ms-user-quota-resets-after": "00:00:04"}, 4.0),
        ({"retry-after": "soon"}, None),
    ],
)
def test_the_longest_wait_counts(headers: dict[str, str], seconds: float | None) -> None:
    assert find_retry_delay(headers, _NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({}, None),
        ({"x-ms-user-quota-remaining": "10", "x-ms-user-quota-resets-after": "00:00:03"}, (10.0, 3.0)),
        (
            {
                "x-ms-ratelimit-remaining-subscription-reads": "249",
                "x-ms-ratelimit-remaining-tenant-reads": "7",
            },
            (7.0, 1.0),
        ),
        ({"x-ms-ratelimit-remaining-subscription-writes": "1"}, None),
        ({"x-ms-user-quota-remaining": "3", "x-ms-ratelimit-remaining-tenant-reads": "1"}, (3.0, 1.0)),
    ],
)
def test_what_is_left(headers: dict[str, str], left: tuple[float, float] | None) -> None:
    assert parse_remaining_quota(headers) == left


def test_a_used_up_quota_is_waited_for() -> None:
    quota = ThrottleQuota(left=1.0)
    quota.wait()
    quota.update({"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:01"})
    quota.wait()
    assert 0.9 < quota.waited < 5.0


def test_the_first_answer_is_awaited_before_a_second_request() -> None:
    quota = ThrottleQuota(left=1.0)
    quota.wait()
    second = threading.Thread(target=quota.wait, daemon=True)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    quota.update({"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"})
    second.join(5)
    assert not second.is_alive()
    assert quota.left == 13.0


def test_requests_under_way_are_taken_off_what_is_left() -> None:
    quota = ThrottleQuota()
    for _ in range(3):
        quota.wait()
    quota.update({"x-ms-user-quota-remaining": "2", "x-ms-user-quota-resets-after": "00:00:01"})
    assert quota.left == 0.0


def test_answers_in_another_order_than_the_server_counted_leave_no_more() -> None:
    now = [0.0]
    quota = ThrottleQuota(clock=lambda: now[0])
    for _ in range(2):
        quota.wait()
    quota.update({"x-ms-user-quota-remaining": "1", "x-ms-user-quota-resets-after": "00:00:05"})
    quota.update({"x-ms-user-quota-remaining": "2", "x-ms-user-quota-resets-after": "00:00:05"})
    assert quota.left == 1.0
    now[0] = 5.0
    quota.wait()
    quota.update({"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"})
    assert quota.left == 14.0


def test_a_lost_request_gives_its_place_back() -> None:
    quota = ThrottleQuota(left=1.0)
    quota.wait()
    quota.count_lost_request()
    quota.wait()
    assert quota.waited < 0.5
