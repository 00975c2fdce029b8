"""Definitions of tables: the package's, imported ones, and broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.column_types import STANDARD, build_stored_names
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import Tables, import_tables
from nephoscope_kql.types import KqlType


def test_every_table_has_the_standard_columns_and_a_bag() -> None:
    for table in Tables.builtin():
        assert STANDARD.items() <= table.types.items()
        assert table.types[table.bag] == KqlType.DYNAMIC
        assert LakeTable.parse(table.document(), "here") == table


def test_names_that_differ_by_case_have_names_of_their_own_on_disk() -> None:
    assert build_stored_names(["a", "A", "b", "A_", "a"]) == ("a", "A·1", "b", "A_", "a·2")
    for table in Tables.builtin():
        lowered = [name.lower() for name in table.stored_columns.values()]
        assert len(set(lowered)) == len(lowered)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "is an object"),
        ({"name": "T"}, "is an object"),
        ({"name": "T", "columns": {}, "colour": 1}, "no such key: colour"),
        ({"name": "../T", "columns": {}}, "not a table name"),
        ({"name": "T", "columns": {"a b": "long"}}, "not a column name"),
        ({"name": "T", "columns": {"_Day": "datetime"}}, "not a column name"),
        ({"name": "T", "columns": {"a": "integer"}}, "integer"),
        ({"name": "T", "columns": {"TimeGenerated": "string"}}, "standard column TimeGenerated"),
        ({"name": "T", "columns": {"a": "long"}, "bag": "a"}, "its bag a"),
    ],
)
def test_a_broken_definition_says_what_is_wrong(document: object, reason: str) -> None:
    with pytest.raises(LakeError, match="here.*" + reason.replace(".", r"\.")):
        LakeTable.parse(document, "here")


def test_a_table_can_be_imported(lake: Lake, tmp_path: Path) -> None:
    lake.import_table(LakeTable.of("Mine_CL", {"a": KqlType.LONG}))
    assert Tables.of(tmp_path / "data")["Mine_CL"] == lake.tables["Mine_CL"]
    assert lake.query("Mine_CL | getschema | where ColumnName == 'a' | project ColumnType")[
        0
    ].table.to_pylist() == [{"ColumnType": "long"}]
    with pytest.raises(LakeError, match="table 'Other_CL' not found"):
        lake.tables["Other_CL"]


def test_a_definition_lies_in_the_file_of_its_name(tmp_path: Path) -> None:
    import_tables(tmp_path, [LakeTable.of("Mine_CL", {})])
    (tmp_path / "tables" / "Mine_CL.json").rename(tmp_path / "tables" / "Other.json")
    with pytest.raises(LakeError, match=r"is Mine_CL\.json"):
        Tables.of(tmp_path)
