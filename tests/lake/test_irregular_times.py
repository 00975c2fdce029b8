"""Times that a calendar has no place for are read, by the lake and by the logs alike; what is not one stays none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.logs import timestamps
from nephoscope.lake.schema import coercion
from nephoscope.lake.schema.arrow_column import coerce_column
from nephoscope_kql.types import KqlType

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
COUNTED = st.datetimes(datetime(2001, 9, 10), datetime(2286, 11, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-06-30T23:59:60Z", JULY),
        ("2026-06-30T23:59:60.250Z", JULY + timedelta(milliseconds=250)),
        ("2026-06-30 23:59:60", JULY),
        ("2026-07-01T05:29:60+05:30", JULY),
        ("6/30/2026 11:59:60 PM", JULY),
        ("2026-06-30T24:00:00Z", JULY),
        ("2026-06-30T24:00:00.0000000Z", JULY),
        ("2026-06-30T24:00:00+02:00", JULY - timedelta(hours=2)),
        ("2026-06-30 24:00", JULY),
        ("6/30/2026 24:00:00", JULY),
        ("1782864000", JULY),
        ("1782864000.5", JULY + timedelta(milliseconds=500)),
        (" 1782864000000 ", JULY),
        (1782864000, JULY),
        (1782864000.5, JULY + timedelta(milliseconds=500)),
        *((text, None) for text in ("2026-06-30T24:00:01Z", "2026-06-30T24:01:00Z", "2026-06-30T23:59:61Z")),
        *((text, None) for text in ("2026-06-30T25:00:00Z", "9999-12-31T24:00:00Z", "2026-02-30T24:00:00Z")),
        *((text, None) for text in ("20260601", "20260601100000", "178286400", "17828640000", "01782864000")),
        *((text, None) for text in ("133700000000000000", "-1782864000", "1782864000x", "1.7828640e9")),
    ],
)
def test_odd_times_are_read_everywhere(text: Any, wanted: datetime | None) -> None:
    assert coercion.to_moment(text) == wanted
    assert timestamps.parse_moment(text) == wanted
    found = coerce_column([text, None], KqlType.DATETIME)
    assert found.array.to_pylist() == [wanted, None]
    assert found.unfit == ({} if wanted else {0: text})


@given(COUNTED, st.sampled_from([10**6, 10**3, 1]))
def test_counts_tell_their_unit_by_their_digits(time: datetime, unit: int) -> None:
    count = (time - EPOCH) // timedelta(microseconds=1) // unit
    wanted = EPOCH + timedelta(microseconds=count * unit)
    for value in (count, str(count)):
        assert coercion.to_moment(value) == timestamps.parse_moment(value) == wanted


@given(COUNTED, st.integers(0, 999))
def test_nanoseconds_are_cut_to_microseconds(time: datetime, more: int) -> None:
    count = (time - EPOCH) // timedelta(microseconds=1) * 1000 + more
    for value in (count, str(count)):
        assert coercion.to_moment(value) == timestamps.parse_moment(value) == time
    assert timestamps.from_epoch(count) == time


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.sampled_from(["T", " "]),
    st.sampled_from(["", "Z"]),
)
def test_the_calendar_stays_as_it_was(time: datetime, between: str, zone: str) -> None:
    text = time.isoformat(between) + zone
    assert coercion.to_moment(text) == timestamps.parse_moment(text) == time.replace(tzinfo=UTC)
