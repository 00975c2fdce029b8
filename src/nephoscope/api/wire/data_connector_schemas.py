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
    check_datetime,
    choose_by_type,
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
    parse_boolean,
)

_GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_STATE = declare_object({"state": declare_enumeration("Enabled", "Disabled")})
_SINCE = declare_object(
    {"state": declare_enumeration("Enabled", "Disabled")}, {"lookbackPeriod": accept_text()}
)
_TENANT: Mapping[str, Shape] = {"tenantId": accept_text(_GUID, "the id of a tenant")}
_SUBSCRIPTION: Mapping[str, Shape] = {"subscriptionId": accept_text(_GUID, "the id of a subscription")}


def _build_data_types_shape(*several: str) -> Shape:
    """The data types that a connector may have."""
    return declare_object({}, dict.fromkeys(several, _STATE))


def _build_tenant_connector_shape(*several: str, **more: Shape) -> Shape:
    """A connector that reads some data types of a tenant."""
    return declare_object(_TENANT, {"dataTypes": _build_data_types_shape(*several), **more})


_PERMISSION = declare_object(
    {},
    {
        "provider": accept_text(),
        "permissionsDisplayText": accept_text(),
        "providerDisplayName": accept_text(),
        "scope": declare_enumeration("Subscription", "ResourceGroup", "Workspace"),
        "requiredPermissions": declare_object(
            {}, dict.fromkeys(("action", "delete", "read", "write"), parse_boolean)
        ),
    },
)
_STEP = declare_object(
    {},
    {
        "title": accept_text(),
        "description": accept_text(),
        "instructions": declare_array(declare_object({"type": accept_text(least=1)})),
    },
)
_SHOWN_ALWAYS: Mapping[str, Shape] = {
    "title": accept_text(least=1),
    "publisher": accept_text(least=1),
    "descriptionMarkdown": accept_text(),
    "graphQueries": declare_array(
        declare_object({}, {"metricName": accept_text(), "legend": accept_text(), "baseQuery": accept_text()})
    ),
    "dataTypes": declare_array(
        declare_object({}, {"name": accept_text(), "lastDataReceivedQuery": accept_text()})
    ),
    "connectivityCriteria": declare_array(
        declare_object({}, {"type": accept_text(least=1), "value": declare_array(accept_text())})
    ),
    "permissions": declare_object(
        {},
        {
            "resourceProvider": declare_array(_PERMISSION),
            "customs": declare_array(
                declare_object({}, {"name": accept_text(), "description": accept_text()})
            ),
        },
    ),
    "instructionSteps": declare_array(_STEP),
}
_QUERIES = declare_array(declare_object({}, {"description": accept_text(), "query": accept_text()}))
# the status is a number in every example, and a text in the tables of fields
_AVAILABILITY = declare_object(
    {},
    {
        "status": choose_by_type({str: declare_enumeration("1"), int: declare_integer(1, 1)}),
        "isPreview": parse_boolean,
    },
)
_PAGE = declare_object(
    {
        **_SHOWN_ALWAYS,
        "graphQueriesTableName": accept_text(least=1),
        "sampleQueries": _QUERIES,
        "availability": _AVAILABILITY,
    },
    {"customImage": accept_text()},
)
_POLLING = declare_object(
    {
        "auth": declare_object({"authType": accept_text(least=1)}),
        "request": declare_object({"apiEndpoint": accept_text(least=1)}),
    },
    {"isActive": parse_boolean},
)
#: What a definition beside the connector draws, and a rule of data collection takes in.
_CODELESS: Mapping[str, Shape] = {
    "isActive": parse_boolean,
    "dataType": accept_text(),
    "dcrConfig": declare_object(
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
    "auth": declare_object({"type": accept_text(least=1)}),
    "request": declare_object({}),
}
CONNECTORS: Mapping[str, Shape] = {
    "AmazonWebServicesCloudTrail": declare_object(
        {}, {"awsRoleArn": accept_text(), "dataTypes": _build_data_types_shape("logs")}
    ),
    "AmazonWebServicesS3": declare_object(
        {
            "destinationTable": accept_text(least=1),
            "roleArn": accept_text(least=1),
            "sqsUrls": declare_array(accept_text(least=1)),
        },
        {"dataTypes": _build_data_types_shape("logs"), **_CODELESS},
    ),
    "APIPolling": declare_object({}, {"connectorUiConfig": _PAGE, "pollingConfig": _POLLING}),
    "AzureActiveDirectory": _build_tenant_connector_shape("alerts"),
    "AzureAdvancedThreatProtection": _build_tenant_connector_shape("alerts"),
    "AzureSecurityCenter": declare_object(
        {}, {**_SUBSCRIPTION, "dataTypes": _build_data_types_shape("alerts")}
    ),
    "Dynamics365": _build_tenant_connector_shape("dynamics365CdsActivities"),
    "GCP": declare_object(_ASKED, _CODELESS),
    "GenericUI": declare_object({}, {"connectorUiConfig": _PAGE}),
    "IOT": declare_object({}, {**_SUBSCRIPTION, "dataTypes": _build_data_types_shape("alerts")}),
    "MicrosoftCloudAppSecurity": _build_tenant_connector_shape("alerts", "discoveryLogs"),
    "MicrosoftDefenderAdvancedThreatProtection": _build_tenant_connector_shape("alerts"),
    "MicrosoftPurviewInformationProtection": _build_tenant_connector_shape("logs"),
    "MicrosoftThreatIntelligence": declare_object(
        _TENANT,
        {
            "dataTypes": declare_object(
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
        "connector", lookbackPeriod=accept_text(), requiredSKUsPresent=parse_boolean
    ),
    "PurviewAudit": declare_object(
        _TENANT, {"dataTypes": _build_data_types_shape("logs"), **_DEFINED, **_CODELESS}
    ),
    "RestApiPoller": declare_object(_ASKED, _CODELESS),
    "StorageAccountBlobContainer": declare_object(_ASKED, _CODELESS),
    "ThreatIntelligence": _build_tenant_connector_shape("indicators", tipLookbackPeriod=check_datetime),
    "ThreatIntelligenceTaxii": _build_tenant_connector_shape(
        "taxiiClient",
        pollingFrequency=declare_enumeration("OnceAMinute", "OnceAnHour", "OnceADay"),
        taxiiLookbackPeriod=check_datetime,
        **dict.fromkeys(
            ("collectionId", "friendlyName", "taxiiServer", "userName", "workspaceId"), accept_text()
        ),
    ),
}
DEFINITIONS: Mapping[str, Shape] = {
    "Customizable": declare_object(
        {},
        {
            "connectorUiConfig": declare_object(
                _SHOWN_ALWAYS,
                {
                    "id": accept_text(),
                    "logo": accept_text(),
                    "isConnectivityCriteriasMatchSome": parse_boolean,
                },
            ),
            "connectionsConfig": declare_object(
                {"templateSpecName": accept_text(least=1), "templateSpecVersion": accept_text(least=1)}
            ),
        },
    )
}
