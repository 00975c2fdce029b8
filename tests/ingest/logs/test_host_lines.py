"""Lines of web servers and of the Linux audit log become rows of their tables; what only resembles them does not."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "%ASA-6-605004: Login denied from 203.0.113.9/32597 to outside:192.0.2.14/ssh for user kim": (
        "Syslog",
        {
            "SyslogMessage": "%ASA-6-605004: Login denied from 203.0.113.9/32597 to outside:192.0.2.14/ssh for user kim",
            "TimeGenerated": NOW,
        },
    ),
    "2026-05-28 18:08:34,399 ftp1 proftpd[49] ftp1 (203.0.113.9[203.0.113.9]): USER kim (Login failed): Incorrect password": (
        "Syslog",
        {
            "ProcessName": "proftpd",
            "HostName": "ftp1",
            "ProcessID": 49,
            "SyslogMessage": "ftp1 (203.0.113.9[203.0.113.9]): USER kim (Login failed): Incorrect password",
            "TimeGenerated": datetime(2026, 5, 28, 18, 8, 34, 399000, tzinfo=UTC),
        },
    ),
    "2026-05-28 03:44:14 +0200 login authenticator failed for (a) [203.0.113.9]:35686: 535 Incorrect data (set_id=kim)": (
        "Syslog",
        {"ProcessName": "exim", "TimeGenerated": datetime(2026, 5, 28, 1, 44, 14, tzinfo=UTC)},
    ),
    "2026-05-28 14:12:12 203.0.113.9:45321 TLS Error: incoming packet authentication failed": (
        "Syslog",
        {
            "ProcessName": "openvpn",
            "SyslogMessage": "203.0.113.9:45321 TLS Error: incoming packet authentication failed",
        },
    ),
    '203.0.113.9 - kim [17/Oct/2025:14:14:21 +0200] "GET /a?b=1 HTTP/1.1" 404 492 "-" "curl/8"': (
        "ASimWebSessionLogs",
        {
            "TimeGenerated": datetime(2025, 10, 17, 12, 14, 21, tzinfo=UTC),
            "SrcIpAddr": "203.0.113.9",
            "SrcUsername": "kim",
            "HttpRequestMethod": "GET",
            "Url": "/a?b=1",
            "EventResult": "Failure",
            "EventResultDetails": "404",
            "DstBytes": 492,
            "HttpUserAgent": "curl/8",
        },
    ),
    'example.org 203.0.113.9 - - [17/Oct/2025:14:14:21 +0000] "\\x16\\x03" 400 -': (
        "ASimWebSessionLogs",
        {"HttpHost": "example.org", "Url": "\\x16\\x03", "EventResultDetails": "400"},
    ),
    '2025/09/30 09:23:53 [error] 19#19: *17 user "foo" was not found in "/a", client: 203.0.113.9': (
        "Syslog",
        {
            "ProcessName": "nginx",
            "SeverityLevel": "err",
            "TimeGenerated": datetime(2025, 9, 30, 9, 23, 53, tzinfo=UTC),
        },
    ),
    "[Tue Sep 30 14:25:44.895897 2025] [authz_core:error] [pid 3] [client 203.0.113.9:1] AH01630: client denied": (
        "Syslog",
        {"ProcessName": "apache2", "SyslogMessage": "[pid 3] [client 203.0.113.9:1] AH01630: client denied"},
    ),
    'node=web1 type=EXECVE msg=audit(1748779200.123:77): argc=2 a0="sh" a1=2D6320616263': (
        "LinuxAuditLog",
        {
            "RecordType": "EXECVE",
            "AuditID": "1748779200.123:77",
            "Computer": "web1",
            "a0": "sh",
            "a1": "-c abc",
            "SerialNumber": "77",
        },
    ),
    'type=PATH msg=audit(1748779200.123:78): item=0 name="/etc/passwd" inode=5': (
        "LinuxAuditLog",
        {"path": "/etc/passwd"},
    ),
    "type=USER_CMD msg=audit(1748779200.123:79): pid=3 uid=7 msg='cwd=\"/\" cmd=6C73202D6C res=success'": (
        "LinuxAuditLog",
        {"pid": 3, "uid": 7, "cwd": "/", "cmd": "ls -l", "res": "success"},
    ),
}
NOT_READ = (
    '203.0.113.9 - - [17/Xyz/2025:14:14:21 +0200] "GET / HTTP/1.1" 200 1',
    "2025/09/30 09:23:53 [nothing] 19#19: text",
    "type=PATH msg=audit(soon): item=0",
)


def rows_of(line: str) -> list[tuple[str, dict[str, Any]]]:
    context = StreamContext(source="test", now=NOW)
    return [
        (table, dict(one.row.values))
        for batch in read_batches(io.BytesIO(line.encode()), load_formats(), context)
        for table, placed in batch.rows.items()
        for one in placed
    ]


@pytest.mark.parametrize("line", CASES)
def test_a_line_becomes_a_row(line: str) -> None:
    table, wanted = CASES[line]
    ((found_in, row),) = rows_of(line)
    assert found_in == table
    assert {name: row.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("line", NOT_READ)
def test_a_line_that_only_resembles_one_does_not(line: str) -> None:
    assert rows_of(line) == []
