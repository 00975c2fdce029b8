"""What a compressed layer is unpacked to, held against the gzip of the standard library."""

from __future__ import annotations

import gzip
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.layer_stream import open_tar

MEMBERS = st.lists(
    st.tuples(
        st.binary(max_size=300) | st.integers(0, 90_000).map(bytes) | st.integers(1, 9_000).map(lambda n: b"layer %d " % n * n),
        st.sampled_from((0, 1, 6, 9)),
        st.integers(0, 600),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip


class Dripping:
    """A stream that gives fewer bytes than it is asked for, as a connection does."""

    def __init__(self, content: bytes, seed: int) -> None:
        self._content, self._random = io.BytesIO(content), random.Random(seed)

    def read(self, size: int = -1, /) -> bytes:
        """Give some of what is asked for."""
        return self._content.read(size if size < 0 else self._random.randint(1, max(1, size)))


def unpacked(content: bytes, seed: int) -> bytes:
    """Give all that is in a layer, read by pieces."""
    stream = open_tar(Dripping(content, seed), "the layer")
    return b"".join(iter(lambda: stream.read(65_536), b""))


@given(MEMBERS, st.integers(0, 1_000))
def test_members_of_gzip_and_zeros_between_them(members, seed):
    packed = b"".join(gzip.compress(content, level) + bytes(zeros) for content, level, zeros in members)
    assert unpacked(packed, seed) == b"".join(content for content, _, _ in members)


@given(st.binary(min_size=1, max_size=5_000), st.integers(0, 1_000), st.data())
def test_what_is_cut_off_is_an_error(content, seed, data):
    packed = gzip.compress(content)
    cut = data.draw(st.integers(6, len(packed) - 1))
    with pytest.raises(ImageError, match="the layer cannot be decompressed"):
        unpacked(packed[:cut], seed)


@given(st.binary(min_size=1, max_size=5_000), st.integers(0, 1_000), st.data())
def test_content_that_its_checksum_does_not_fit_is_an_error(content, seed, data):
    packed = bytearray(gzip.compress(content))
    packed[data.draw(st.integers(len(packed) - 8, len(packed) - 1))] ^= 0x10
    with pytest.raises(ImageError, match="the layer cannot be decompressed"):
        unpacked(bytes(packed), seed)
