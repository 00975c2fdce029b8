"""Reasons of counts that took nothing: what keeps the nearest member from being counted, and where it has that."""

from __future__ import annotations

import pytest

from nephoscope_policy import Aliases, Definition, Snapshot
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

VAULT = "/subscriptions/2f1d9c1e-5b7a-4c0e-9a53-6d0c8f4b7e11/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
SETTINGS = "Microsoft.Insights/diagnosticSettings"
AUDITED = {
    "count": {
        "field": f"{SETTINGS}/logs[*]",
        "where": {
            "allOf": [
                {"field": f"{SETTINGS}/logs[*].category", "equals": "AuditEvent"},
                {"field": f"{SETTINGS}/logs[*].enabled", "equals": True},
            ]
        },
    },
    "greater": 0,
}
DEFINITION = Definition.parse(
    {
        "properties": {
            "policyRule": {
                "if": {"field": "type", "equals": "Microsoft.KeyVault/vaults"},
                "then": {
                    "effect": "AuditIfNotExists",
                    "details": {"type": SETTINGS, "existenceCondition": AUDITED},
                },
            }
        }
    }
)


@pytest.mark.parametrize(
    ("logs", "message", "at"),
    [
        pytest.param(
            [{"category": "Other", "enabled": True}, {"category": "AuditEvent", "enabled": False}],
            "no member of logs[*] qualifies: enabled is false",
            ("properties", "logs", 1),
            id="a switch that is off is nearer than another name",
        ),
        pytest.param(
            [{"category": "s3cr3t", "enabled": True}],
            'no member of logs[*] qualifies: category is not "AuditEvent"',
            ("properties", "logs", 0),
            id="a text of the resource is not said",
        ),
        pytest.param(
            [{"category": "AuditEvent"}],
            "no member of logs[*] qualifies: enabled is absent",
            ("properties", "logs", 0),
            id="a switch that is not there",
        ),
        pytest.param([], "", ("properties", "logs"), id="a list without members"),
    ],
)
def test_a_count_of_none_names_what_its_nearest_member_lacks(
    logs: list[dict[str, object]], message: str, at: tuple[str | int, ...]
) -> None:
    vault = Resource.of({"id": VAULT, "type": "Microsoft.KeyVault/vaults", "properties": {}})
    setting = Resource.of(
        {"id": f"{VAULT}/providers/{SETTINGS}/d", "type": SETTINGS, "properties": {"logs": logs}}
    )
    result = DEFINITION.explain(vault, Snapshot([vault, setting], Aliases.load_builtin()))
    assert result.state is ComplianceState.NON_COMPLIANT
    (reason,) = result.reasons
    assert (reason.message, reason.at, reason.actual) == (message, at, 0)


def test_a_count_of_none_that_is_as_it_should_be_says_its_number() -> None:
    rule = {
        "if": {
            "allOf": [
                {"field": "type", "equals": SETTINGS},
                {"count": AUDITED["count"], "greater": 0},
            ]
        },
        "then": {"effect": "Audit"},
    }
    setting = Resource.of(
        {
            "id": f"{VAULT}/providers/{SETTINGS}/d",
            "type": SETTINGS,
            "properties": {"logs": [{"category": "AuditEvent", "enabled": False}]},
        }
    )
    result = Definition.parse({"properties": {"policyRule": rule}}).explain(
        setting, Snapshot([setting], Aliases.load_builtin())
    )
    assert [reason.message for reason in result.reasons] == [""]
