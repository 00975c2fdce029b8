"""Log files of containers: what a format reads of what a container wrote is rows of that format, the rest a row of ContainerLogV2."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches

HEAD = "2026-05-28T12:00:00.123456789+02:00 stdout F "
ENVOY = (
    '{"start_time":"2026-05-28T10:00:02Z","method":"GET","x-envoy-origin-path":"/a","response_code":404,'
    '"downstream_remote_address":"203.0.113.9:40000",":authority":"shop"}'
)
MESSAGES = {
    ENVOY: ("ASimWebSessionLogs", "Url", "/a"),
    '203.0.113.9 - - [28/May/2026:10:00:03 +0000] "GET /b HTTP/1.1" 200 157 "-" "Mozilla/5.0"': (
        "ASimWebSessionLogs", "SrcIpAddr", "203.0.113.9",
    ),
    "<34>May 28 10:00:00 web1 sshd[7]: Invalid user x from 203.0.113.9": ("Syslog", "Computer", "web1"),
    "2026-05-28T10:00:00Z WARN nothing of syslog": ("ContainerLogV2", "LogMessage", "2026-05-28T10:00:00Z WARN nothing of syslog"),
    '{"level":"info","message":"an own record"}': ("ContainerLogV2", "LogSource", "stdout"),
    '{"level": broken': ("ContainerLogV2", "LogMessage", '{"level": broken'),
    "password=hunter2secret": ("ContainerLogV2", "LogSource", "stdout"),
}  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES)
def test_what_a_container_wrote_is_read_by_the_format_that_knows_it(message: str) -> None:
    context = StreamContext(source="app.log", now=datetime(2026, 6, 1, tzinfo=UTC))
    found = [
        placed
        for batch in read_batches(io.BytesIO(f"{HEAD}{message}\n".encode()), load_formats(), context)
        for several in batch.rows.values()
        for placed in several
    ]
    table, column, value = MESSAGES[message]
    assert [(one.row.table, one.row.values[column], one.place) for one in found] == [(table, value, "line 1")]
    assert "hunter2secret" not in str(found)
