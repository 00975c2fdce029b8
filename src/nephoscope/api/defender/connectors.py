"""Microsoft.Security: connectors to other clouds and to code hosts, kept without their secrets; nothing is read through them here.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/security-connectors (2023-10-01-preview), connectors (2020-01-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.body_schema import accept_text, declare_array, declare_enumeration, declare_object
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    declare_document_operations,
    declare_reading,
)
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Connectors", "Microsoft.Security")
EFFECT = "This server does not collect through it: other clouds and code hosts are not assessed."
KINDS = ("awsCreds", "awsAssumeRole", "gcpCredentials")
_CONNECTOR = "Microsoft.Security/securityConnectors"


SHAPE = declare_object(
    {"authenticationDetails": declare_object({"authenticationType": declare_enumeration(*KINDS)})},
    {
        "hybridComputeSettings": declare_object(
            {"autoProvision": declare_enumeration("On", "Off")},
            {
                "resourceGroupName": accept_text(),
                "region": accept_text(),
                "proxyServer": declare_object({}),
                "servicePrincipal": declare_object({}),
            },
        )
    },
)
SECURITY = declare_object(
    {},
    {
        "environmentName": declare_enumeration(
            "Azure", "AWS", "GCP", "Github", "AzureDevOps", "GitLab", "DockerHub", "JFrog"
        ),
        "hierarchyIdentifier": accept_text(),
        "offerings": declare_array(declare_object({"offeringType": accept_text(least=1)})),
        "environmentData": declare_object({"environmentType": accept_text(least=1)}),
    },
)


def make_connector(_: ApiCall, body: Body, __: Body | None) -> Body:
    """The connector as one that was never tried: it has no permissions that anybody has seen."""
    properties = body["properties"]
    details = properties["authenticationDetails"]
    authentication = {
        **details,
        "authenticationProvisioningState": "Invalid",
        "grantedPermissions": [],
    }
    hybrid = properties.get("hybridComputeSettings")
    if isinstance(hybrid, dict):
        hybrid = {**hybrid, "hybridComputeProvisioningState": "Invalid"}
    return {
        **body,
        "properties": {
            **properties,
            "authenticationDetails": authentication,
            "hybridComputeSettings": hybrid,
        },
    }


for _kind in (
    ArmDocumentKind(
        "Microsoft.Security/connectors", "Connectors", EFFECT, shape=SHAPE, made=make_connector, created=200
    ),
    ArmDocumentKind(_CONNECTOR, "SecurityConnectors", EFFECT, patched=True, etag=True, shape=SECURITY),
    ArmDocumentKind(f"{_CONNECTOR}/devops", "DevOpsConfigurations", EFFECT, patched=True, created=200),
    ArmDocumentKind(
        f"{_CONNECTOR}/devops/azureDevOpsOrgs", "AzureDevOpsOrgs", EFFECT, patched=True, created=200
    ),
    ArmDocumentKind(
        f"{_CONNECTOR}/devops/azureDevOpsOrgs/projects",
        "AzureDevOpsProjects",
        EFFECT,
        patched=True,
        created=200,
    ),
    ArmDocumentKind(
        f"{_CONNECTOR}/devops/azureDevOpsOrgs/projects/repos",
        "AzureDevOpsRepos",
        EFFECT,
        patched=True,
        created=200,
    ),
):
    declare_document_operations(SURFACE, _kind)

for _type, _operations in (
    ("gitHubOwners", "GitHubOwners"),
    ("gitHubOwners/repos", "GitHubRepos"),
    ("gitLabGroups", "GitLabGroups"),
    ("gitLabGroups/projects", "GitLabProjects"),
):
    declare_reading(SURFACE, ArmDocumentKind(f"{_CONNECTOR}/devops/{_type}", _operations, EFFECT))
