"""Every shipped hunting query is read, finds the rows it is meant for, and none of those beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cases_together import find_failures

from nephoscope.alerts.library.hunting import load_shipped_queries, locate_hunting_folder
from nephoscope.alerts.rule_tests.rule_test import RuleTestRunner, check_rule
from nephoscope.alerts.rule_tests.rule_test_file import build_cases_path, read_cases
from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.rule_files import load_shipped_rules as shipped_rules

QUERIES = load_shipped_queries().rules


def test_the_shipped_queries_can_be_read():
    files = [one for one in locate_hunting_folder().rglob("*.yaml") if not one.name.endswith(".test.yaml")]
    assert load_shipped_queries().refused == ()
    assert len(QUERIES) == len(files) >= 25
    assert len({one.name for one in QUERIES}) == len(QUERIES)
    assert not {one.id for one in QUERIES} & {one.id for one in shipped_rules().rules}


@pytest.fixture(scope="module")
def ground() -> Iterator[RuleTestRunner]:
    with RuleTestRunner() as opened:
        yield opened


@pytest.mark.sampled(3)
@pytest.mark.parametrize("query", QUERIES, ids=lambda one: Path(one.place.file).stem)
def test_the_rows_beside_a_query(query: AnalyticRule, ground: RuleTestRunner):
    cases = read_cases(build_cases_path(Path(query.place.file)))
    assert find_failures(ground, query, cases) == []
    assert {bool(case.alerts) for case in cases} == {True, False}


@pytest.mark.full
@pytest.mark.parametrize("query", QUERIES, ids=lambda one: Path(one.place.file).stem)
def test_the_rows_beside_a_query_case_by_case(query: AnalyticRule, ground: RuleTestRunner):
    failed = [
        f"{one.place} {one.note}: {one.problem}" for one in check_rule(ground, query) if not one.has_passed
    ]
    assert failed == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda one: Path(one.place.file).stem)
def test_what_a_query_says_of_itself(query):
    assert query.kind is RuleKind.HUNTING
    assert query.description
    assert query.tactics
    assert query.techniques
    assert query.mappings
    assert query.tables
    assert query.version
