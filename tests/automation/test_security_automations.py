"""Documents that are no automation are told with their place."""

from __future__ import annotations

import pytest

from nephoscope.automation.event_facts import build_row_view
from nephoscope.automation.rule import AutomationError
from nephoscope.automation.rule_formats.security_automations import read_automation

GOOD = {"eventSource": "Alerts"}
FILES = {"actionType": "Files", "name": "x"}


def ruled(operator):
    rule = {"propertyJPath": "a", "operator": operator, "expectedValue": "x"}
    return {"sources": [{**GOOD, "ruleSets": [{"rules": [rule]}]}], "actions": [FILES]}


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ({"actions": [FILES]}, "properties.sources"),
        ({"sources": [GOOD]}, "properties.actions"),
        ({"sources": [{"eventSource": "Weather"}], "actions": [FILES]}, "properties.sources[0].eventSource"),
        ({"sources": [GOOD], "actions": [{"actionType": "Fax"}]}, "properties.actions[0]"),
        ({"sources": [GOOD], "actions": [FILES, {"actionType": "Webhook", "url": "https://x"}]}, "properties.actions[1]"),
        (ruled("Like"), "properties.sources[0].ruleSets[0].rules[0].operator"),
        (ruled("GreaterThan"), "properties.sources[0].ruleSets[0].rules[0].expectedValue"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_place(properties, place):
    with pytest.raises(AutomationError) as error:
        read_automation({"id": "/providers/Microsoft.Security/automations/a", "properties": properties})
    assert error.value.path == place


def test_alerts_are_asked_under_azures_names():
    rules = [{"propertyJPath": "Severity", "operator": "Equals", "expectedValue": "High"}]
    one = read_automation(
        {
            "id": "/providers/Microsoft.Security/automations/a",
            "properties": {"sources": [{**GOOD, "ruleSets": [{"rules": rules}]}], "actions": [FILES]},
        }
    )
    assert one.matches("alert.created", build_row_view({"AlertSeverity": "High", "AlertName": "x"}))
    assert not one.matches("alert.created", build_row_view({"AlertSeverity": "Low", "AlertName": "x"}))
    incident = build_row_view({"Severity": "High", "IncidentNumber": 1})
    assert not one.matches("incident.created", incident)
    assert not one.is_met_by("incident.created", incident)
