"""Streams are cut into the same records, whatever wraps them and however they are read."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nephoscope.ingest.logs import record_framing, stream_window
from nephoscope.ingest.logs.record_framing import blocks

BROKEN = "broken"

WRAPPED = [
    ("records", b'{"records":[{"t":1},{"t":2}]}', ["records[0]", "records[1]"]),
    ("spaced", b'\xef\xbb\xbf { "records" : [ {"t":1} , {"t":2} ] } ', ["records[0]", "records[1]"]),
    (
        "records in records",
        b'{"records":[{"records":[{"t":1}]},{"records":[{"t":2}]}]}',
        ["records[0]", "records[1]"],
    ),
    ("behind members", b'{"count":2,"name":"x","records":[{"t":1},{"t":2}]}', ["records[0]", "records[1]"]),
    (
        "an answer",
        b'{"@odata.context":"c","value":[{"t":1},{"t":2}],"@odata.nextLink":"n"}',
        ["records[0]", "records[1]"],
    ),
    ("array", b'[{"t":1},\n{"t":2}]', ["records[0]", "records[1]"]),
    ("lines", b'{"t":1}\n\r\n{"t":2}\r\n', ["line 1", "line 3"]),
    ("one behind the other", b'{"t":1}{"t":2}', ["line 1", "line 1"]),
    ("pretty", b'{\n "t": 1\n}\n{\n "t": 2\n}', ["line 1", "line 4"]),
    ("cut at the end", b'{"records":[{"t":1},{"t":2}', ["records[0]", "records[1]"]),
    ("bare carriage returns", b'{"t":1}\r\r{"t":2}\r', ["line 1", "line 3"]),
    ("envelopes", b'{"records":[{"t":1}]}\n{"records":[{"t":2}]}', ["records[0]", "records[1]"]),
]


def _records(data: bytes, **options: object) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for block in blocks(io.BytesIO(data), **options):
        for piece in block.pieces:
            text = block.data[piece.start : piece.end]
            found.append(
                (piece.place, BROKEN if piece.error else text if block.text else msgspec.json.decode(text))
            )
    return found


@pytest.mark.parametrize(
    ("data", "places"), [case[1:] for case in WRAPPED], ids=[case[0] for case in WRAPPED]
)
def test_wrappers_are_taken_off(data: bytes, places: list[str]) -> None:
    assert _records(data) == list(zip(places, [{"t": 1}, {"t": 2}], strict=True))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b'{"t":1}\n{"t":2\n{"t":3}\n', [{"t": 1}, BROKEN, {"t": 3}]),
        (b'{"t":1}\n{"t":"x\n{"t":3}\n', [{"t": 1}, BROKEN, {"t": 3}]),
        (b'{"t":1}\n{"t":\n{"t":3}\n{"t":4}\n', [{"t": 1}, BROKEN, {"t": 3}, {"t": 4}]),
        (b'[{"t":1}, {"t":x}, {"t":3}]', [{"t": 1}, BROKEN, {"t": 3}]),
        (b'{"records":[{"t":1},{"t":x},{"t":3}]}', [{"t": 1}, BROKEN, {"t": 3}]),
        (b'{"records":[{"t":1},{"t":x},{"t":y}, {"t":4}]}', [{"t": 1}, BROKEN, BROKEN, {"t": 4}]),
        (b'{"t":1}\nrubbish\n{"t":3}\n', [{"t": 1}, BROKEN, {"t": 3}]),
        (b'{"t":1}\n{"t":' + b'{"a":' * 5000 + b"\n" + b'{"t":3}', [{"t": 1}, BROKEN, {"t": 3}]),
        (b'{"records":[{"t":1},{"t', [{"t": 1}, BROKEN]),
    ],
)
def test_what_is_broken_is_set_aside_and_the_rest_goes_on(data: bytes, wanted: list[object]) -> None:
    assert [value for _, value in _records(data)] == wanted


def test_a_growing_blob_is_taken_up_where_it_was_whole() -> None:
    blob = b'{"records":[{"t":1},{"t":2},{"t":3}]}'
    first = blob[: blob.index(b'{"t":3}') + 4]
    seen = list(blocks(io.BytesIO(first), growing=True))
    assert [len(block.pieces) for block in seen] == [2]
    rest = blob[seen[-1].end :]
    at = blob.index(b'{"t":3}')
    assert _records(rest, offset=seen[-1].end) == [(f"byte {at}", {"t": 3})]


def test_lines_of_text() -> None:
    data = b'<34>one\n\n{"t":1}\r\nlast'
    assert _records(data) == [("line 1", b"<34>one"), ("line 3", b'{"t":1}\r'), ("line 4", b"last")]
    assert [place for place, _ in _records(data, growing=True)] == ["line 1", "line 3"]


class _Drip(io.RawIOBase):
    """Gives a few bytes a read."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = io.BytesIO(data)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(self._size, size) if size > 0 else self._size)


_TEXTS = st.lists(
    st.sampled_from(
        [
            b'{"t":1}',
            b'{"t":{"u":[1,2]}}',
            b",",
            b"\n",
            b" ",
            b"[",
            b"]",
            b'{"records":[',
            b"]}",
            b'{"t":',
            b"x",
            b'{"t":"\\""}',
            b"{",
            b"}",
            b'"',
            b"\r",
            b"\\ud83d",
        ]
    ),
    max_size=40,
).map(b"".join)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"a\rb\r", [("line 1", b"a"), ("line 2", b"b")]),
        (b"a\rb", [("line 1", b"a"), ("line 2", b"b")]),
        (b"a\r\r b\r", [("line 1", b"a"), ("line 3", b" b")]),
        (b"a\r\n", [("line 1", b"a\r")]),
        (b"a\rb\nc", [("line 1", b"a\rb"), ("line 2", b"c")]),  # with line feeds it is a part of its line
    ],
)
def test_a_bare_carriage_return_ends_lines_where_nothing_else_does(
    data: bytes, wanted: list[tuple[str, object]]
) -> None:
    assert _records(data) == wanted


@given(st.lists(st.text(st.sampled_from("ab <"), max_size=9), min_size=2, max_size=40), st.integers(1, 60))
def test_lines_are_the_same_whatever_ends_them(lines: list[str], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_framing, "BLOCK", limit)
        found = [_records(end.join(["x", *lines, "x"]).encode()) for end in ("\r", "\n")]
    assert found[0] == found[1]


@given(_TEXTS, st.integers(1, 50), st.integers(1, 60))
@example(b'{"t":1},{"records":[,{"t":1}', 1, 1)  # the comma between two blocks says that a list goes on
def test_blocks_depend_on_bytes_alone(data: bytes, size: int, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_framing, "BLOCK", limit)
        patch.setattr(stream_window, "READ", 1)
        whole = list(blocks(io.BytesIO(data)))
        assert list(blocks(_Drip(data, size))) == whole
        for before, block in pairwise(whole):
            again = next(blocks(io.BytesIO(data[before.end :]), offset=before.end), None)
            if block.text is (again.text if again else None):
                assert (again.data, again.start, again.end) == (block.data, block.start, block.end)


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(-(2**53), 2**53), min_size=1),
        max_size=20,
    )
)
def test_no_record_is_lost(records: list[dict[str, object]]) -> None:
    records = [{"time": 1} | record for record in records]
    for data in (
        json.dumps({"records": records}).encode(),
        json.dumps(records, ensure_ascii=False).encode(),
        "\n".join(json.dumps(record) for record in records).encode(),
    ):
        assert [value for _, value in _records(data)] == records


def _small(patch: pytest.MonkeyPatch, read: int) -> None:
    """Records over 200 bytes and lines over 100 are too large."""
    for name, value in (("BLOCK", 100), ("MAX_RECORD", 200), ("MAX_LINE", 100), ("HEAD", 64)):
        patch.setattr(record_framing, name, value)
    patch.setattr(stream_window, "READ", read)


_ODD_TEXT = st.text(st.sampled_from('"\\{}[],:\n a\u00e9'), max_size=60)
_ODD_VALUE = st.recursive(
    _ODD_TEXT | st.integers(-9, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_ODD_TEXT, inner, max_size=6),
    max_leaves=30,
)
_SIZED = st.one_of(
    st.integers(0, 10**9).map(lambda value: {"t": value}),
    st.tuples(_ODD_VALUE, st.text(st.sampled_from('"\\{ '), min_size=200, max_size=500), _ODD_VALUE).map(
        lambda parts: {"t": parts[0], "long": parts[1], "more": [parts[2], {"t": 1}]}
    ),
    st.lists(st.just({"t": "x" * 9}), min_size=20, max_size=60).map(lambda parts: {"t": parts}),
)


@given(
    st.lists(_SIZED, min_size=1, max_size=12),
    st.sampled_from([('{"records":[', ",", "]}"), ("[", " ,\n", "]"), ("", "\n", "\n")]),
    st.integers(1, 90),
    st.data(),
)
def test_what_is_too_large_takes_nothing_with_it(
    records: list[dict[str, object]], wrapper: tuple[str, str, str], size: int, draw: st.DataObject
) -> None:
    opening, comma, closing = wrapper
    texts = [json.dumps(record, ensure_ascii=False) for record in records]
    data = (opening + comma.join(texts) + closing).encode()
    wanted = [
        BROKEN if len(text.encode()) > 200 else record for text, record in zip(texts, records, strict=True)
    ]
    kind = "records[{}]" if opening else "line {}"
    places = [kind.format(at if opening else at + 1) for at in range(len(records))]
    cut = draw.draw(st.integers(0, len(data)))
    with pytest.MonkeyPatch.context() as patch:
        _small(patch, size)
        whole = list(blocks(io.BytesIO(data)))
        assert list(blocks(_Drip(data, size))) == whole
        assert _records(data) == list(zip(places, wanted, strict=True))
        for at in range(len(whole)):
            rest = sum(len(block.pieces) for block in whole[at + 1 :])
            found = _records(data[whole[at].end :], offset=whole[at].end)
            assert [value for _, value in found] == wanted[len(wanted) - rest :]
        begun = list(blocks(_Drip(data[:cut], size), growing=True))
        taken, end = sum(len(block.pieces) for block in begun), begun[-1].end if begun else 0
        assert [value for _, value in _records(data[end:], offset=end)] == wanted[taken:]


@pytest.mark.parametrize("cut", ["-", "1.", "1e", "-1.5e+", "tru", '"x\\u00', "[1, -"])
def test_a_growing_record_is_waited_for_wherever_it_is_cut(cut: str) -> None:
    begun = b'{"records":[{"a": ' + cut.encode()
    assert list(blocks(io.BytesIO(begun), growing=True)) == []


@pytest.mark.parametrize(
    ("large", "reason"),
    [
        (b'{"t":"' + b"x" * 300 + b'\n,{"t":2}', "the record is over 200 bytes"),
        (b'{"t":[' + b"1," * 150 + b'}\n,{"t":2}', "the record is over 200 bytes"),
        (b'{"t":' + b"[" * 2000 + b',{"t":2}', "the record is over 200 bytes"),
        (b'{"t":x' + b"y" * 500 + b',{"t":2}', "not JSON"),
        (b'{"t":1,"u":"' + b"x" * 300 + b'" {"t":3}\n,{"t":2}', "the record is over 200 bytes"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_is_too_large_and_broken_ends_at_the_next_record(large: bytes, reason: str, size: int) -> None:
    data = b'{"records":[{"t":1},' + large + b',{"t":4},{"t":5}]}'
    with pytest.MonkeyPatch.context() as patch:
        _small(patch, size)
        found = [piece for block in blocks(_Drip(data, size)) for piece in block.pieces]
        values = [value for _, value in _records(data)]
    assert found[1].error.startswith(reason)
    assert found[1].place == "records[1]"
    assert values == [{"t": 1}, BROKEN, {"t": 2}, {"t": 4}, {"t": 5}]


@given(
    st.lists(st.integers(0, 150) | st.integers(0, 900), max_size=20).map(
        lambda sizes: [b"<" * size for size in [1, *sizes, 1]]
    ),
    st.integers(1, 90),
    st.data(),
)
def test_a_long_line_is_one_piece(lines: list[bytes], size: int, draw: st.DataObject) -> None:
    data = b"\n".join(lines)
    wanted = [(f"line {at}", BROKEN if len(line) > 100 else line) for at, line in enumerate(lines, 1) if line]
    cut = draw.draw(st.integers(0, len(data)))
    with pytest.MonkeyPatch.context() as patch:
        _small(patch, size)
        assert list(blocks(_Drip(data, size))) == list(blocks(io.BytesIO(data)))
        assert _records(data) == wanted
        begun = list(blocks(_Drip(data[:cut], size), growing=True))
        taken, end = sum(len(block.pieces) for block in begun), begun[-1].end if begun else 0
        rest = [value for _, value in _records(data[end:], offset=end)]
        assert rest == [value for _, value in wanted[taken:]]
