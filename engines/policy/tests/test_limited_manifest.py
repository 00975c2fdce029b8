"""What a collected manifest claims more narrowly than a type, and what a look-up concludes from it."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope_policy.definition import Definition
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.snapshot import Snapshot

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourcegroups/rg"
VAULT = {
    "id": f"{GROUP}/providers/Microsoft.KeyVault/vaults/v",
    "type": "Microsoft.KeyVault/vaults",
    "properties": {},
}
SITE = {"id": f"{GROUP}/providers/Microsoft.Web/sites/s", "type": "Microsoft.Web/sites", "properties": {}}
WHOLE = {"id": SUBSCRIPTION, "type": "Microsoft.Resources/subscriptions", "properties": {}}
DIAGNOSTICS = "Microsoft.Insights/diagnosticSettings"
BINDING = "Microsoft.Web/sites/hostNameBindings"


def state(body: dict[str, Any], details: dict[str, Any], scopes: dict[str, set[str]]) -> ComplianceState:
    rule = {
        "if": {"field": "type", "equals": body["type"]},
        "then": {"effect": "auditIfNotExists", "details": details},
    }
    coverage = Coverage({scope: frozenset(types) for scope, types in scopes.items()}, declared=True)
    resource = Resource.of(body)
    snapshot = Snapshot([resource], coverage=coverage)
    definition = Definition.parse({"properties": {"mode": "All", "policyRule": rule}})
    found = definition.evaluate(resource, snapshot).state
    assert definition.explain(resource, snapshot).state is found
    return found


@pytest.mark.parametrize(
    ("body", "details", "scope", "entry", "proves"),
    [
        (VAULT, {"type": DIAGNOSTICS}, SUBSCRIPTION, "microsoft.insights/diagnosticsettings", True),
        (
            VAULT,
            {"type": DIAGNOSTICS},
            SUBSCRIPTION,
            "microsoft.keyvault/vaults/providers/microsoft.insights/diagnosticsettings",
            True,
        ),
        (
            SITE,
            {"type": DIAGNOSTICS},
            SUBSCRIPTION,
            "microsoft.keyvault/vaults/providers/microsoft.insights/diagnosticsettings",
            False,
        ),
        (
            VAULT,
            {"type": DIAGNOSTICS},
            GROUP,
            "microsoft.keyvault/vaults/providers/microsoft.insights/diagnosticsettings",
            True,
        ),
        (
            VAULT,
            {"type": DIAGNOSTICS},
            f"{SUBSCRIPTION}/resourcegroups/other",
            "microsoft.insights/diagnosticsettings",
            False,
        ),
        (
            WHOLE,
            {"type": DIAGNOSTICS, "existenceScope": "subscription"},
            SUBSCRIPTION,
            "microsoft.resources/subscriptions/providers/microsoft.insights/diagnosticsettings",
            True,
        ),
        (
            SITE,
            {"type": BINDING, "name": "web"},
            SUBSCRIPTION,
            "microsoft.web/sites/hostnamebindings/web",
            True,
        ),
        (
            SITE,
            {"type": BINDING, "name": "logs"},
            SUBSCRIPTION,
            "microsoft.web/sites/hostnamebindings/web",
            False,
        ),
        (SITE, {"type": BINDING}, SUBSCRIPTION, "microsoft.web/sites/hostnamebindings/web", False),
        (SITE, {"type": BINDING}, SUBSCRIPTION, "microsoft.web/sites/hostnamebindings/*", True),
        (
            SITE,
            {"type": BINDING, "name": "logs"},
            SUBSCRIPTION,
            "microsoft.web/sites/hostnamebindings/*",
            False,
        ),
        (
            VAULT,
            {"type": "Microsoft.Network/networkWatchers"},
            GROUP,
            "microsoft.network/networkwatchers",
            True,
        ),
        (
            VAULT,
            {"type": "Microsoft.Network/networkWatchers", "resourceGroupName": "elsewhere"},
            GROUP,
            "microsoft.network/networkwatchers",
            False,
        ),
        (
            VAULT,
            {"type": "Microsoft.Network/networkWatchers", "existenceScope": "subscription"},
            GROUP,
            "microsoft.network/networkwatchers",
            False,
        ),
    ],
)
def test_absence_is_proven_only_where_it_was_read(
    body: dict[str, Any], details: dict[str, Any], scope: str, entry: str, proves: bool
) -> None:
    assert state(body, details, {scope: {entry}}) is (
        ComplianceState.NON_COMPLIANT if proves else ComplianceState.UNKNOWN
    )
