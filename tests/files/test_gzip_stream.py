"""Gzip whose members are damaged: those behind are read, what is broken is told by its offset, and nothing takes for ever."""

from __future__ import annotations

import gzip
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.files import gzip_stream
from nephoscope.files.gzip_stream import GzipStream


def _lines(number: int, count: int = 400) -> bytes:
    chosen = random.Random(number)
    return b"".join(
        b"member %d line %d %x\n" % (number, line, chosen.getrandbits(64)) for line in range(count)
    )


MEMBERS = [gzip.compress(_lines(number), mtime=0) for number in range(5)]
AT = [sum(map(len, MEMBERS[:number])) for number in range(5)]


def _read(data: bytes, size: int = 1 << 16) -> tuple[bytes, str]:
    """What a stream gives, and the error at its end."""
    stream, parts = GzipStream(io.BytesIO(data)), []
    try:
        while part := stream.read(size):
            assert len(part) <= size
            parts.append(part)
    except (EOFError, gzip.BadGzipFile) as error:
        return b"".join(parts), str(error)
    return b"".join(parts), ""


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


DAMAGED = {
    "a byte in the middle": _flipped(MEMBERS[2], len(MEMBERS[2]) // 2),
    "its first byte": _flipped(MEMBERS[2], 0),
    "its checksum": _flipped(MEMBERS[2], len(MEMBERS[2]) - 6),
    "its length": _flipped(MEMBERS[2], len(MEMBERS[2]) - 1),
    "cut in the middle": MEMBERS[2][: len(MEMBERS[2]) // 2],
    "cut in the header": MEMBERS[2][:5],
    "cut in its end": MEMBERS[2][:-3],
    "zeros from the middle on": MEMBERS[2][:1000] + bytes(len(MEMBERS[2]) - 1000),
    "no gzip": b"\x1f\x8b\x08" + _lines(7),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_members_behind_a_damaged_one_are_read(name: str, size: int) -> None:
    data = b"".join([*MEMBERS[:2], DAMAGED[name], *MEMBERS[3:]])
    found, error = _read(data, size)
    lines = set(found.split(b"\n"))
    whole = set(b"".join(_lines(number) for number in (0, 1, 3, 4)).split(b"\n"))
    assert whole <= lines
    assert error.startswith(f"the gzip member at byte {AT[2]} is ")
    assert error.endswith(f", reading went on at byte {AT[2] + len(DAMAGED[name])}")
    if name in ("its checksum", "its length", "cut in its end"):
        assert set(_lines(2).split(b"\n")) <= lines


def test_sound_members_are_read_as_they_are() -> None:
    data = b"".join(MEMBERS) + bytes(1000)
    for size in (7, 1 << 20):
        assert _read(data, size) == (b"".join(map(_lines, range(5))), "")
    assert _read(b"") == (b"", "")


def test_a_cut_end_is_told_as_such() -> None:
    found, error = _read(MEMBERS[0] + MEMBERS[1][:3000])
    assert (found.startswith(_lines(0)), error) == (True, "the last gzip member is cut")
    found, error = _read(DAMAGED["its checksum"] + MEMBERS[1][:3000])
    assert error.endswith(f", reading went on at byte {len(MEMBERS[2])}; the last one is cut")


def test_what_is_no_gzip_ends() -> None:
    assert _read(b"no gzip at all" * 100_000)[1].startswith("the gzip member at byte 0 is damaged (")
    many = b"".join(_flipped(member, len(member) - 6) for member in MEMBERS)
    assert _read(many)[1].endswith("; and 2 more")


def test_places_that_are_tried_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(gzip_stream, "_MOST_TRIED", 50)
    began: list[bytes] = []
    monkeypatch.setattr(gzip_stream, "_starts_member", lambda data: bool(began.append(data)))
    assert _read(b"\x1f\x8b\x08\xff" * 10_000)[0] == b""
    assert len(began) == 50


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_anywhere_takes_no_whole_member_along(data) -> None:
    members = [gzip.compress(_lines(number, 20), mtime=0) for number in range(4)]
    hurt = data.draw(st.integers(0, 3))
    at = data.draw(st.integers(0, len(members[hurt]) - 1))
    cut = data.draw(st.booleans())
    members[hurt] = members[hurt][:at] if cut else _flipped(members[hurt], at)
    found, _ = _read(b"".join(members), data.draw(st.sampled_from([1, 100, 5000])))
    for number in {0, 1, 2, 3} - {hurt}:
        assert set(_lines(number, 20).splitlines()) <= set(found.splitlines())
