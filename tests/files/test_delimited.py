"""Tables that people keep as text: encoding, delimiter, rows with their lines, and files that are none."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.files.tables.delimited import DelimitedError, DelimitedFile


@pytest.mark.parametrize(
    ("data", "delimiter", "encoding", "first"),
    [
        (b"a,b\n1,2\n", ",", "utf-8", {"a": "1", "b": "2"}),
        (b"a\tb\n1,5\t2\n", "\t", "utf-8", {"a": "1,5", "b": "2"}),
        (b'a;b\n"1;1";2,5\n', ";", "utf-8", {"a": "1;1", "b": "2,5"}),
        (b"a|b\n1|2\n", "|", "utf-8", {"a": "1", "b": "2"}),
        (b"a\n1\n", ",", "utf-8", {"a": "1"}),
        (codecs.BOM_UTF8 + "ä,b\n1,2\n".encode(), ",", "utf-8-sig", {"ä": "1", "b": "2"}),
        (codecs.BOM_UTF16_LE + "ä;b\n1;2\n".encode("utf-16-le"), ";", "utf-16", {"ä": "1", "b": "2"}),
        (b'a,b\r\n"1\n1",2\r\n', ",", "utf-8", {"a": "1\n1", "b": "2"}),
    ],
)
def test_what_a_file_is_written_with(
    tmp_path: Path, data: bytes, delimiter: str, encoding: str, first: dict[str, str]
) -> None:
    (tmp_path / "t").write_bytes(data)
    found = DelimitedFile.open(tmp_path / "t")
    assert (found.delimiter, found.encoding) == (delimiter, encoding)
    assert next(found.read_rows()).cells == first


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        (b"", "", "it is empty"),
        (b"a,a\n", "", "two columns are named a"),
        (b"a,,b\n", "", "column 2 has no name"),
        (b"a,b\n\xff,1\n", "", "not utf-8; specify the encoding"),
        (b"a,b\n1,\x00\n", "", "line 2: contains a NUL byte"),
        (b"a,b\n1," + b"x" * (1 << 21), "", "line 2: longer than"),
        (b'a,b\n1,"x\n', "", "unexpected end of data"),
        (b"a,b\n", "nonsense", "encoding 'nonsense' not found"),
    ],
)
def test_a_file_that_is_none_is_told_with_its_place(
    tmp_path: Path, data: bytes, encoding: str, said: str
) -> None:
    (tmp_path / "t").write_bytes(data)
    with pytest.raises(DelimitedError, match=said):
        list(DelimitedFile.open(tmp_path / "t", encoding=encoding).read_rows())


@given(st.lists(st.tuples(*[st.text('ab ,;|"\t\n', max_size=6)] * 2).filter(any), max_size=8))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows]
    path.write_text("x,y\n" + "".join(",".join(row) + "\n" for row in quoted), newline="")
    found = list(DelimitedFile.open(path, delimiter=",").read_rows())
    assert [tuple(one.cells.values()) for one in found] == rows
