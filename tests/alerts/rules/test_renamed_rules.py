"""Rules that were renamed are still found by what people call them."""

from __future__ import annotations

from collections import Counter

import pytest

from nephoscope.alerts.library.hunting import load_shipped_queries as shipped_hunting
from nephoscope.alerts.rules.renamed_rules import choose_rules, load_former_names
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.automation.event_facts import build_row_view
from nephoscope.automation.rule_formats.sentinel_rules import read_sentinel_rule

RULES = (*load_shipped_rules().rules, *shipped_hunting().rules)
TRAVEL = next(one for one in RULES if one.name == "Impossible travel")
OLD = "Sign-ins from places too far apart"


def test_former_names_are_those_of_shipped_rules_and_say_one_rule_each() -> None:
    known = {one.id for one in RULES}
    assert set(load_former_names()) <= known
    counted = Counter(name.casefold() for names in load_former_names().values() for name in names)
    assert [name for name, count in counted.items() if count > 1] == []
    assert not counted.keys() & {one.name.casefold() for one in RULES}


@pytest.mark.parametrize("wanted", [TRAVEL.id.upper(), "impossible travel", OLD.upper()])
def test_a_rule_is_chosen_by_id_name_and_former_name(wanted: str) -> None:
    assert choose_rules(RULES, wanted) == [TRAVEL]


def test_every_former_name_chooses_its_rule() -> None:
    by_id = {one.id: one for one in RULES}
    for id_, names in load_former_names().items():
        assert all(choose_rules(RULES, name) == [by_id[id_]] for name in names), names


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [
        ("Equals", OLD, True),
        ("Contains", "too far apart", True),
        ("NotContains", "too far apart", False),
        ("Equals", "Impossible travel", True),
        ("Contains", "Password spray", False),
    ],
)
def test_a_condition_on_a_title_knows_the_former_name(operator: str, value: str, holds: bool) -> None:
    condition = {"propertyName": "IncidentTitle", "operator": operator, "propertyValues": [value]}
    body = {
        "properties": {
            "displayName": "x",
            "order": 1,
            "triggeringLogic": {
                "isEnabled": True,
                "triggersOn": "Incidents",
                "triggersWhen": "Created",
                "conditions": [{"conditionType": "Property", "conditionProperties": condition}],
            },
            "actions": [
                {
                    "actionType": "ModifyProperties",
                    "order": 1,
                    "actionConfiguration": {"labels": [{"labelName": "seen"}]},
                }
            ],
        }
    }
    incident = {"Title": "Impossible travel", "RelatedAnalyticRuleIds": [TRAVEL.id], "IncidentNumber": 1}
    rule = read_sentinel_rule("/automationrules/one", body)
    assert rule.matches("incident.created", build_row_view(incident)) is holds
