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
    array,
    fields,
    flag,
    integer,
    words,
)
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Internet of things", "Microsoft.Security")
EFFECT = "No device is watched by it here."
_SWITCHED = words("Enabled", "Disabled")
RECOMMENDATIONS = (
    "IoT_ACRAuthentication", "IoT_AgentSendsUnutilizedMessages", "IoT_Baseline", "IoT_EdgeHubMemOptimize", "IoT_EdgeLoggingOptions",
    "IoT_InconsistentModuleSettings", "IoT_InstallAgent", "IoT_IPFilter_DenyAll", "IoT_IPFilter_PermissiveRule", "IoT_OpenPorts",
    "IoT_PermissiveFirewallPolicy", "IoT_PermissiveInputFirewallRules", "IoT_PermissiveOutputFirewallRules",
    "IoT_PrivilegedDockerOptions", "IoT_SharedCredentials", "IoT_VulnerableTLSCipherSuite",
)  # fmt: skip
_RESOURCES = fields(
    {},
    {
        "query": accept_text(
            r'\s*where type != "microsoft\.devices/iothubs"[\s\S]*',
            'a query that begins with where type != "Microsoft.Devices/IotHubs"',
        ),
        "querySubscriptions": array(
            accept_text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "the id of a subscription")
        ),
    },
)
SOLUTION = fields(
    {
        "workspace": accept_text(r"/.+", "the id of a workspace"),
        "displayName": accept_text(least=1),
        "iotHubs": array(accept_text(r"/.+", "the id of an IoT hub")),
    },
    {
        "status": _SWITCHED,
        "export": array(words("RawEvents")),
        "disabledDataSources": array(words("TwinData")),
        "userDefinedResources": _RESOURCES,
        "recommendationsConfiguration": array(
            fields({"recommendationType": words(*RECOMMENDATIONS), "status": _SWITCHED})
        ),
        "unmaskedIpLoggingStatus": _SWITCHED,
    },
)
_RULE: Mapping[str, Shape] = {"isEnabled": flag, "ruleType": accept_text(least=1)}
_THRESHOLD = integer(0, 2**31 - 1)
_RANGE: Mapping[str, Shape] = {**_RULE, "minThreshold": _THRESHOLD, "maxThreshold": _THRESHOLD}
_ALLOWED = words(
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
GROUP = fields(
    {},
    {
        "thresholdRules": array(fields(_RANGE)),
        "timeWindowRules": array(
            fields(
                {
                    **_RANGE,
                    "ruleType": words(*_IN_WINDOW),
                    "timeWindowSize": accept_duration(timedelta(), timedelta.max),
                }
            )
        ),
        "allowlistRules": array(
            fields({**_RULE, "ruleType": _ALLOWED, "allowlistValues": array(accept_text())})
        ),
        "denylistRules": array(fields({**_RULE, "denylistValues": array(accept_text())})),
    },
)


def make_solution(_: ApiCall, body: Body, __: Body | None) -> Body:
    """A solution is on unless it says otherwise, and has discovered nothing."""
    told = {"status": "Enabled", **body["properties"], "autoDiscoveredResources": []}
    return {**body, "properties": told}


declare(
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
    declare(
        SURFACE, ArmDocumentKind(f"Microsoft.Security/{_word}", _operations, EFFECT, whole=True, shape=_shape)
    )
