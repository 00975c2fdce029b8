"""Every shipped detection raises alerts for the rows it is meant for, and none for those beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cases_together import by_table, find_failures

from nephoscope.alerts.rule_tests.rule_test import RuleTestRunner, check_folder, check_rule
from nephoscope.alerts.rule_tests.rule_test_file import build_cases_path, read_cases
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules, locate_rules_folder
from nephoscope_policy.model.state import Severity

RULES = load_shipped_rules().rules


def test_the_shipped_rules_can_be_read():
    assert load_shipped_rules().refused == ()
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.fixture(scope="module")
def ground() -> Iterator[RuleTestRunner]:
    with RuleTestRunner() as opened:
        yield opened


@pytest.mark.sampled(4, each=by_table)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: Path(rule.place.file).stem)
def test_the_rows_beside_a_rule(rule: AnalyticRule, ground: RuleTestRunner):
    cases = read_cases(build_cases_path(Path(rule.place.file)))
    assert find_failures(ground, rule, cases) == []
    assert {bool(case.alerts) for case in cases} == {True, False}


@pytest.fixture(scope="module")
def optimized() -> Iterator[RuleTestRunner]:
    """What queries are run on as a schedule runs them."""
    with RuleTestRunner(small=False) as opened:
        yield opened


@pytest.mark.full
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: Path(rule.place.file).stem)
def test_the_rows_beside_a_rule_case_by_case(rule: AnalyticRule, optimized: RuleTestRunner):
    failed = [
        f"{one.place} {one.note}: {one.problem}" for one in check_rule(optimized, rule) if not one.has_passed
    ]
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
    "cases:\n  - {note: x, tables: {Nope: []}, alerts: 0}\n": "table 'Nope' not found",
    "cases:\n  - {note: x, tables: {}, alerts: 1}\n": "0 alerts, wanted 1",
    "cases:\n  - {note: x, tables: {}, alerts: 0}\n": "rows that raise an alert",
    "cases:\n  - {note: x, tables: {}, alert: 0}\n": "unknown field `alert`",
    "cases: 3\n": "a list",
    "cases:\n  - {tables: {AzureActivity: [{repeat: 0}]}, alerts: 0}\n": "repeat must be a number from 1",
    "cases:\n  - {tables: {AzureActivity: [{repeat: 2, each: {Caller: [a]}}]}, alerts: 0}\n": "not both",
    "cases:\n  - {tables: {AzureActivity: [{each: {Caller: [a], Type: []}}]}, alerts: 0}\n": "must have the same length",
    "cases:\n  - {tables: {AzureActivity: [{rows: [{}]}]}, alerts: 0}\n": "rows needs repeat or each",
    "cases: [\n": "not YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_test_file_that_is_wrong_is_told(text: str, tmp_path: Path):
    rule = next(locate_rules_folder().rglob("diagnostic-settings-removed.yaml"))
    (tmp_path / rule.name).write_text(rule.read_text())
    (tmp_path / "diagnostic-settings-removed.test.yaml").write_text(text)
    assert any(WRONG[text] in one.problem for one in check_folder(tmp_path))


def test_what_is_wrong_in_a_test_file_has_its_line(tmp_path: Path):
    rule = next(locate_rules_folder().rglob("diagnostic-settings-removed.yaml"))
    (tmp_path / rule.name).write_text(rule.read_text())
    lines = [
        "base: {AzureActivity: {TimeGenerated: -5m}}",
        "cases:",
        "- note: x",
        "  tables:",
        "    AzureActivity:",
        "    - {repeat: 3}",
        "    - {Nope: 1}",
        "  alerts: 0",
        "- {note: y, tables: {}, alerts: 1}",
    ]
    (tmp_path / "diagnostic-settings-removed.test.yaml").write_text("\n".join(lines))
    assert [one.place.line for one in check_folder(tmp_path) if one.note] == [7, 9]


#: Rules that look at the past for something else than what is unusual: what held before, was deleted before, was refused before.
NOT_HABITS = {
    "deactivated-application-tried": "the application was there and is refused now",
    "deactivated-secret-tried": "the secret was there and is refused now",
    "second-factor-refused-by-user": "a prompt that its user did not start",
    "unused-account-persists": "the log has to reach back ten days, which the query asks for",
    "unusual-tcp-counter": "each machine needs a day of the counter, which the query asks for",
    "impossible-travel": "two sign-ins of the same hours",
    "session-many-addresses": "two places of one session; a network is new only beside known ones",
    "publishing-new-address": "days of its own, and threat intelligence beside them",
    **dict.fromkeys(
        (
            "alert-rule-deleted", "application-address-changed", "conditional-access-changed", "data-collection-rule-deleted",
            "diagnostic-settings-removed", "directory-role-definition", "management-lock-deleted", "named-location-changed",
            "network-watcher-deleted", "policy-assignment-deleted", "sentinel-rule-deleted",
        ),
        "rare and grave by itself: a habit excuses it, and without a past nothing does",
    ),
}  # fmt: skip
PAST = re.compile(r"TimeGenerated < ago\(")
#: Days that a query asks for itself.
OWN_DAYS = re.compile(r"Days >= \d|since < ago\(|since <= ago\(")
LISTED = re.compile(r"_Listed|_Indicators|ThreatIntel")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: Path(rule.place.file).stem)
def test_what_compares_with_a_past_waits_until_there_is_one(rule: AnalyticRule) -> None:
    compares = rule.period > timedelta(days=1) and PAST.search(rule.query) and not LISTED.search(rule.query)
    waits = rule.learning or OWN_DAYS.search(rule.query) or rule.severity.rank >= Severity.HIGH.rank
    assert not compares or waits or Path(rule.place.file).stem in NOT_HABITS
    assert rule.learning is None or rule.tables
