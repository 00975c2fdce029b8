"""Represent GitHub, GitLab and Azure DevOps in an estate: repositories as in Azure, their settings as extensions.

Repositories are children of a security connector, as Defender for Cloud has them. Their settings, which Azure has no type for, are
documents of the namespace Nephoscope.DevOps beside them, with the members of the REST answer that told them.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/git-hub-repos, .../git-lab-projects, .../azure-dev-ops-projects
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_lookup import require_complete
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.resource import Resource

CONNECTOR = "Microsoft.Security/securityConnectors"
GITHUB_OWNER = f"{CONNECTOR}/devops/gitHubOwners"
GITHUB_REPOSITORY = f"{GITHUB_OWNER}/repos"
GITLAB_GROUP = f"{CONNECTOR}/devops/gitLabGroups"
GITLAB_PROJECT = f"{GITLAB_GROUP}/projects"
AZURE_DEVOPS_ORGANIZATION = f"{CONNECTOR}/devops/azureDevOpsOrgs"
AZURE_DEVOPS_PROJECT = f"{AZURE_DEVOPS_ORGANIZATION}/projects"
AZURE_DEVOPS_REPOSITORY = f"{AZURE_DEVOPS_PROJECT}/repos"
CONTAINERS = (
    GITHUB_OWNER, GITHUB_REPOSITORY, GITLAB_GROUP, GITLAB_PROJECT, AZURE_DEVOPS_ORGANIZATION, AZURE_DEVOPS_PROJECT,
    AZURE_DEVOPS_REPOSITORY,
)  # fmt: skip

_OF_GITLAB = GITLAB_GROUP.rpartition("/")[2].lower()

#: What stands between a security connector and the organizations below it.
INSIDE = "/devops/default/"

NAMESPACE = "Nephoscope.DevOps"
SETTINGS = f"{NAMESPACE}/settings"
ADMINISTRATORS = f"{NAMESPACE}/administrators"
ACTIONS_PERMISSIONS = f"{NAMESPACE}/actionsPermissions"
WORKFLOW_PERMISSIONS = f"{NAMESPACE}/workflowPermissions"
FORK_APPROVALS = f"{NAMESPACE}/forkApprovals"
BRANCH_PROTECTIONS = f"{NAMESPACE}/branchProtections"
BRANCH_RULES = f"{NAMESPACE}/branchRules"
BRANCH_POLICIES = f"{NAMESPACE}/branchPolicies"
ENVIRONMENTS = f"{NAMESPACE}/environments"
CHECKS = f"{NAMESPACE}/checks"
SECRETS = f"{NAMESPACE}/secrets"
DEPLOY_KEYS = f"{NAMESPACE}/deployKeys"
WEBHOOKS = f"{NAMESPACE}/webhooks"
RUNNERS = f"{NAMESPACE}/runners"
RUNNER_GROUPS = f"{NAMESPACE}/runnerGroups"
SCANNERS = f"{NAMESPACE}/scanners"
CODE_ALERTS = f"{NAMESPACE}/codeScanningAlerts"
SECRET_ALERTS = f"{NAMESPACE}/secretScanningAlerts"
DEPENDENCY_ALERTS = f"{NAMESPACE}/dependencyAlerts"
PIPELINE_SETTINGS = f"{NAMESPACE}/pipelineSettings"
PIPELINES = f"{NAMESPACE}/pipelines"
PIPELINE_PERMISSIONS = f"{NAMESPACE}/pipelinePermissions"
SERVICE_CONNECTIONS = f"{NAMESPACE}/serviceConnections"
VARIABLE_GROUPS = f"{NAMESPACE}/variableGroups"
SECURE_FILES = f"{NAMESPACE}/secureFiles"
AGENT_QUEUES = f"{NAMESPACE}/agentQueues"
ADVANCED_SECURITY = f"{NAMESPACE}/advancedSecurity"
APPROVAL_SETTINGS = f"{NAMESPACE}/approvalSettings"
APPROVAL_RULES = f"{NAMESPACE}/approvalRules"
VARIABLES = f"{NAMESPACE}/variables"
ACCESS_TOKENS = f"{NAMESPACE}/accessTokens"
DEPLOY_TOKENS = f"{NAMESPACE}/deployTokens"
PUSH_RULES = f"{NAMESPACE}/pushRules"
JOB_TOKEN_SCOPES = f"{NAMESPACE}/jobTokenScopes"
SECURITY_SETTINGS = f"{NAMESPACE}/securitySettings"
DOCUMENTS = (
    SETTINGS, ADMINISTRATORS, ACTIONS_PERMISSIONS, WORKFLOW_PERMISSIONS, FORK_APPROVALS, BRANCH_PROTECTIONS, BRANCH_RULES,
    BRANCH_POLICIES, ENVIRONMENTS, CHECKS, SECRETS, DEPLOY_KEYS, WEBHOOKS, RUNNERS, RUNNER_GROUPS, SCANNERS, CODE_ALERTS,
    SECRET_ALERTS, DEPENDENCY_ALERTS, PIPELINE_SETTINGS, PIPELINES, PIPELINE_PERMISSIONS, SERVICE_CONNECTIONS, VARIABLE_GROUPS,
    SECURE_FILES, AGENT_QUEUES, ADVANCED_SECURITY, APPROVAL_SETTINGS, APPROVAL_RULES, VARIABLES, ACCESS_TOKENS, DEPLOY_TOKENS,
    PUSH_RULES, JOB_TOKEN_SCOPES, SECURITY_SETTINGS,
)  # fmt: skip


def extract_repository_name(id_: str) -> str:
    """Give the short name of an organization, project or repository from its id or that of anything below, '' for another resource."""
    _, found, below = id_.partition(INSIDE if INSIDE in id_ else INSIDE.lower())
    parts = below.split("/providers/", 1)[0].split("/")
    if parts[0].lower() == _OF_GITLAB:
        return unquote(parts[-1])  # GitLab names a project by its whole path
    return "/".join(parts[1::2]) if found else ""


def require_documents(view: EstateView, type_: str, parent: str) -> Sequence[Resource]:
    """Give the documents of a type beside a resource; DataNotCollectedError where they were not read in full."""
    _require_type_was_read(view, type_, parent)
    return view.list_children(type_.lower(), parent)


def get_document(view: EstateView, type_: str, parent: str) -> dict[str, Any]:
    """Give the members of the one document of a type beside a resource; DataNotCollectedError where it was not read or is not
    there."""
    found = view.list_children(type_.lower(), parent)
    if not found:
        raise _build_missing_error(view, type_, parent)
    return require_complete(found[0])


def build_coverage_entry(type_: str, parent_type: str) -> str:
    """Give the entry of a coverage manifest for the documents of a type right below resources of another, and not further down."""
    return type_.lower() if type_ in CONTAINERS else f"{parent_type}/providers/{type_}".lower()


def _require_type_was_read(view: EstateView, type_: str, parent: str) -> None:
    if not view.covers(build_coverage_entry(type_, ResourceId.parse(parent).type), parent):
        raise _build_missing_error(view, type_, parent)


def _build_missing_error(view: EstateView, type_: str, parent: str) -> DataNotCollectedError:
    reason = view.estate.coverage.gaps.get(type_.lower(), "")
    return DataNotCollectedError(f"{type_} of {parent}" + (f" ({reason})" if reason else ""))


def get_member(members: Mapping[str, object], name: str, of: str) -> Any:
    """Give a member; DataNotCollectedError where an answer left it out, as GitHub does for callers without the right to see it."""
    value = members.get(name)
    if value is None:
        raise DataNotCollectedError(f"'{name}' of {of}")
    return value


def get_member_flag(members: Mapping[str, object], name: str, of: str) -> bool:
    """Give a member that is true or false; DataNotCollectedError where it is neither."""
    value = get_member(members, name, of)
    if not isinstance(value, bool):
        raise DataNotCollectedError(f"'{name}' of {of} must be true or false")
    return value
