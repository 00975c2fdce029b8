"""Headers of syslog as network devices send them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.syslog_header import parse_syslog_header

CONTEXT = replace(StreamContext(), now=datetime(2026, 11, 27, 4, tzinfo=UTC))
AT = datetime(2026, 11, 26, 2, 14, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "time", "host", "text"),
    [
        ("<166>:Nov 26 02:14:15 UTC: %ASA-session-6-302013: Built", AT, "", "%ASA-session-6-302013: Built"),
        ("<189>: Nov 26 02:14:15 UTC: %SYS-5-CONFIG_I: x", AT, "", "%SYS-5-CONFIG_I: x"),
        ("<189>45: fw1: Nov 26 02:14:15: %SYS-5-CONFIG_I: x", AT, "fw1", "%SYS-5-CONFIG_I: x"),
        ("<189>47: *Nov 26 2026 02:14:15: %SYS-5-CONFIG_I: x", AT, "", "%SYS-5-CONFIG_I: x"),
    ],
)
def test_devices(line: str, time: datetime, host: str, text: str) -> None:
    found = parse_syslog_header(line, CONTEXT)
    assert (found.time, found.host, found.text) == (time, host, text)


def test_macos_writes_a_space_between_day_and_time() -> None:
    context = StreamContext(source="x", now=datetime(2026, 6, 1, tzinfo=UTC))
    found = parse_syslog_header("2026-05-23 09:55:42.391078-0700  mac1 sshd[17329]: Failed password", context)
    assert (found.host, found.process, found.process_id) == ("mac1", "sshd", "17329")
    assert found.time == datetime(2026, 5, 23, 16, 55, 42, 391078, tzinfo=UTC)
    assert parse_syslog_header("2026-05-23 09:55:42.391 25746 INFO nova", context).time is None
