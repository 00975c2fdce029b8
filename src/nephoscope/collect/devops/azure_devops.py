"""List the requests to Azure DevOps about an organization, its projects and their repositories.

Source: https://learn.microsoft.com/rest/api/azure/devops (7.1): core, git, build (general settings, definitions), policy, service
endpoints, distributed task, pipeline permissions, approvals and checks, advanced security.
"""

from __future__ import annotations

from nephoscope.collect.devops.rest_listing import DevOpsPlatform, RestListing
from nephoscope.estate import devops_documents as docs

_PROJECT = "{project}/_apis"
_API = "api-version=7.1"
_PREVIEW = "api-version=7.1-preview.1"
_SETTINGS = (
    "enforceJobAuthScope", "enforceJobAuthScopeForReleases", "enforceJobAuthScopeForForks", "enforceReferencedRepoScopedToken",
    "enforceSettableVar", "auditEnforceSettableVar", "disableClassicPipelineCreation", "disableClassicBuildPipelineCreation",
    "disableClassicReleasePipelineCreation", "forkProtectionEnabled", "buildsEnabledForForks", "enforceNoAccessToSecretsFromForks",
    "isCommentRequiredForPullRequest", "requireCommentsForNonTeamMembersOnly", "statusBadgesArePrivate",
    "enableShellTasksArgsSanitizing",
)  # fmt: skip
_CONNECTION = (
    "id", "name", "type", "isShared", "isReady", "isDisabled", "authorization.scheme", "authorization.parameters.tenantid",
    "authorization.parameters.serviceprincipalid", "authorization.parameters.authenticationType", "authorization.parameters.scope",
    "authorization.parameters.workloadIdentityFederationIssuer", "authorization.parameters.workloadIdentityFederationSubject",
    "data.subscriptionId", "data.scopeLevel", "data.creationMode", "data.environment",
)  # fmt: skip
_PIPELINE = (
    "id", "name", "path", "queueStatus", "jobAuthorizationScope", "process.type", "process.yamlFilename", "repository.id",
    "repository.type", "repository.name", "triggers.triggerType", "triggers.forks.enabled", "triggers.forks.allowSecrets",
    "triggers.forks.allowFullAccessToken", "triggers.isCommentRequiredForPullRequest", "variables.*.isSecret",
    "variables.*.allowOverride",
)  # fmt: skip
_POLICY = (
    "id", "isEnabled", "isBlocking", "isDeleted", "type.id", "type.displayName", "settings.minimumApproverCount",
    "settings.creatorVoteCounts", "settings.allowDownvotes", "settings.resetOnSourcePush", "settings.blockLastPusherVote",
    "settings.scope.repositoryId", "settings.scope.refName", "settings.scope.matchKind",
)  # fmt: skip


def _build_permission_listing(of: str, kind: str, variable: str) -> RestListing:
    """Return which pipelines may use a resource."""
    return RestListing(
        docs.PIPELINE_PERMISSIONS, of, f"{_PROJECT}/pipelines/pipelinePermissions/{kind}/{{{variable}}}?{_PREVIEW}",
        "Build (read)", ("allPipelines.authorized", "pipelines.id", "pipelines.authorized"),
    )  # fmt: skip


def _declare_project_listing(
    type_: str, path: str, permission: str, keep: tuple[str, ...], variable: str = ""
) -> RestListing:
    return RestListing(
        type_, docs.AZURE_DEVOPS_PROJECT, f"{_PROJECT}/{path}", permission, keep, items="value", name="id",
        binds={variable: "id"} if variable else {},
    )  # fmt: skip


AZURE_DEVOPS = DevOpsPlatform(
    name="azure-devops",
    title="Azure DevOps",
    root=docs.AZURE_DEVOPS_ORGANIZATION,
    variable="organization",
    origins={
        "": "https://dev.azure.com/{organization}",
        "advsec": "https://advsec.dev.azure.com/{organization}",
    },
    scope="499b84ac-1321-427f-aa17-267ca6975798/.default",
    listings=(
        RestListing(
            docs.AZURE_DEVOPS_PROJECT, docs.AZURE_DEVOPS_ORGANIZATION, f"_apis/projects?{_API}", "Project and team (read)",
            items="value", name="name", binds={"project": "name"}, shape={"projectId": "id"},
        ),
        RestListing(
            docs.PIPELINE_SETTINGS, docs.AZURE_DEVOPS_PROJECT, f"{_PROJECT}/build/generalsettings?{_API}", "Build (read)", _SETTINGS
        ),
        RestListing(
            docs.AZURE_DEVOPS_REPOSITORY, docs.AZURE_DEVOPS_PROJECT, f"{_PROJECT}/git/repositories?{_API}", "Code (read)",
            items="value", name="name", binds={"repository": "id"},
            shape={
                "repoId": "id", "repoUrl": "webUrl", "parentProjectName": "project.name", "visibility": "project.visibility",
                "isDisabled": "isDisabled", "defaultBranch": "defaultBranch",
            },
        ),
        _declare_project_listing(docs.BRANCH_POLICIES, f"policy/configurations?{_API}", "Code (read)", _POLICY),
        _declare_project_listing(docs.PIPELINES, f"build/definitions?includeAllProperties=true&{_API}", "Build (read)", _PIPELINE),
        _declare_project_listing(
            docs.SERVICE_CONNECTIONS, f"serviceendpoint/endpoints?{_API}", "Service Endpoints (read)", _CONNECTION, "connection"
        ),
        _build_permission_listing(docs.SERVICE_CONNECTIONS, "endpoint", "connection"),
        _declare_project_listing(
            docs.VARIABLE_GROUPS, f"distributedtask/variablegroups?{_API}", "Variable Groups (read)",
            ("id", "name", "type", "createdOn", "modifiedOn", "isShared", "variables.*.isSecret", "providerData.vault"), "group",
        ),
        _build_permission_listing(docs.VARIABLE_GROUPS, "variablegroup", "group"),
        _declare_project_listing(
            docs.SECURE_FILES, f"distributedtask/securefiles?{_PREVIEW}", "Secure Files (read)",
            ("id", "name", "createdOn", "modifiedOn"), "file",
        ),
        _build_permission_listing(docs.SECURE_FILES, "securefile", "file"),
        _declare_project_listing(
            docs.AGENT_QUEUES, f"distributedtask/queues?{_PREVIEW}", "Agent Pools (read)",
            ("id", "name", "pool.id", "pool.name", "pool.isHosted", "pool.poolType", "pool.isLegacy"), "queue",
        ),
        _build_permission_listing(docs.AGENT_QUEUES, "queue", "queue"),
        _declare_project_listing(
            docs.ENVIRONMENTS, f"distributedtask/environments?{_PREVIEW}", "Environment (read)", ("id", "name", "createdOn"),
            "environment",
        ),
        _build_permission_listing(docs.ENVIRONMENTS, "environment", "environment"),
        RestListing(
            docs.CHECKS, docs.ENVIRONMENTS,
            f"{_PROJECT}/pipelines/checks/configurations?resourceType=environment&resourceId={{environment}}&{_PREVIEW}",
            "Build (read)", ("id", "type.id", "type.name", "timeout", "settings.minRequiredApprovers", "isDisabled"),
            items="value", name="id",
        ),
        RestListing(
            docs.ADVANCED_SECURITY, docs.AZURE_DEVOPS_REPOSITORY,
            f"{_PROJECT}/management/repositories/{{repository}}/enablement?api-version=7.2-preview.1", "Advanced Security (read)",
            ("advSecEnabled", "codeQLEnabled", "dependencyScanningEnabled", "secretProtectionEnabled", "blockPushes"),
            service="advsec",
        ),
        RestListing(
            docs.CODE_ALERTS, docs.AZURE_DEVOPS_REPOSITORY,
            f"{_PROJECT}/alert/repositories/{{repository}}/alerts?criteria.states=active&api-version=7.2-preview.1",
            "Advanced Security (read)",
            ("alertId", "alertType", "severity", "title", "state", "firstSeenDate", "rule.opaqueId", "tools.name"),
            items="value", name="alertId", service="advsec", nothing="not enabled|is disabled",
        ),
    ),
)  # fmt: skip
