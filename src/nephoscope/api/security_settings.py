"""Microsoft.Security: what a subscription is protected by, who is told, and its settings, put here or read from the estate.

What is put here stands in the place of what the estate says in every answer; it switches nothing on in Azure.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/pricings (2024-01-01), security-contacts (2023-12-01-preview),
settings (2022-05-01), workspace-settings (2017-08-01-preview), auto-provisioning-settings, advanced-threat-protection (2019-01-01)
"""

from __future__ import annotations

from typing import Any

from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.kept import Body, Check, Kind, declare
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Plans, contacts and settings", "Microsoft.Security")
TIERS = ("Free", "Standard")


def _tier(body: Body) -> None:
    given = body["properties"].get("pricingTier")
    if given not in TIERS:
        raise bad(f"pricingTier is one of {', '.join(TIERS)}.", "properties.pricingTier")


def _contact(body: Body) -> None:
    """A contact has addresses, or roles that are told."""
    properties = body["properties"]
    told = properties.get("emails") or properties.get("email") or properties.get("notificationsByRole")
    if not told:
        raise bad("A contact needs 'emails' or 'notificationsByRole'.", "properties.emails")


#: What is put in the place of what the estate says changes nothing in Azure, and nothing is judged by it.
EFFECT = "It is told in the place of what the estate says, and switches nothing on in Azure."


def _words(name: str, *words: str) -> Check:
    """Asks for one of some words under a name."""

    def check(body: Body) -> None:
        if body["properties"].get(name) not in words:
            raise bad(f"{name} is one of {', '.join(words)}.", f"properties.{name}")

    return check


def _switch(name: str) -> Check:
    """Asks for true or false under a name."""

    def check(body: Body) -> None:
        if not isinstance(body["properties"].get(name), bool):
            raise bad(f"{name} must be true or false.", f"properties.{name}")

    return check


def _workspace(body: Body) -> None:
    if not isinstance(body["properties"].get("workspaceId"), str):
        raise bad("'workspaceId' must be the id of a workspace.", "properties.workspaceId")


def _scoped(call: Call, body: Body, _: Body | None) -> Body:
    """A setting of a workspace says what it is about."""
    return {**body, "properties": {"scope": call.scope, **body["properties"]}}


def _kind(word: str, operations: str, check: Check | None = None, **more: Any) -> Kind:
    return Kind(f"Microsoft.Security/{word}", operations, EFFECT, check=check, near=True, **more)


# a plan is always there, if free: Azure answers 200, and `az` takes nothing else
for _one in (
    _kind("pricings", "Pricings", _tier, created=200, deleted=204),
    _kind("pricings/securityOperators", "SecurityOperators", created=200, whole=True),
    _kind("securityContacts", "SecurityContacts", _contact, created=200, deleted=204, patched=True),
    _kind("settings", "Settings", created=200, whole=True),
    _kind(
        "workspaceSettings",
        "WorkspaceSettings",
        _workspace,
        made=_scoped,
        created=200,
        deleted=204,
        patched=True,
    ),
    _kind(
        "autoProvisioningSettings",
        "AutoProvisioningSettings",
        _words("autoProvision", "On", "Off"),
        created=200,
    ),
    _kind("advancedThreatProtectionSettings", "AdvancedThreatProtection", _switch("isEnabled"), created=200),
    _kind("defenderForStorageSettings", "DefenderForStorage", _switch("isEnabled"), created=200),
    _kind("informationProtectionPolicies", "InformationProtectionPolicies", whole=True),
    _kind("sensitivitySettings", "SensitivitySettings", created=200, whole=True),
    _kind("ingestionSettings", "IngestionSettings", created=200, whole=True),
):
    declare(SURFACE, _one)
