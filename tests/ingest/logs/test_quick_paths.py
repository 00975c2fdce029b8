"""What is read the quick way is what the rules say: a plain statement of them beside it."""

from __future__ import annotations

import datetime as dt
import re

from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.logs import syslog_header
from nephoscope.ingest.logs.cef import parse_extension, unescape_cef_value
from nephoscope.ingest.logs.log_format import BadRecordError, StreamContext

KEY = re.compile(r"(?:^|(?<=[ \t]))([A-Za-z0-9_.\-\[\]]{1,128})=")
NOW = StreamContext("x", dt.datetime(2026, 6, 2, tzinfo=dt.UTC))


def by_the_rule(text: str) -> list[tuple[str, str]]:
    """A key stands at the start or behind a blank or a tab; a value ends where the next key begins."""
    keys = list(KEY.finditer(text))
    ends = [*(key.start() for key in keys[1:]), len(text)]
    before = text[: keys[0].start() if keys else None].strip()
    found = [("", unescape_cef_value(before))] if before else []
    for key, end in zip(keys, ends, strict=False):
        found.append((key[1], unescape_cef_value(text[key.end() : end].rstrip(" \t"))))
    return found


EXTENSIONS = st.lists(
    st.sampled_from(
        [
            "src=",
            "cs1Label=",
            "own.key[0]=",
            "1.2.3.4",
            " ",
            "  ",
            "=",
            "\\=",
            "\\\\",
            "\\n",
            "|",
            "/",
            "a b",
            "\t",
            "==",
        ]
    ),
    max_size=14,
).map("".join)


@given(EXTENSIONS)
def test_members_of_an_extension(text: str) -> None:
    assert parse_extension(text) == by_the_rule(text)


LINES = st.lists(
    st.sampled_from(
        [
            *(
                "<86>",
                "<191>",
                "<192>",
                "<9>",
                "Jun  1 10:00:00",
                "Jun 01 10:00:00",
                "Jun 31 10:00:00",
                "Jun  1 2026 10:00:00",
            ),
            *(
                " UTC",
                " GMT",
                "Z",
                " ",
                ":",
                "host",
                "10.0.0.1",
                "fe80::1",
                "sshd[42]:",
                "sshd:",
                "kernel",
                "[x]",
                "text = 1",
            ),
        ]
    ),
    max_size=9,
).map("".join)


@given(LINES | st.tuples(LINES, LINES).map(lambda parts: f"<86>Jun  1 10:00:00{parts[0]} {parts[1]}"))
def test_headers(line: str) -> None:
    def read() -> object:
        try:
            return syslog_header.parse_syslog_header(line, NOW)
        except BadRecordError as error:
            return str(error)

    usual, quick = syslog_header._USUAL, read()
    try:
        syslog_header._USUAL = re.compile("(?!)")
        assert quick == read()
    finally:
        syslog_header._USUAL = usual
