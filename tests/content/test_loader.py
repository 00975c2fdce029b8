"""The content loader: places, bounds, tolerance."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.content import loader
from nephoscope.content.loader import load_documents
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.model.source_location import Place

PLACE = Place("x.json")


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'// head\n{"a": /* in\nside */ 1} // tail', {"a": 1}),
        (b'{"a": "https://x/*not*/"} // c', {"a": "https://x/*not*/"}),
        (b'{"a": "q\\"// no"} // c', {"a": 'q"// no'}),
    ],
)
def test_json_is_read_with_mark_and_comments(data: bytes, want: object) -> None:
    assert ContentDocument(data, PLACE).json() == want


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b'{"a": 1,}', 1, 8),
        (b"{\n  // c\n  'a': 1}", 3, 3),
        (b"", 1, 1),
        (b'{"a"\n: NaN}', 0, 0),
        (b'{"a": 1}\n\xff', 2, 0),
        (b"[" * 100_000, 0, 0),
        (b'{"a": ' + b"9" * 5000 + b"}", 0, 0),
        (rb'{"a": "\ud800"}', 0, 0),
    ],
)
def test_a_broken_document_names_its_place(data: bytes, line: int, column: int) -> None:
    with pytest.raises(ContentError) as caught:
        ContentDocument(data, PLACE).json()
    assert caught.value.place.file == "x.json"
    assert caught.value.place.line == line
    if column and line == 3:
        assert caught.value.place.column == column


def test_a_folder_is_walked_in_order_and_tests_are_apart(tmp_path: Path) -> None:
    for name in (
        "policies/B/b.json",
        "policies/A/a.json",
        "policies/A/a.test.json",
        "initiatives/i.json",
        "notes.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (tmp_path / "policies" / "loop").symlink_to(tmp_path)
    assert [d.name for d in load_documents(tmp_path, "policies")] == ["a.json", "b.json"]
    assert [d.name for d in load_documents(tmp_path)] == ["i.json", "a.json", "b.json"]
    assert [d.name for d in loader.iterate_case_documents(tmp_path)] == ["a.test.json"]
    assert [d.name for d in load_documents(tmp_path / "initiatives", "policies")] == ["i.json"]
    assert [d.place.file for d in load_documents(tmp_path / "initiatives" / "i.json")] == [
        str(tmp_path / "initiatives" / "i.json")
    ]


def test_an_absent_root_and_an_oversized_file_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ContentError, match="no such file or folder"):
        list(load_documents(tmp_path / "nowhere"))
    monkeypatch.setattr("nephoscope_policy.documents.MAX_BYTES", 8)
    (tmp_path / "big.json").write_text('{"a": "123456"}')
    (big,) = load_documents(tmp_path)
    with pytest.raises(ContentError, match="the file exceeds"):
        big.json()


def test_the_shipped_pack_is_found_without_a_path() -> None:
    places = [document.place.file for document in load_documents(None, "policies")]
    assert places
    assert all(place.startswith("content/policies/") for place in places)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(), lambda inner: st.lists(inner)
    )
)
def test_whatever_json_is_written_comes_back(value: object) -> None:
    text = "// c\n" + json.dumps(value) + "/* d */"
    assert ContentDocument(text.encode(), PLACE).json() == value


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_content_error(data: bytes) -> None:
    with contextlib.suppress(ContentError):
        ContentDocument(data, PLACE).json()
