"""Microsoft.Security: security of the internet of things, kept as documents; no device is watched here.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/iot-security-solution (2019-08-01), device-security-groups (2019-08-01)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.body_schema import (
    Shape,
    accept_duration,
    accept_text,
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
    parse_boolean,
)
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Internet of things", "Microsoft.Security")
EFFECT = "This server does not monitor devices."
_SWITCHED = declare_enumeration("Enabled", "Disabled")
RECOMMENDATIONS = (
    "IoT_ACRAuthentication", "IoT_AgentSendsUnutilizedMessages", "IoT_Baseline", "IoT_EdgeHubMemOptimize", "IoT_EdgeLoggingOptions",
    "IoT_InconsistentModuleSettings", "IoT_InstallAgent", "IoT_IPFilter_DenyAll", "IoT_IPFilter_PermissiveRule", "IoT_OpenPorts",
    "IoT_PermissiveFirewallPolicy", "IoT_PermissiveInputFirewallRules", "IoT_PermissiveOutputFirewallRules",
    "IoT_PrivilegedDockerOptions", "IoT_SharedCredentials", "IoT_VulnerableTLSCipherSuite",
)  # fmt: skip
_RESOURCES = declare_object(
    {},
    {
        "query": accept_text(
            r'\s*where type != "microsoft\.devices/iothubs"[\s\S]*',
            'a query that begins with where type != "Microsoft.Devices/IotHubs"',
        ),
        "querySubscriptions": declare_array(
            accept_text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "the id of a subscription")
        ),
    },
)
SOLUTION = declare_object(
    {
        "workspace": accept_text(r"/.+", "the id of a workspace"),
        "displayName": accept_text(least=1),
        "iotHubs": declare_array(accept_text(r"/.+", "the id of an IoT hub")),
    },
    {
        "status": _SWITCHED,
        "export": declare_array(declare_enumeration("RawEvents")),
        "disabledDataSources": declare_array(declare_enumeration("TwinData")),
        "userDefinedResources": _RESOURCES,
        "recommendationsConfiguration": declare_array(
            declare_object({"recommendationType": declare_enumeration(*RECOMMENDATIONS), "status": _SWITCHED})
        ),
        "unmaskedIpLoggingStatus": _SWITCHED,
    },
)
_RULE: Mapping[str, Shape] = {"isEnabled": parse_boolean, "ruleType": accept_text(least=1)}
_THRESHOLD = declare_integer(0, 2**31 - 1)
_RANGE: Mapping[str, Shape] = {**_RULE, "minThreshold": _THRESHOLD, "maxThreshold": _THRESHOLD}
_ALLOWED = declare_enumeration(
    "ConnectionToIpNotAllowed", "ConnectionFromIpNotAllowed", "LocalUserNotAllowed", "ProcessNotAllowed"
)
_IN_WINDOW = tuple(
    f"{one}NotInAllowedRange"
    for one in (
        "ActiveConnections", "AmqpC2DMessages", "MqttC2DMessages", "HttpC2DMessages", "AmqpC2DRejectedMessages",
        "MqttC2DRejectedMessages", "HttpC2DRejectedMessages", "AmqpD2CMessages", "MqttD2CMessages", "HttpD2CMessages",
        "DirectMethodInvokes", "FailedLocalLogins", "FileUploads", "QueuePurges", "TwinUpdates", "UnauthorizedOperations",
    )
)  # fmt: skip
GROUP = declare_object(
    {},
    {
        "thresholdRules": declare_array(declare_object(_RANGE)),
        "timeWindowRules": declare_array(
            declare_object(
                {
                    **_RANGE,
                    "ruleType": declare_enumeration(*_IN_WINDOW),
                    "timeWindowSize": accept_duration(timedelta(), timedelta.max),
                }
            )
        ),
        "allowlistRules": declare_array(
            declare_object({**_RULE, "ruleType": _ALLOWED, "allowlistValues": declare_array(accept_text())})
        ),
        "denylistRules": declare_array(
            declare_object({**_RULE, "denylistValues": declare_array(accept_text())})
        ),
    },
)


def make_solution(_: ApiCall, body: Body, __: Body | None) -> Body:
    """A solution is on unless it says otherwise, and has discovered nothing."""
    properties = {"status": "Enabled", **body["properties"], "autoDiscoveredResources": []}
    return {**body, "properties": properties}


declare_document_operations(
    SURFACE,
    ArmDocumentKind(
        "Microsoft.Security/iotSecuritySolutions",
        "IotSecuritySolution",
        EFFECT,
        made=make_solution,
        patched=True,
        shape=SOLUTION,
    ),
)
for _word, _operations, _shape in (
    ("iotSensors", "IotSensors", None),
    ("iotSites", "IotSites", None),
    ("iotDefenderSettings", "IotDefenderSettings", None),
    ("onPremiseIotSensors", "OnPremiseIotSensors", None),
    ("deviceSecurityGroups", "DeviceSecurityGroups", GROUP),
):
    declare_document_operations(
        SURFACE, ArmDocumentKind(f"Microsoft.Security/{_word}", _operations, EFFECT, whole=True, shape=_shape)
    )
