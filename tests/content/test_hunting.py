"""Every shipped hunting query is read, finds the rows it is meant for, and none of those beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nephoscope.alerts.hunting import folder, shipped
from nephoscope.alerts.rule import Kind
from nephoscope.alerts.rule_test import check
from nephoscope.alerts.rules import shipped as shipped_rules

QUERIES = shipped().rules


def test_the_shipped_queries_can_be_read():
    files = [one for one in folder().rglob("*.yaml") if not one.name.endswith(".test.yaml")]
    assert shipped().refused == ()
    assert len(QUERIES) == len(files) >= 25
    assert len({one.name for one in QUERIES}) == len(QUERIES)
    assert not {one.id for one in QUERIES} & {one.id for one in shipped_rules().rules}


@pytest.mark.parametrize(
    "path", sorted(one for one in folder().iterdir() if one.is_dir()), ids=lambda one: one.name
)
def test_the_rows_beside_the_queries(path: Path):
    assert [f"{one.place} {one.note}: {one.problem}" for one in check(path) if not one.passed] == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda one: Path(one.place.file).stem)
def test_what_a_query_says_of_itself(query):
    assert query.kind is Kind.HUNTING
    assert query.description
    assert query.tactics
    assert query.techniques
    assert query.mappings
    assert query.tables
    assert query.version
