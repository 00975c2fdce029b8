"""List the requests to GitHub about an organization and its repositories.

Source: https://docs.github.com/rest (2022-11-28): orgs, repos, branches, actions, deploy-keys, webhooks, code-scanning,
secret-scanning, dependabot. Members that a token may not see are left out of answers, and are then not known.
"""

from __future__ import annotations

from nephoscope.collect.devops.rest_listing import DevOpsPlatform, RestListing
from nephoscope.estate import devops_documents as docs

_ORG, _REPO = "orgs/{owner}", "repos/{owner}/{repo}"
_PAGE = "per_page=100"
_UNAVAILABLE = "branch not protected|upgrade to "
_ALERT = (
    "number", "state", "created_at", "rule.id", "rule.severity", "rule.security_severity_level", "rule.description", "tool.name",
    "secret_type", "secret_type_display_name", "validity", "security_advisory.ghsa_id", "security_advisory.cve_id",
    "security_advisory.summary", "security_advisory.severity", "dependency.package.name", "dependency.package.ecosystem",
    "dependency.manifest_path", "most_recent_instance.location.path", "most_recent_instance.location.start_line",
)  # fmt: skip
_WEBHOOK = (
    "id",
    "name",
    "active",
    "events",
    "created_at",
    "config.url@",
    "config.insecure_ssl",
    "config.secret?",
)
_RUNNER = ("id", "name", "os", "status", "labels.name", "runner_group_id")
_RUNNER_GROUP = (
    "id", "name", "visibility", "default", "inherited", "allows_public_repositories", "restricted_to_workflows", "selected_workflows"
)  # fmt: skip
_PROTECTION = (
    "required_pull_request_reviews.required_approving_review_count", "required_pull_request_reviews.dismiss_stale_reviews",
    "required_pull_request_reviews.require_code_owner_reviews", "required_pull_request_reviews.require_last_push_approval",
    "required_status_checks.strict", "required_status_checks.contexts", "enforce_admins.enabled", "allow_force_pushes.enabled",
    "allow_deletions.enabled", "required_signatures.enabled", "required_conversation_resolution.enabled",
)  # fmt: skip
_RULE = (
    "type", "ruleset_id", "ruleset_source", "ruleset_source_type", "parameters.required_approving_review_count",
    "parameters.dismiss_stale_reviews_on_push", "parameters.require_code_owner_review", "parameters.require_last_push_approval",
    "parameters.required_status_checks.context",
)  # fmt: skip
_ENVIRONMENT = (
    "id", "name", "protection_rules.type", "protection_rules.wait_timer", "protection_rules.prevent_self_review",
    "protection_rules.reviewers.type", "deployment_branch_policy.protected_branches",
    "deployment_branch_policy.custom_branch_policies", "can_admins_bypass",
)  # fmt: skip


def _build_listings_of_both(
    type_: str, path: str, permission: str, keep: tuple[str, ...], items: str = "", name: str = "default"
) -> list[RestListing]:
    """A request that the organization and each repository answers alike."""
    return [
        RestListing(
            type_, docs.GITHUB_OWNER, f"{_ORG}/{path}", f"organization {permission}", keep, items, name
        ),
        RestListing(
            type_, docs.GITHUB_REPOSITORY, f"{_REPO}/{path}", f"repository {permission}", keep, items, name
        ),
    ]


def _build_alert_listing(type_: str, path: str, permission: str, scanner: str) -> RestListing:
    return RestListing(
        type_, docs.GITHUB_REPOSITORY, f"{_REPO}/{path}/alerts?state=open&{_PAGE}", permission, _ALERT, items="value",
        name="number", scanner=scanner, nothing="disabled|must be enabled|not enabled|no analysis found|no default branch",
    )  # fmt: skip


GITHUB = DevOpsPlatform(
    name="github",
    title="GitHub",
    root=docs.GITHUB_OWNER,
    variable="owner",
    origins={"": "https://api.github.com"},
    listings=(
        RestListing(
            docs.SETTINGS, docs.GITHUB_OWNER, _ORG, "organization Administration: read",
            (
                "login", "id", "html_url", "default_repository_permission", "two_factor_requirement_enabled",
                "members_can_create_public_repositories", "members_can_fork_private_repositories",
                "secret_scanning_push_protection_enabled_for_new_repositories", "secret_scanning_enabled_for_new_repositories",
                "dependabot_alerts_enabled_for_new_repositories", "web_commit_signoff_required", "plan.name",
            ),
        ),
        RestListing(
            docs.ADMINISTRATORS, docs.GITHUB_OWNER, f"{_ORG}/members?role=admin&{_PAGE}", "organization Members: read",
            ("login", "id", "type"), items="value", name="login",
        ),
        *_build_listings_of_both(
            docs.ACTIONS_PERMISSIONS, "actions/permissions", "Administration: read",
            ("enabled", "enabled_repositories", "allowed_actions", "sha_pinning_required"),
        ),
        *_build_listings_of_both(
            docs.WORKFLOW_PERMISSIONS, "actions/permissions/workflow", "Administration: read",
            ("default_workflow_permissions", "can_approve_pull_request_reviews"),
        ),
        *_build_listings_of_both(
            docs.FORK_APPROVALS, "actions/permissions/fork-pr-contributor-approval", "Administration: read", ("approval_policy",),
        ),
        *_build_listings_of_both(
            docs.SECRETS, f"actions/secrets?{_PAGE}", "Secrets: read", ("name", "created_at", "updated_at", "visibility"),
            items="secrets", name="name",
        ),
        *_build_listings_of_both(
            docs.RUNNERS, f"actions/runners?{_PAGE}", "Self-hosted runners: read", _RUNNER, items="runners", name="id",
        ),
        RestListing(
            docs.RUNNER_GROUPS, docs.GITHUB_OWNER, f"{_ORG}/actions/runner-groups?{_PAGE}",
            "organization Self-hosted runners: read", _RUNNER_GROUP, items="runner_groups", name="id",
        ),
        *_build_listings_of_both(docs.WEBHOOKS, f"hooks?{_PAGE}", "Webhooks: read", _WEBHOOK, items="value", name="id"),
        RestListing(
            docs.GITHUB_REPOSITORY, docs.GITHUB_OWNER, f"{_ORG}/repos?{_PAGE}", "repository Metadata: read", items="value",
            name="name", binds={"repo": "name", "branch": "default_branch"},
            shape={
                "repoId": "id", "repoName": "name", "repoFullName": "full_name", "repoUrl": "html_url",
                "parentOwnerName": "owner.login",
            },
        ),
        RestListing(
            docs.SETTINGS, docs.GITHUB_REPOSITORY, _REPO, "repository Metadata: read",
            (
                "name", "full_name", "html_url", "private", "visibility", "default_branch", "archived", "disabled", "fork",
                "allow_forking", "web_commit_signoff_required", "pushed_at", "security_and_analysis.*.status",
            ),
        ),
        RestListing(
            docs.BRANCH_PROTECTIONS, docs.GITHUB_REPOSITORY, f"{_REPO}/branches/{{branch}}/protection",
            "repository Administration: read", _PROTECTION, nothing=_UNAVAILABLE,
        ),
        RestListing(
            docs.BRANCH_RULES, docs.GITHUB_REPOSITORY, f"{_REPO}/rules/branches/{{branch}}?{_PAGE}", "repository Metadata: read",
            _RULE, items="value", name="type", nothing="upgrade to ",
        ),
        RestListing(
            docs.ENVIRONMENTS, docs.GITHUB_REPOSITORY, f"{_REPO}/environments?{_PAGE}", "repository Actions: read", _ENVIRONMENT,
            items="environments", name="name", binds={"environment": "name"},
        ),
        RestListing(
            docs.SECRETS, docs.ENVIRONMENTS, f"{_REPO}/environments/{{environment}}/secrets?{_PAGE}",
            "repository Environments: read", ("name", "created_at", "updated_at"), items="secrets", name="name",
        ),
        RestListing(
            docs.DEPLOY_KEYS, docs.GITHUB_REPOSITORY, f"{_REPO}/keys?{_PAGE}", "repository Administration: read",
            ("id", "title", "created_at", "read_only", "verified", "last_used", "added_by"), items="value", name="id",
        ),
        _build_alert_listing(docs.CODE_ALERTS, "code-scanning", "repository Code scanning alerts: read", "codeScanning"),
        _build_alert_listing(docs.SECRET_ALERTS, "secret-scanning", "repository Secret scanning alerts: read", "secretScanning"),
        _build_alert_listing(docs.DEPENDENCY_ALERTS, "dependabot", "repository Dependabot alerts: read", "dependabot"),
    ),
)  # fmt: skip
