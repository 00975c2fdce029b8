"""The tables of the package: every file is whole, and no record category has two tables."""

from __future__ import annotations

from collections import Counter

import pytest

from nephoscope.content.loader import load_documents
from nephoscope_kql.types import KqlType
from nephoscope_policy.documents import ContentDocument

FILES = list(load_documents(kind="tables"))
STANDARD = {"TimeGenerated": "datetime", "TenantId": "string", "Type": "string"}


def test_the_package_brings_the_tables_that_sources_and_rules_need() -> None:
    assert len(FILES) >= 120


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_a_table_file_is_whole(file: ContentDocument) -> None:
    table = file.json()
    assert set(table) <= {"name", "description", "categories", "bag", "columns", "machine"}
    assert table["name"] == file.name.removesuffix(".json")
    assert table["description"].endswith(".")
    assert not [kind for kind in table["columns"].values() if kind not in {one.value for one in KqlType}]
    assert {
        name: kind for name, kind in table["columns"].items() if name in STANDARD
    }.items() <= STANDARD.items()
    assert table["columns"]["TimeGenerated"] == "datetime"
    assert table["columns"].get(table.get("bag"), "dynamic") == "dynamic"


def test_a_category_of_records_has_one_table() -> None:
    owners = Counter(category.lower() for file in FILES for category in file.json().get("categories", ()))
    assert [category for category, count in owners.items() if count > 1] == []
