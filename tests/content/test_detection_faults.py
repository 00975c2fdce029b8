"""No shipped detection has one of the faults that a rule of its kind is easily written with.

The rows beside a rule are changed in a way that must not change what it raises: the case of names of users, the column that an
activity's properties stand in, the window that comes after. What cannot be shown by rows is looked for in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cases_together import alerts_together, by_table

from nephoscope.alerts.rule_tests.rule_test import RuleTestRunner
from nephoscope.alerts.rule_tests.rule_test_file import RuleTestCase, build_cases_path, read_cases
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules

RULES = load_shipped_rules().rules
Case = RuleTestCase


def named(rule: AnalyticRule) -> str:
    return Path(rule.place.file).stem


def cases(rule: AnalyticRule) -> list[Case]:
    return beside(Path(rule.place.file))


@pytest.fixture(scope="module")
def ground() -> Iterator[RuleTestRunner]:
    with RuleTestRunner() as opened:
        yield opened


@pytest.fixture(scope="module")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether all cases of a rule are changed."""
    return bool(request.config.getoption("--full"))


@cache
def beside(path: Path) -> list[Case]:
    """The cases of a rule's test file."""
    return read_cases(build_cases_path(path))


def rows(case: Case) -> Iterator[dict[str, Any]]:
    for table in case.tables.values():
        yield from table


def changed(case: Case, change: Any) -> Case:
    """The case with each of its rows as `change(number, row)` makes it."""
    tables = {
        name: [change(number, row) for number, row in enumerate(table)] for name, table in case.tables.items()
    }
    return replace(case, tables=tables)


def looked_at(several: Iterable[Case], full: bool) -> list[Case]:
    """The first case that raises and the first that does not; all of them where the counts are full."""
    found = list(several)
    if full:
        return found
    raising = next((case for case in found if case.alerts), None)
    quiet = next((case for case in found if not case.alerts), None)
    return [case for case in (raising, quiet) if case is not None]


def raised_wrongly(rule: AnalyticRule, several: list[Case], ground: RuleTestRunner) -> list[str]:
    """The notes of cases that raise another number of alerts than they say."""
    found = alerts_together(ground, rule, several)
    return [case.note for case, alerts in zip(several, found, strict=True) if len(alerts) != case.alerts]


MAIL = re.compile(r"[\w.-]+@[\w.-]+\.[a-z]+")
#: The columns and keys that hold the name of a user; Entra ID does not tell their case apart.
NAMES = frozenset(
    {
        "UserPrincipalName",
        "Caller",
        "UserId",
        "RequesterUpn",
        "userPrincipalName",
        "upn",
        "ServerPrincipalName",
    }
)


def shouted(value: Any, key: str = "") -> Any:
    """A value with the names of users in it in capitals."""
    if isinstance(value, dict):
        return {name: shouted(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [shouted(inner, key) for inner in value]
    return value.upper() if key in NAMES and isinstance(value, str) and MAIL.fullmatch(value) else value


def of_users(case: Case) -> bool:
    return sum(shouted(row) != row for row in rows(case)) > 1


@pytest.mark.sampled(4, each=by_table)
@pytest.mark.parametrize("rule", [rule for rule in RULES if any(map(of_users, cases(rule)))], ids=named)
def test_names_of_users_count_whatever_their_case(
    rule: AnalyticRule, ground: RuleTestRunner, full: bool
) -> None:
    several = looked_at(filter(of_users, cases(rule)), full)
    mixed = [changed(case, lambda number, row: shouted(row) if number % 2 else row) for case in several]
    assert raised_wrongly(rule, mixed, ground) == []


def as_text(_: int, row: dict[str, Any]) -> dict[str, Any]:
    """An activity as exports have it whose objects stand as text in the older columns."""
    moved = {
        name.removesuffix("_d"): json.dumps(value)
        for name, value in row.items()
        if name in ("Properties_d", "Claims_d")
    }
    return {**moved, **{name: value for name, value in row.items() if not name.endswith("_d")}}


def of_activities(case: Case) -> bool:
    return any({"Properties_d", "Claims_d"} & row.keys() for row in case.tables.get("AzureActivity", ()))


@pytest.mark.sampled(4, each=by_table)
@pytest.mark.parametrize("rule", [rule for rule in RULES if any(map(of_activities, cases(rule)))], ids=named)
def test_an_activity_whose_properties_are_text(
    rule: AnalyticRule, ground: RuleTestRunner, full: bool
) -> None:
    several = looked_at(filter(of_activities, cases(rule)), full)
    moved = [
        replace(
            case,
            tables={
                **case.tables,
                "AzureActivity": [as_text(0, row) for row in case.tables["AzureActivity"]],
            },
        )
        for case in several
    ]
    assert raised_wrongly(rule, moved, ground) == []


@pytest.mark.sampled(4)
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.period > rule.frequency], ids=named)
def test_the_next_window_does_not_raise_the_same_again(rule: AnalyticRule, ground: RuleTestRunner) -> None:
    raising = next(case for case in cases(rule) if case.alerts)
    assert ground.raise_alerts(rule, raising, later=rule.frequency) == []


BEFORE = re.compile(r"\| distinct (Caller|By|Who|UserId|UserPrincipalName)(?=[;)\n])")


@pytest.mark.parametrize("rule", [rule for rule in RULES if BEFORE.search(rule.query)], ids=named)
def test_an_actor_without_a_name_does_not_speak_for_others(rule: AnalyticRule) -> None:
    for found in BEFORE.finditer(rule.query):
        pipeline = rule.query[: found.start()].rpartition(";")[2]
        assert f"isnotempty({found[1]})" in pipeline or named(rule) in BY_TARGET


#: Lists of actors that are not asked who is in them.
BY_TARGET: frozenset[str] = frozenset()

DIRECT = re.compile(r"^\s*\(?\s*(ThreatIntelIndicators|ThreatIntelligenceIndicator)\b", re.MULTILINE)


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_indicators_are_asked_through_what_knows_their_validity(rule: AnalyticRule) -> None:
    assert not DIRECT.search(rule.query)
    held = "Confidence >= " in rule.query and "ValidFrom" in rule.query
    assert "_Indicators()" not in rule.query or "_Listed" in rule.query or held


BEGUN = re.compile(r"'(Start|Started|Accept|Accepted)'")
#: Rules that read what was asked for in the row of its start, and which of them want it done.
READS_THE_START = {
    "port-opened-to-internet": True,
    "defender-plan-turned-off": True,
    "sql-auditing-changed": True,
    "auto-provisioning-turned-off": True,
    "suspicious-script-in-machine": False,
}


@pytest.mark.parametrize("rule", [rule for rule in RULES if "ActivityStatusValue" in rule.query], ids=named)
def test_what_was_begun_is_not_what_was_done(rule: AnalyticRule) -> None:
    assert bool(BEGUN.search(rule.query)) == (named(rule) in READS_THE_START)
    assert (
        not READS_THE_START.get(named(rule))
        or "ActivityStatusValue in~ ('Success', 'Succeeded')" in rule.query
    )


COUNTED = re.compile(r"dcount\(IPAddress\)|array_length\(Addresses\) >=")


@pytest.mark.parametrize("rule", [rule for rule in RULES if "SigninLogs" in rule.query], ids=named)
def test_the_addresses_of_one_network_of_ipv6_count_once(rule: AnalyticRule) -> None:
    assert not COUNTED.search(rule.query) or named(rule) == "revoked-session-tried"
