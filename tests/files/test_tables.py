"""Files as tables: the type of a column, files of many shapes, declared types, what cannot be read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import kql_compare
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.files.function_files import FunctionFileError, load_functions, read_query
from nephoscope.files.tables import type_inference
from nephoscope.files.tables.table_files import TableFileError, read_table
from nephoscope_kql import cell_formatting
from nephoscope_kql.types import MAX_DATETIME_TICKS, KqlType

TESTS = Path(__file__).parents[1]
CASES = yaml.load((TESTS / "cases/tables/inference.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)


@pytest.mark.parametrize("case", CASES, ids=lambda case: ", ".join(case["texts"])[:60])
def test_the_type_of_texts(case: dict[str, Any]) -> None:
    kind, found = type_inference.infer_from_texts(pa.array(case["texts"], pa.string()))
    assert kind.value == case["type"]
    wanted = case.get("cells", case["texts"])
    if kind in (KqlType.DATETIME, KqlType.TIMESPAN):
        wanted = [kql_compare.recorded(kind.value, one) for one in wanted]
    assert found.to_pylist() == wanted


@given(st.lists(st.integers(0, MAX_DATETIME_TICKS), min_size=1))
def test_moments_are_read_as_they_are_written(ticks: list[int]) -> None:
    texts = pa.array([cell_formatting.format_moment(one) for one in ticks], pa.string())
    assert type_inference.infer_from_texts(texts)[0] == KqlType.DATETIME
    assert type_inference.infer_from_texts(texts)[1].to_pylist() == ticks


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_timespans_are_read_as_they_are_written(ticks: list[int]) -> None:
    texts = pa.array([cell_formatting.format_span(one) for one in ticks], pa.string())
    assert type_inference.infer_from_texts(texts)[0] == KqlType.TIMESPAN
    assert type_inference.infer_from_texts(texts)[1].to_pylist() == ticks


@given(st.lists(st.text()))
def test_any_texts_have_a_type_and_keep_their_number(texts: list[str]) -> None:
    kept = [text.encode("utf-8", "replace").decode() for text in texts]
    _, found = type_inference.infer_from_texts(pa.array(kept, pa.string()))
    assert len(found) == len(texts)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def shape(found: Any) -> dict[str, str]:
    return {name: kind.value for name, kind in found.schema.columns}


ROWS = [{"a": 1, "b": "x", "t": "2026-01-02T00:00:00Z"}, {"a": 2, "c": {"d": None}}]
WANTED = {"a": "long", "b": "string", "t": "datetime", "c": "dynamic"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", json.dumps(ROWS)),
        ("t.json", json.dumps({"value": ROWS})),
        ("t.json", json.dumps({"records": ROWS})),
        ("t.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("t.ndjson.gz", gzip.compress("\n".join(map(json.dumps, ROWS)).encode(), mtime=0)),
        ("t.json", json.dumps([ROWS[:1], ROWS[1:]])),
    ],
)
def test_json_in_its_shapes(tmp_path: Path, name: str, content: str | bytes) -> None:
    found = read_table("T", write(tmp_path, name, content))
    assert shape(found) == WANTED
    assert found.rows.column("a").to_pylist() == [1, 2]
    assert found.rows.column("b").to_pylist() == ["x", ""]
    assert found.rows.column("c").to_pylist() == [None, '{"d":null}']


def test_an_answer_of_the_query_api_says_its_types(tmp_path: Path) -> None:
    answer = {
        "tables": [
            {
                "name": "PrimaryResult",
                "columns": [{"name": "n", "type": "int"}, {"name": "when", "type": "datetime"}],
                "rows": [[1, "2026-01-02T03:04:05Z"], [None, None]],
            }
        ]
    }
    found = read_table("T", write(tmp_path, "t.json", json.dumps(answer)))
    assert shape(found) == {"n": "int", "when": "datetime"}
    assert found.rows.column("n").to_pylist() == [1, None]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5], "real"),
        ([1, "x"], "dynamic"),
        ([True, None], "bool"),
        ([True, 1], "dynamic"),
        ([2**63], "real"),
        ([None], "string"),
        ([[1]], "dynamic"),
        (["2026-01-01", "x"], "string"),
    ],
)
def test_the_type_of_json_values(tmp_path: Path, values: list[Any], kind: str) -> None:
    found = read_table("T", write(tmp_path, "t.json", json.dumps([{"v": value} for value in values])))
    assert shape(found) == {"v": kind}


def test_csv_with_quotes_and_lines_inside(tmp_path: Path) -> None:
    found = read_table("T", write(tmp_path, "t.csv", 'a,b\n"x\ny","1,5"\n"say ""hi""",2\n'))
    assert found.rows.to_pydict() == {"a": ["x\ny", 'say "hi"'], "b": ["1,5", "2"]}


def test_declared_types_and_missing_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b\n1,2\n,3\n")
    kinds = {"a": KqlType.STRING, "b": KqlType.REAL, "c": KqlType.DYNAMIC}
    found = read_table("T", path, kinds)
    assert shape(found) == {"a": "string", "b": "real", "c": "dynamic"}
    assert found.rows.to_pydict() == {"a": ["1", ""], "b": [2.0, 3.0], "c": [None, None]}


def test_a_folder_is_one_table(tmp_path: Path) -> None:
    write(tmp_path, "d/1.csv", "a,b\n1,x\n")
    write(tmp_path, "d/2.json", '[{"a": "two", "c": true}]')
    write(tmp_path, "d/readme.md", "not a table")
    found = read_table("T", tmp_path / "d")
    assert shape(found) == {"a": "string", "b": "string", "c": "bool"}
    assert found.rows.column("a").to_pylist() == ["1", "two"]


def test_parquet_stays_where_it_is(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1], "j": ['{"a":1}']}), tmp_path / "t.parquet")
    found = read_table("T", tmp_path / "t.parquet", {"j": KqlType.DYNAMIC})
    assert found.files == (tmp_path / "t.parquet",)
    assert shape(found) == {"n": "long", "j": "dynamic"}
    converted = read_table("T", tmp_path / "t.parquet", {"j": KqlType.STRING, "m": KqlType.INT})
    assert converted.rows.to_pydict() == {"n": [1], "j": ['{"a":1}'], "m": [None]}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.csv", "", "a header is required"),
        ("t.json", "[1]", "holds a int where an object is expected"),
        ("t.jsonl", '{"a":1}\n{"a":\n', "line 2: not JSON"),
        ("t.xml", "<a/>", "not one of"),
        ("t.csv.gz", b"\x1f\x8bxx", "t.csv.gz"),
        ("t.parquet", b"PAR0", "t.parquet"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | bytes, why: str) -> None:
    with pytest.raises(TableFileError, match=name) as caught:
        read_table("T", write(tmp_path, name, content))
    assert why in str(caught.value)


def test_a_value_that_is_not_of_its_declared_type(tmp_path: Path) -> None:
    with pytest.raises(TableFileError, match="column a is declared as long"):
        read_table("T", write(tmp_path, "t.csv", "a\nx\n"), {"a": KqlType.LONG})


def test_functions_in_files(tmp_path: Path) -> None:
    write(tmp_path, "Plain.kql", "T | count")
    write(tmp_path, "With.kql", "(a: long = (1), T: (b: int)) {\n T | where b == a }")
    write(tmp_path, "x.kql", ".create-or-alter function with (folder='f') Made(s: string) { print s }")
    parser = {
        "ParserName": "Old",
        "EquivalentBuiltInParser": "_Im_New",
        "ParserParams": [
            {"Name": "on", "Type": "bool", "Default": False},
            {"Name": "s", "Type": "string", "Default": "*"},
        ],
        "ParserQuery": "T | where on",
    }
    write(tmp_path, "sub/p.yaml", yaml.safe_dump(parser))
    write(tmp_path, "rule.yaml", "query: print 1")
    found = {one.name: one for one in load_functions(tmp_path)}
    assert sorted(found) == ["Made", "Old", "Plain", "With", "_Im_New"]
    assert found["With"].parameters == "a: long = (1), T: (b: int)"
    assert found["With"].body.strip() == "T | where b == a"
    assert (found["Made"].parameters, found["Made"].body.strip()) == ("s: string", "print s")
    assert found["Old"].parameters == 'on:bool=false, s:string="*"'
    assert read_query(tmp_path / "rule.yaml") == "print 1"


def test_functions_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(FunctionFileError, match=r"ends in \.kql or \.yaml"):
        load_functions(tmp_path)
    write(tmp_path, "a.kql", "(a: long { print a }")
    with pytest.raises(FunctionFileError, match="is not closed"):
        load_functions(tmp_path)
    write(tmp_path, "a.kql", "print 1")
    write(tmp_path, "sub/a.kql", "print 2")
    with pytest.raises(FunctionFileError, match="is also in"):
        load_functions(tmp_path)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("on", "ParserParams must be a list of objects"),
        (["on"], r"ParserParams\[0\] needs Name and Type"),
        ([{"Name": "on", "Type": "bool"}, {"Name": "off"}], r"ParserParams\[1\] needs Name and Type"),
    ],
)
def test_parameters_that_are_none(tmp_path: Path, given: object, fault: str) -> None:
    document = {"FunctionName": "F", "FunctionQuery": "T", "ParserParams": given}
    write(tmp_path, "f.yaml", json.dumps(document))
    with pytest.raises(FunctionFileError, match=rf"f\.yaml: {fault}"):
        load_functions(tmp_path)


@pytest.mark.parametrize("opened", [pa.ipc.new_file, pa.ipc.new_stream])
@pytest.mark.parametrize("ending", [".arrow", ".arrow.gz"])
def test_arrow_files_and_streams(tmp_path: Path, opened: Any, ending: str) -> None:
    fields = [
        pa.field("d", pa.string(), metadata={b"kql.type": b"dynamic"}),
        pa.field("s", pa.int64(), metadata={b"kql.type": b"timespan"}),
        pa.field("t", pa.timestamp("us", "UTC")),
        pa.field("w", pa.dictionary(pa.int32(), pa.string())),
    ]
    whole = pa.table(
        [['{"a":1}', None], [36_000_000_000, None], pa.array([0, None], pa.timestamp("us", "UTC")),
         pa.array(["x", "y"]).dictionary_encode()],
        schema=pa.schema(fields),
    )  # fmt: skip
    out = pa.BufferOutputStream()
    with opened(out, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=1)
    data = out.getvalue().to_pybytes()
    found = read_table(
        "T", write(tmp_path, "t" + ending, gzip.compress(data) if ending.endswith("gz") else data)
    )
    assert shape(found) == {"d": "dynamic", "s": "timespan", "t": "datetime", "w": "string"}
    assert found.rows.column("s").to_pylist() == [36_000_000_000, None]
    assert found.rows.column("w").to_pylist() == ["x", "y"]
    for damaged in (data[: len(data) // 2], b"", b"ARROW1", b"no arrow", data[:8] + b"\xff" * 40):
        with pytest.raises(TableFileError, match=r"t\.arrow"):
            read_table("T", write(tmp_path, "t.arrow", damaged))


def test_an_arrow_file_of_a_type_that_kql_lacks(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("x", pa.string(), metadata={b"kql.type": b"colour"})])
    out = pa.BufferOutputStream()
    with pa.ipc.new_file(out, schema) as writer:
        writer.write_table(pa.table([["red"]], schema=schema))
    with pytest.raises(TableFileError, match="the column x has the type"):
        read_table("T", write(tmp_path, "t.arrow", out.getvalue().to_pybytes()))
