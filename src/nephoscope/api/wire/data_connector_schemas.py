"""Shapes of Sentinel's data connectors and of their definitions, a table a kind.

A field is needed where every version of the interface that has the kind needs it; a data type that is named says its state.

Source: https://learn.microsoft.com/azure/templates/microsoft.securityinsights/dataconnectors (to 2025-04-01-preview),
https://learn.microsoft.com/azure/templates/microsoft.securityinsights/dataconnectordefinitions (2024-09-01)
"""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.api.wire.body_schema import (
    Shape,
    accept_text,
    array,
    choose_by_type,
    fields,
    flag,
    integer,
    moment,
    words,
)

_GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_STATE = fields({"state": words("Enabled", "Disabled")})
_SINCE = fields({"state": words("Enabled", "Disabled")}, {"lookbackPeriod": accept_text()})
_TENANT: Mapping[str, Shape] = {"tenantId": accept_text(_GUID, "the id of a tenant")}
_SUBSCRIPTION: Mapping[str, Shape] = {"subscriptionId": accept_text(_GUID, "the id of a subscription")}


def _build_data_types_shape(*several: str) -> Shape:
    """The data types that a connector may have."""
    return fields({}, dict.fromkeys(several, _STATE))


def _build_tenant_connector_shape(*several: str, **more: Shape) -> Shape:
    """A connector that reads some data types of a tenant."""
    return fields(_TENANT, {"dataTypes": _build_data_types_shape(*several), **more})


_PERMISSION = fields(
    {},
    {
        "provider": accept_text(),
        "permissionsDisplayText": accept_text(),
        "providerDisplayName": accept_text(),
        "scope": words("Subscription", "ResourceGroup", "Workspace"),
        "requiredPermissions": fields({}, dict.fromkeys(("action", "delete", "read", "write"), flag)),
    },
)
_STEP = fields(
    {},
    {
        "title": accept_text(),
        "description": accept_text(),
        "instructions": array(fields({"type": accept_text(least=1)})),
    },
)
_SHOWN_ALWAYS: Mapping[str, Shape] = {
    "title": accept_text(least=1),
    "publisher": accept_text(least=1),
    "descriptionMarkdown": accept_text(),
    "graphQueries": array(
        fields({}, {"metricName": accept_text(), "legend": accept_text(), "baseQuery": accept_text()})
    ),
    "dataTypes": array(fields({}, {"name": accept_text(), "lastDataReceivedQuery": accept_text()})),
    "connectivityCriteria": array(fields({}, {"type": accept_text(least=1), "value": array(accept_text())})),
    "permissions": fields(
        {},
        {
            "resourceProvider": array(_PERMISSION),
            "customs": array(fields({}, {"name": accept_text(), "description": accept_text()})),
        },
    ),
    "instructionSteps": array(_STEP),
}
_QUERIES = array(fields({}, {"description": accept_text(), "query": accept_text()}))
# the status is a number in every example, and a text in the tables of fields
_AVAILABILITY = fields(
    {}, {"status": choose_by_type({str: words("1"), int: integer(1, 1)}), "isPreview": flag}
)
_PAGE = fields(
    {
        **_SHOWN_ALWAYS,
        "graphQueriesTableName": accept_text(least=1),
        "sampleQueries": _QUERIES,
        "availability": _AVAILABILITY,
    },
    {"customImage": accept_text()},
)
_POLLING = fields(
    {
        "auth": fields({"authType": accept_text(least=1)}),
        "request": fields({"apiEndpoint": accept_text(least=1)}),
    },
    {"isActive": flag},
)
#: What a definition beside the connector draws, and a rule of data collection takes in.
_CODELESS: Mapping[str, Shape] = {
    "isActive": flag,
    "dataType": accept_text(),
    "dcrConfig": fields(
        {},
        {
            "streamName": accept_text(),
            "dataCollectionEndpoint": accept_text(),
            "dataCollectionRuleImmutableId": accept_text(),
        },
    ),
}
_DEFINED: Mapping[str, Shape] = {"connectorDefinitionName": accept_text(least=1)}
_ASKED: Mapping[str, Shape] = {
    **_DEFINED,
    "auth": fields({"type": accept_text(least=1)}),
    "request": fields({}),
}
CONNECTORS: Mapping[str, Shape] = {
    "AmazonWebServicesCloudTrail": fields(
        {}, {"awsRoleArn": accept_text(), "dataTypes": _build_data_types_shape("logs")}
    ),
    "AmazonWebServicesS3": fields(
        {
            "destinationTable": accept_text(least=1),
            "roleArn": accept_text(least=1),
            "sqsUrls": array(accept_text(least=1)),
        },
        {"dataTypes": _build_data_types_shape("logs"), **_CODELESS},
    ),
    "APIPolling": fields({}, {"connectorUiConfig": _PAGE, "pollingConfig": _POLLING}),
    "AzureActiveDirectory": _build_tenant_connector_shape("alerts"),
    "AzureAdvancedThreatProtection": _build_tenant_connector_shape("alerts"),
    "AzureSecurityCenter": fields({}, {**_SUBSCRIPTION, "dataTypes": _build_data_types_shape("alerts")}),
    "Dynamics365": _build_tenant_connector_shape("dynamics365CdsActivities"),
    "GCP": fields(_ASKED, _CODELESS),
    "GenericUI": fields({}, {"connectorUiConfig": _PAGE}),
    "IOT": fields({}, {**_SUBSCRIPTION, "dataTypes": _build_data_types_shape("alerts")}),
    "MicrosoftCloudAppSecurity": _build_tenant_connector_shape("alerts", "discoveryLogs"),
    "MicrosoftDefenderAdvancedThreatProtection": _build_tenant_connector_shape("alerts"),
    "MicrosoftPurviewInformationProtection": _build_tenant_connector_shape("logs"),
    "MicrosoftThreatIntelligence": fields(
        _TENANT,
        {
            "dataTypes": fields(
                {}, dict.fromkeys(("bingSafetyPhishingURL", "microsoftEmergingThreatFeed"), _SINCE)
            )
        },
    ),
    "MicrosoftThreatProtection": _build_tenant_connector_shape("incidents", "alerts"),
    "Office365": _build_tenant_connector_shape("exchange", "sharePoint", "teams"),
    "Office365Project": _build_tenant_connector_shape("logs"),
    "OfficeATP": _build_tenant_connector_shape("alerts"),
    "OfficeIRM": _build_tenant_connector_shape("alerts"),
    "OfficePowerBI": _build_tenant_connector_shape("logs"),
    "PremiumMicrosoftDefenderForThreatIntelligence": _build_tenant_connector_shape(
        "connector", lookbackPeriod=accept_text(), requiredSKUsPresent=flag
    ),
    "PurviewAudit": fields(_TENANT, {"dataTypes": _build_data_types_shape("logs"), **_DEFINED, **_CODELESS}),
    "RestApiPoller": fields(_ASKED, _CODELESS),
    "StorageAccountBlobContainer": fields(_ASKED, _CODELESS),
    "ThreatIntelligence": _build_tenant_connector_shape("indicators", tipLookbackPeriod=moment),
    "ThreatIntelligenceTaxii": _build_tenant_connector_shape(
        "taxiiClient",
        pollingFrequency=words("OnceAMinute", "OnceAnHour", "OnceADay"),
        taxiiLookbackPeriod=moment,
        **dict.fromkeys(
            ("collectionId", "friendlyName", "taxiiServer", "userName", "workspaceId"), accept_text()
        ),
    ),
}
DEFINITIONS: Mapping[str, Shape] = {
    "Customizable": fields(
        {},
        {
            "connectorUiConfig": fields(
                _SHOWN_ALWAYS,
                {"id": accept_text(), "logo": accept_text(), "isConnectivityCriteriasMatchSome": flag},
            ),
            "connectionsConfig": fields(
                {"templateSpecName": accept_text(least=1), "templateSpecVersion": accept_text(least=1)}
            ),
        },
    )
}
