"""Every shipped detection raises alerts for the rows it is meant for, and none for those beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nephoscope.alerts.rule_test import check
from nephoscope.alerts.rules import folder, shipped

RULES = shipped().rules


def test_the_shipped_rules_can_be_read():
    assert shipped().refused == ()
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "path", sorted(one for one in folder().iterdir() if one.is_dir()), ids=lambda one: one.name
)
def test_the_rows_beside_the_rules(path: Path):
    failed = [f"{one.place} {one.note}: {one.problem}" for one in check(path) if not one.passed]
    assert failed == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: Path(rule.place.file).stem)
def test_what_a_rule_says_of_itself(rule):
    assert rule.description
    assert rule.tactics
    assert rule.techniques
    assert rule.mappings
    assert rule.tables
    assert rule.remediation
    assert rule.version


WRONG = {
    "cases:\n  - {note: x, tables: {AzureActivity: [{TimeGenerated: -5m, Nope: 1}]}, alerts: 0}\n": "no column Nope",
    "cases:\n  - {note: x, tables: {Nope: []}, alerts: 0}\n": "no table is named Nope",
    "cases:\n  - {note: x, tables: {}, alerts: 1}\n": "0 alerts, wanted 1",
    "cases:\n  - {note: x, tables: {}, alerts: 0}\n": "rows that raise an alert",
    "cases:\n  - {note: x, tables: {}, alert: 0}\n": "unknown key alert",
    "cases: 3\n": "a list",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_test_file_that_is_wrong_is_told(text: str, tmp_path: Path):
    rule = next(folder().rglob("diagnostic-settings-removed.yaml"))
    (tmp_path / rule.name).write_text(rule.read_text())
    (tmp_path / "diagnostic-settings-removed.test.yaml").write_text(text)
    assert any(WRONG[text] in one.problem for one in check(tmp_path))
