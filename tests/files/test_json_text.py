"""Documents of JSON texts with their places, whole, one behind another and a line each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.files.json_text import (
    JsonTextError,
    decode_json,
    iterate_file_documents,
    iterate_json_documents,
    read_json,
)

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_TRUNCATED, _CHARACTER = "not JSON: Input data was truncated", "not JSON: invalid character"

DOCUMENTS: dict[str, tuple[bytes, list[tuple[int, int, object, str]]]] = {
    "nothing": (b" \r\n", []),
    "one": (b'{"a": 1}', [(1, 1, {"a": 1}, "")]),
    "a mark": (b"\xef\xbb\xbf[1]", [(1, 1, [1], "")]),
    "over lines": (b'\n {\n "a": 1\n}\n', [(2, 2, {"a": 1}, "")]),
    "one a line": (b"{}\r\n[1]\n\n2", [(1, 1, {}, ""), (2, 1, [1], ""), (4, 1, 2, "")]),
    "one behind another": (b"{}{} [1]", [(1, 1, {}, ""), (1, 3, {}, ""), (1, 6, [1], "")]),
    "half of a pair": (b'"\\ud800"', [(1, 1, "\\ud800", "")]),
    "a broken line": (b'{"a":1}\n{"a":\n{"b":2}', [(1, 1, {"a": 1}, ""), (2, 1, None, _TRUNCATED), (3, 1, {"b": 2}, "")]),
    "what is wrong has its place": (b'{"a":1,\n "b": x}\n', [(2, 7, None, _CHARACTER), (2, 2, "b", ""), (2, 5, None, _CHARACTER)]),
    "no UTF-8": (b'"\xff"\n1', [(1, 1, None, "not JSON: Invalid UTF-8 encoded string"), (2, 1, 1, "")]),
    "deep": (b"[" * 20_000 + b"\n1", [(1, 1, None, "the JSON nests too deeply"), (2, 1, 1, "")]),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_have_their_places(name: str) -> None:
    data, wanted = DOCUMENTS[name]
    assert [tuple(one) for one in iterate_json_documents(data)] == wanted


@given(
    st.lists(_VALUES, max_size=4), st.sampled_from(["\n", "\r\n", " ", "\n\n"]), st.sampled_from([None, 1])
)
def test_what_was_written_is_read(values: list[object], between: str, indent: int | None) -> None:
    data = between.join(json.dumps(value, indent=indent) for value in values).encode()
    found = list(iterate_json_documents(data))
    assert [one.value for one in found] == values
    for one in found:
        rest = data.split(b"\n")[one.line - 1][one.column - 1 :]
        assert json.dumps(one.value, indent=indent).encode().startswith(rest.split(b" ")[0][:1])


def test_lines_that_open_what_they_do_not_close_are_not_read_again_and_again() -> None:
    data = b'{"a": [' + b'1,\n{"b":1},' * 20_000
    found = list(iterate_json_documents(data))
    assert (found[0].line, found[0].wrong) == (1, _TRUNCATED)
    assert len(found) <= 40_001


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"type": "bundle",\n "objects": [}', "line 2, column 14: not JSON: invalid character"),
        (b"", "line 1, column 1: not JSON: Input data was truncated"),
        (b"{} {}", "line 1, column 4: not JSON: trailing characters"),
        (b"[" * 20_000, "line 1, column 1: the JSON nests too deeply"),
        (b"x" * 41, "the file exceeds 40 bytes"),
    ],
)
def test_a_document_that_is_none_is_told_with_its_place(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "t").write_bytes(data)
    with pytest.raises(JsonTextError) as raised:
        read_json(tmp_path / "t", 40 if data[:1] == b"x" else 1 << 20)
    assert str(raised.value) == told


def test_a_file_of_lines_goes_on_behind_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b'\xef\xbb\xbf{"a":1}\n\n{"a"\n{"b":2}\n')
    found = list(iterate_file_documents(tmp_path / "t", largest=10, longest=100))
    assert [(one.line, one.value) for one in found] == [(1, {"a": 1}), (3, None), (4, {"b": 2})]
    assert found[1].wrong == 'not JSON: Input data was truncated: {"a"\n'


def test_a_file_that_is_no_lines_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"[\n1]")
    assert list(iterate_file_documents(tmp_path / "t", largest=10, longest=100)) == [(0, 0, [1], "")]
    with pytest.raises(JsonTextError, match="exceeds 3 bytes; split it"):
        list(iterate_file_documents(tmp_path / "t", largest=3, longest=100))


def test_half_of_a_pair_is_kept_as_its_escape() -> None:
    assert decode_json(b'["\\ud83d\\ude00", "\\udc00"]') == ["\U0001f600", "\\udc00"]
