"""Microsoft.SecurityInsights: how a workspace is set up: settings, onboarding, metadata of content, source controls, entity queries.

Source: https://learn.microsoft.com/rest/api/securityinsights/product-settings (2023-02-01-preview), metadata (2023-02-01),
sentinel-onboarding-states (2023-02-01), source-controls (2023-02-01-preview), entity-queries (2023-02-01-preview)
"""

from __future__ import annotations

from typing import Any

from nephoscope.api.sentinel.entities import list_expansion_queries
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import accept_text, declare_array, declare_enumeration, declare_object
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, Check, declare_document_operations
from nephoscope.api.wire.mitre_attack import TACTICS_OF, TECHNIQUES_OF
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.workspace_lookup import WORKSPACE

SURFACE = ApiSurface("Settings of a workspace", "Microsoft.SecurityInsights")
_CONTENT = "Packs and alert rules decide what runs; this setting is only stored."


def _require_texts(*names: str) -> Check:
    """Asks for texts in the properties."""

    def check(body: Body) -> None:
        for name in names:
            if not isinstance(body["properties"].get(name), str):
                raise make_bad_request_error(f"'{name}' must be a string.", f"properties.{name}")

    return check


_HUNT = declare_object(
    {"displayName": accept_text(least=1)},
    {
        "description": accept_text(),
        "status": declare_enumeration("New", "Active", "Closed"),
        "hypothesisStatus": declare_enumeration("Unknown", "Invalidated", "Validated"),
        "attackTactics": TACTICS_OF,
        "attackTechniques": TECHNIQUES_OF,
        "labels": declare_array(accept_text()),
    },
)

_CONTENT_TYPE = declare_enumeration(
    "AnalyticsRule", "AnalyticRule", "AutomationRule", "HuntingQuery", "Parser", "Playbook", "Workbook"
)
_SOURCE_CONTROL = declare_object(
    {
        "displayName": accept_text(least=1),
        "repoType": declare_enumeration("Github", "DevOps", "AzureDevOps"),
        "contentTypes": declare_array(_CONTENT_TYPE),
        "repository": declare_object(
            {},
            {
                **dict.fromkeys(("url", "branch", "displayUrl", "deploymentLogsUrl"), accept_text()),
                "pathMapping": declare_array(
                    declare_object({}, {"contentType": _CONTENT_TYPE, "path": accept_text()})
                ),
            },
        ),
    },
    {"description": accept_text()},
)


def _require_setting_kind(body: Body) -> None:
    if not isinstance(body.get("kind"), str) or not body["kind"]:
        raise make_bad_request_error("'kind' is required.", "kind")


def _enable_setting(_: ApiCall, body: Body, __: Body | None) -> Body:
    """A setting that is put is on."""
    return {**body, "properties": {"isEnabled": True, **body["properties"]}}


def _build_document_kind(
    word: str, operations: str, effect: str, check: Check | None = None, **more: Any
) -> ArmDocumentKind:
    return ArmDocumentKind(
        f"Microsoft.SecurityInsights/{word}", operations, effect, WORKSPACE, check, etag=True, **more
    )


for _one in (
    _build_document_kind(
        "settings",
        "ProductSettings",
        "It is stored and changes nothing on this server.",
        _require_setting_kind,
        created=200,
        made=_enable_setting,
    ),
    ArmDocumentKind(
        "Microsoft.SecurityInsights/onboardingStates",
        "SentinelOnboardingStates",
        "Every workspace of this server is onboarded.",
        WORKSPACE,
    ),
    _build_document_kind("metadata", "Metadata", _CONTENT, _require_texts("parentId", "kind"), patched=True),
    _build_document_kind(
        "sourcecontrols",
        "SourceControls",
        "Content is imported by `nephoscope content import`.",
        shape=_SOURCE_CONTROL,
    ),
    _build_document_kind(
        "entityQueries",
        "EntityQueries",
        "Use the listed expansions to query entities.",
        _require_setting_kind,
        own=list_expansion_queries,
    ),
    _build_document_kind(
        "securityMLAnalyticsSettings",
        "SecurityMLAnalyticsSettings",
        "It is stored; `nephoscope tuning` configures anomalies.",
        _require_setting_kind,
    ),
    _build_document_kind("contentPackages", "ContentPackages", _CONTENT, _require_texts("contentId")),
    _build_document_kind("contentTemplates", "ContentTemplates", _CONTENT, _require_texts("contentId")),
    _build_document_kind(
        "workspaceManagerConfigurations",
        "WorkspaceManagerConfigurations",
        "This server does not manage workspaces through others.",
    ),
    _build_document_kind(
        "hunts",
        "Hunts",
        "It is stored; `nephoscope hunt` runs hunting queries.",
        shape=_HUNT,
    ),
    _build_document_kind(
        "hunts/comments", "HuntComments", "It is stored with its hunt.", _require_texts("message")
    ),
    _build_document_kind(
        "hunts/relations", "HuntRelations", "It is stored with its hunt.", _require_texts("relatedResourceId")
    ),
):
    declare_document_operations(SURFACE, _one)
