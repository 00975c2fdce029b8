"""Messages out of streams: whatever the pieces that the network makes of them, the same messages come out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.live.syslog.message_framing import SyslogFramer, decode_message

LIMIT = 200
_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs", "Zs", "Zl", "Zp"]),
    max_size=30,
)
_MESSAGE = _TEXT.map(lambda text: f"<34>{text}".encode())


def _cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


def _framed(message: bytes, counted: bool) -> bytes:
    return b"%d %s" % (len(message), message) if counted else message + b"\n"


@given(st.lists(st.tuples(_MESSAGE, st.booleans()), max_size=12), st.lists(st.integers(0, 5000), max_size=12))
def test_whatever_the_cuts(messages: list[tuple[bytes, bool]], places: list[int]) -> None:
    frames = SyslogFramer(LIMIT)
    stream = b"".join(_framed(message, counted) for message, counted in messages)
    found = [message for piece in _cut(stream, places) for message in frames.feed(piece)]
    assert found == [message for message, _ in messages]
    assert not frames.over
    assert frames.finish() == ([], b"")


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=6))
def test_noise_never_fails_and_never_grows(noise: bytes, places: list[int]) -> None:
    frames, whole = SyslogFramer(LIMIT), SyslogFramer(LIMIT)
    found = [message for piece in _cut(noise, places) for message in frames.feed(piece)]
    assert found == whole.feed(noise)
    assert frames.finish() == whole.finish()
    assert sorted(frames.over) == sorted(whole.over)
    assert all(len(message) <= LIMIT for message in found)


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_message_over_the_limit_is_told_and_the_next_one_is_whole(counted: bool, step: int) -> None:
    long, short = b"<34>" + b"x" * LIMIT, b"<34>next"
    stream = _framed(long, counted) + _framed(short, counted)
    frames = SyslogFramer(LIMIT)
    found = [m for at in range(0, len(stream), step) for m in frames.feed(stream[at : at + step])]
    assert found == [short]
    assert frames.over == [(len(long), long, len(long))]


@pytest.mark.parametrize(
    ("stream", "messages", "cut"),
    [
        (b"<1>a\r\n<1>b\0\n", [b"<1>a", b"<1>b"], b""),
        (b"\n\n<1>a\n", [b"<1>a"], b""),
        (b"<1>last without an end", [b"<1>last without an end"], b""),
        (b"5 <1>ab6 <1>abc", [b"<1>ab", b"<1>abc"], b""),
        (b"9 <1>ab", [], b"9 <1>ab"),
        (b"2026-06-01 plain text\n", [b"2026-06-01 plain text"], b""),
        (b"12 angry men\n", [b"12 angry men"], b""),
        (b"12345678901 x\n", [b"12345678901 x"], b""),
        (b"9 CEF:0|a|b", [b"CEF:0|a|b"], b""),
        (b"7 <1>a\nb\n<1>c\n", [b"<1>a\nb\n", b"<1>c"], b""),
    ],
)
def test_cases(stream: bytes, messages: list[bytes], cut: bytes) -> None:
    frames = SyslogFramer(LIMIT)
    found = frames.feed(stream)
    last, rest = frames.finish()
    assert (found + last, rest) == (messages, cut)


def test_text() -> None:
    assert decode_message("<1>grüße".encode()) == "<1>grüße"
    assert decode_message(b"<1>gr\xfc\xdfe") == "<1>grüße"
    assert decode_message(b"<1>a\nb\n\0") == "<1>a#012b"
