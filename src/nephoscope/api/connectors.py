"""Microsoft.Security: connectors to other clouds and to code hosts, kept without their secrets; nothing is read through them here.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/security-connectors (2023-10-01-preview), connectors (2020-01-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.kept import Body, Kind, declare
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Connectors", "Microsoft.Security")
EFFECT = "Nothing is read through it here: other clouds and code hosts are not judged."
KINDS = ("awsCreds", "awsAssumeRole", "gcpCredentials")
_CONNECTOR = "Microsoft.Security/securityConnectors"


def check(body: Body) -> None:
    """Fault where a connector says no way to sign in that there is."""
    details = body["properties"].get("authenticationDetails")
    if not isinstance(details, dict) or details.get("authenticationType") not in KINDS:
        where = "properties.authenticationDetails.authenticationType"
        raise bad(f"authenticationType is one of {', '.join(KINDS)}.", where)


def made(_: Call, body: Body, __: Body | None) -> Body:
    """The connector as one that was never tried: it has no permissions that anybody has seen."""
    properties = body["properties"]
    details = properties["authenticationDetails"]
    told = {
        **details,
        "authenticationProvisioningState": "Invalid",
        "grantedPermissions": [],
    }
    hybrid = properties.get("hybridComputeSettings")
    if isinstance(hybrid, dict):
        hybrid = {**hybrid, "hybridComputeProvisioningState": "Invalid"}
    return {
        **body,
        "properties": {**properties, "authenticationDetails": told, "hybridComputeSettings": hybrid},
    }


for _kind in (
    Kind("Microsoft.Security/connectors", "Connectors", EFFECT, check=check, made=made, created=200),
    Kind(_CONNECTOR, "SecurityConnectors", EFFECT, patched=True, etag=True),
    Kind(f"{_CONNECTOR}/devops", "DevOpsConfigurations", EFFECT, patched=True, created=200),
    Kind(f"{_CONNECTOR}/devops/azureDevOpsOrgs", "AzureDevOpsOrgs", EFFECT, patched=True, created=200),
    Kind(
        f"{_CONNECTOR}/devops/azureDevOpsOrgs/projects",
        "AzureDevOpsProjects",
        EFFECT,
        patched=True,
        created=200,
    ),
    Kind(
        f"{_CONNECTOR}/devops/azureDevOpsOrgs/projects/repos",
        "AzureDevOpsRepos",
        EFFECT,
        patched=True,
        created=200,
    ),
):
    declare(SURFACE, _kind)
