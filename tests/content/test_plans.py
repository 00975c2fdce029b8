"""The plans of Defender for Cloud name detections that exist, all of them, and enough."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nephoscope.alerts.library.defender_plan_reference_page import render_page
from nephoscope.alerts.library.defender_plans import _read_plan, load_plans
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.model.source_location import Place

RULES = {Path(rule.place.file).stem: rule for rule in load_shipped_rules().rules}
PAGE = render_page()
LEAST = {
    "Storage": 10,
    "Key Vault": 10,
    "SQL": 10,
    "App Service": 10,
    "Resource Manager": 10,
    "DNS": 8,
    "Containers": 10,
    "Servers: Linux machines": 10,
    "Servers: Windows machines": 25,
}


def test_every_named_detection_exists():
    named = {(plan.name, name) for plan in load_plans() for name in plan.list_detections()}
    assert sorted(one for one in named if one[1] not in RULES) == []


@pytest.mark.parametrize("plan", load_plans(), ids=lambda one: one.name)
def test_every_detection_of_a_plan_is_named(plan):
    section = PAGE.split(f"\n## {plan.title}\n")[1].split("\n## ")[0]
    elsewhere = frozenset().union(*(one.list_detections() for one in load_plans() if one.name != plan.name))
    ours = {
        rule.name
        for name, rule in RULES.items()
        if Path(rule.place.file).parent.name in plan.tables and name not in elsewhere
    }
    assert ours
    assert sorted(name for name in ours if name not in section) == []
    assert sorted(name for one in plan.alerts for name in one.types if f"`{name}`" not in section) == []


def test_an_alert_type_stands_once_in_a_plan():
    for plan in load_plans():
        twice = Counter(name for one in plan.alerts for name in one.types)
        assert [name for name, count in twice.items() if count > 1] == []
        assert not {name for one in plan.alerts for name in one.detections} & set(plan.beyond)


@pytest.mark.parametrize(("title", "least"), LEAST.items())
def test_there_are_enough(title: str, least: int):
    plan = next(one for one in load_plans() if one.title == title)
    assert len(plan.list_detections()) >= least


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "a plan has"),
        ('{"plan": "x"}', "a plan has"),
        ('{"plan":"x","source":"","tables":"T","alerts":[],"beyond":[]}', "list of strings"),
        (
            '{"plan":"x","source":"","tables":[],"alerts":[{"types":["A"]}],"beyond":[]}',
            "a reason why it has no detection",
        ),
        ('{"plan":"x","source":"","tables":[],"alerts":[{"type":"A"}],"beyond":[]}', "an alert has"),
    ],
)
def test_a_plan_that_is_wrong_is_told(text: str, message: str):
    with pytest.raises(ContentError, match=message):
        _read_plan(ContentDocument(text.encode(), Place("x.json")))
