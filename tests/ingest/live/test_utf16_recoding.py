"""A stream of UTF-16 or UTF-32 gives its text in UTF-8, however it is cut; any other stream is as it was."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.live.utf16_recoding import RecodedStream


class _Drip(io.RawIOBase):
    """Gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self._data = io.BytesIO(data)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(self._size, size) if size > 0 else self._size)


def _all(stream: RecodedStream, size: int) -> bytes:
    parts = []
    while part := stream.read(size):
        parts.append(part)
    return b"".join(parts)


ENCODINGS = st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])


@given(st.text(min_size=1), ENCODINGS, st.integers(1, 9), st.integers(1, 9), st.data())
def test_wide_text_is_the_same_in_utf_8(
    text: str, encoding: str, drip: int, size: int, draw: st.DataObject
) -> None:
    data, wanted = ("\ufeff" + text).encode(encoding), text.encode()
    start = draw.draw(st.integers(0, len(wanted)))
    whole = RecodedStream(_Drip(data, drip), start, growing=False)
    assert (_all(whole, size), whole.damage) == (wanted[start:], "")
    cut = draw.draw(st.integers(4, len(data)))
    begun = RecodedStream(_Drip(data[:cut], drip), 0, growing=True)
    assert wanted.startswith(_all(begun, size))
    assert begun.damage == ""


@given(st.binary(), st.integers(1, 9), st.integers(0, 20), st.booleans())
def test_what_has_no_mark_is_as_it_was(data: bytes, drip: int, start: int, growing: bool) -> None:
    data = b"{" + data
    stream = RecodedStream(_Drip(data, drip), start, growing=growing)
    assert (_all(stream, 7), stream.damage) == (data[start:], "")


def test_what_follows_in_another_encoding_is_told() -> None:
    stream = RecodedStream(_Drip("\ufeffab".encode("utf-16-le") + b"\x00\xdc", 2), 0, growing=False)
    assert _all(stream, 9) == b"ab"
    assert "not in that encoding" in stream.damage
