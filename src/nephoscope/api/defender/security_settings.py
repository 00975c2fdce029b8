"""Microsoft.Security: what a subscription is protected by, who is told, and its settings, put here or read from the estate.

What is put here stands in the place of what the estate says in every answer; it switches nothing on in Azure.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/pricings (2024-01-01), security-contacts (2023-12-01-preview),
settings (2022-05-01), workspace-settings (2017-08-01-preview), auto-provisioning-settings, advanced-threat-protection (2019-01-01)
"""

from __future__ import annotations

from typing import Any

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import (
    accept_text,
    choose_by_member,
    choose_by_type,
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
    parse_boolean,
)
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, Check, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Plans, contacts and settings", "Microsoft.Security")
#: Every plan that the versions of the interface have had; `az` and Azure's own policies name the older ones too.
PLANS = (
    "VirtualMachines", "SqlServers", "AppServices", "StorageAccounts", "SqlServerVirtualMachines", "KubernetesService",
    "ContainerRegistry", "KeyVaults", "Dns", "Arm", "OpenSourceRelationalDatabases", "CosmosDbs", "Containers", "CloudPosture", "Api",
    "AI", "FoundationalCspm", "Discovery",
)  # fmt: skip
_SWITCHED, _TRUTH = declare_enumeration("On", "Off"), declare_enumeration("True", "False")
_GRADE = declare_enumeration("High", "Medium", "Low")
_PLAN = declare_object(
    {"pricingTier": declare_enumeration("Free", "Standard")},
    {
        "subPlan": accept_text(),
        "enforce": _TRUTH,
        "extensions": declare_array(
            declare_object(
                {"name": accept_text(least=1), "isEnabled": _TRUTH},
                {"additionalExtensionProperties": declare_object({})},
            )
        ),
    },
)
#: The sub-plans of the plans that have several: those of Standard.
#: Source: https://learn.microsoft.com/azure/templates/microsoft.security/pricings (subPlan), az security pricing create --help
SUB_PLANS = {
    "VirtualMachines": ("P1", "P2"),
    "StorageAccounts": ("PerStorageAccount", "PerTransaction", "DefenderForStorageV2"),
    "KeyVaults": ("PerKeyVault", "PerTransaction"),
    "Arm": ("PerSubscription", "PerApiCall"),
    "Api": ("P1", "P2", "P3", "P4", "P5"),
}
_ADDRESS = r"[^@\s;,]+@[^@\s;,]+"
_ADDRESSES = rf"\s*({_ADDRESS}(\s*[;,]\s*{_ADDRESS})*)?\s*[;,]?\s*"
_CONTACT = declare_object(
    {},
    {
        "isEnabled": parse_boolean,
        "emails": accept_text(_ADDRESSES, "addresses of mail with ';' between them"),
        "email": accept_text(_ADDRESSES, "an address of mail"),
        "phone": accept_text(),
        # one word in 2017, an object in 2020, a list of sources since 2023
        "alertNotifications": choose_by_type(
            {str: _SWITCHED, dict: declare_object({}, {"state": _SWITCHED, "minimalSeverity": _GRADE})}
        ),
        "alertsToAdmins": _SWITCHED,
        "notificationsByRole": declare_object(
            {},
            {
                "state": _SWITCHED,
                "roles": declare_array(
                    declare_enumeration("AccountAdmin", "ServiceAdmin", "Owner", "Contributor")
                ),
            },
        ),
        "notificationsSources": declare_array(
            choose_by_member(
                "sourceType",
                {
                    "Alert": declare_object({}, {"minimalSeverity": _GRADE}),
                    "AttackPath": declare_object(
                        {}, {"minimalRiskLevel": declare_enumeration("Critical", "High", "Medium", "Low")}
                    ),
                },
            )
        ),
    },
)
_ENABLED = declare_object({"isEnabled": parse_boolean})
_STORAGE = declare_object(
    {"isEnabled": parse_boolean},
    {
        "malwareScanning": declare_object(
            {},
            {
                "onUpload": declare_object(
                    {}, {"isEnabled": parse_boolean, "capGBPerMonth": declare_integer(-1, 10**9)}
                )
            },
        ),
        "sensitiveDataDiscovery": declare_object({}, {"isEnabled": parse_boolean}),
        "overrideSubscriptionLevelSettings": parse_boolean,
    },
)
_WORKSPACE = declare_object(
    {"workspaceId": accept_text(r"/.+", "the id of a workspace")}, {"scope": accept_text()}
)
#: The kind of a setting -> those that are of it.
SETTINGS = {
    "DataExportSettings": ("MCAS", "WDATP", "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", "WDATP_UNIFIED_SOLUTION"),
    "AlertSyncSettings": ("Sentinel",),
}


def _check_plan(body: Body) -> None:
    """A sub-plan is one of its plan, and of Standard."""
    properties, at = body["properties"], "properties.subPlan"
    given = properties.get("subPlan")
    if not given:
        return
    if properties["pricingTier"] == "Free":
        raise make_bad_request_error("The tier Free has no 'subPlan'.", at)
    known = next((one for name, one in SUB_PLANS.items() if name.lower() == body["name"].lower()), None)
    if known is not None:
        properties["subPlan"] = declare_enumeration(*known)(given, at)


def _check_contact(body: Body) -> None:
    """A contact has addresses, or roles that are told."""
    properties = body["properties"]
    recipients = properties.get("emails") or properties.get("email") or properties.get("notificationsByRole")
    if not recipients:
        raise make_bad_request_error(
            "A contact needs 'emails' or 'notificationsByRole'.", "properties.emails"
        )


def _check_setting(body: Body) -> None:
    """A setting is of the kind that its name has."""
    kind = next(one for one, several in SETTINGS.items() if body["name"].lower() in map(str.lower, several))
    body["kind"] = declare_enumeration(kind)(body.get("kind"), "kind")


#: What is put in the place of what the estate says changes nothing in Azure, and nothing is judged by it.
EFFECT = "It overrides the collected value in answers of this server and enables nothing in Azure."


def _add_scope(call: ApiCall, body: Body, _: Body | None) -> Body:
    """A setting of a workspace says what it is about."""
    return {**body, "properties": {"scope": call.scope, **body["properties"]}}


def _build_document_kind(
    word: str, operations: str, check: Check | None = None, **more: Any
) -> ArmDocumentKind:
    return ArmDocumentKind(f"Microsoft.Security/{word}", operations, EFFECT, check=check, near=True, **more)


# a plan is always there, if free: Azure answers 200, and `az` takes nothing else
for _one in (
    _build_document_kind(
        "pricings", "Pricings", _check_plan, shape=_PLAN, names=PLANS, created=200, deleted=204
    ),
    _build_document_kind("pricings/securityOperators", "SecurityOperators", created=200, whole=True),
    _build_document_kind(
        "securityContacts",
        "SecurityContacts",
        _check_contact,
        shape=_CONTACT,
        created=200,
        deleted=204,
        patched=True,
    ),
    _build_document_kind(
        "settings",
        "Settings",
        _check_setting,
        shape=declare_object({"enabled": parse_boolean}),
        names=tuple(one for several in SETTINGS.values() for one in several),
        created=200,
    ),
    _build_document_kind(
        "workspaceSettings",
        "WorkspaceSettings",
        shape=_WORKSPACE,
        made=_add_scope,
        created=200,
        deleted=204,
        patched=True,
    ),
    _build_document_kind(
        "autoProvisioningSettings",
        "AutoProvisioningSettings",
        shape=declare_object({"autoProvision": _SWITCHED}),
        created=200,
    ),
    _build_document_kind(
        "advancedThreatProtectionSettings", "AdvancedThreatProtection", shape=_ENABLED, created=200
    ),
    _build_document_kind("defenderForStorageSettings", "DefenderForStorage", shape=_STORAGE, created=200),
    _build_document_kind("informationProtectionPolicies", "InformationProtectionPolicies", whole=True),
    _build_document_kind("sensitivitySettings", "SensitivitySettings", created=200, whole=True),
    _build_document_kind("ingestionSettings", "IngestionSettings", created=200, whole=True),
):
    declare_document_operations(SURFACE, _one)
