"""List the requests to GitLab about a group and the projects below it.

Source: https://docs.gitlab.com/api (v4): groups, projects, protected branches, merge request approvals, variables, access tokens,
deploy tokens, deploy keys, runners, webhooks, push rules, job token scope, project security settings. What an edition of GitLab does
not have is answered by 404 with no word about what was not found; what a token may not see by 403, or by 404 with such a word.
"""

from __future__ import annotations

from nephoscope.collect.devops.rest_listing import DevOpsPlatform, RestListing
from nephoscope.estate import devops_documents as docs

_GROUP, _PROJECT = "groups/{group}", "projects/{project}"
_PAGE = "per_page=100"
_NOT_IN_EDITION = r"^404 Not Found$"
_SETTINGS_OF_GROUP = (
    "id", "name", "full_path", "web_url", "visibility", "require_two_factor_authentication", "two_factor_grace_period",
    "share_with_group_lock", "prevent_forking_outside_group", "prevent_sharing_groups_outside_hierarchy", "shared_runners_setting",
    "project_creation_level", "membership_lock",
)  # fmt: skip
_SETTINGS_OF_PROJECT = (
    "id", "name", "path_with_namespace", "web_url", "visibility", "archived", "empty_repo", "default_branch", "forking_access_level",
    "only_allow_merge_if_pipeline_succeeds", "only_allow_merge_if_all_discussions_are_resolved", "shared_runners_enabled",
    "group_runners_enabled", "public_jobs", "ci_job_token_scope_enabled", "ci_allow_fork_pipelines_to_run_in_parent_project",
    "ci_pipeline_variables_minimum_override_role", "auto_devops_enabled", "secret_push_protection_enabled",
    "pre_receive_secret_detection_enabled", "last_activity_at",
)  # fmt: skip
_VARIABLE = ("key", "variable_type", "protected", "masked", "hidden", "raw", "environment_scope")
_TOKEN = (
    "id", "name", "active", "revoked", "created_at", "expires_at", "last_used_at", "scopes", "access_level"
)  # fmt: skip
_DEPLOY_TOKEN = ("id", "name", "username", "revoked", "expired", "expires_at", "scopes")
_RUNNER = ("id", "description", "runner_type", "is_shared", "paused", "status")
_WEBHOOK = (
    "id", "name", "url@", "enable_ssl_verification", "created_at", "push_events", "disabled_until", "alert_status",
)  # fmt: skip
_BRANCH = (
    "id", "name", "push_access_levels.access_level", "push_access_levels.user_id", "push_access_levels.group_id",
    "push_access_levels.deploy_key_id", "merge_access_levels.access_level", "merge_access_levels.user_id",
    "merge_access_levels.group_id", "allow_force_push", "code_owner_approval_required", "inherited",
)  # fmt: skip
_APPROVALS = (
    "merge_requests_author_approval", "merge_requests_disable_committers_approval", "reset_approvals_on_push",
    "selective_code_owner_removals", "disable_overriding_approvers_per_merge_request", "require_reauthentication_to_approve",
)  # fmt: skip
_APPROVAL_RULE = (
    "id", "name", "rule_type", "approvals_required", "applies_to_all_protected_branches", "protected_branches.name"
)  # fmt: skip
_PUSH_RULE = (
    "prevent_secrets", "reject_unsigned_commits", "commit_committer_check", "member_check", "deny_delete_tag", "max_file_size"
)  # fmt: skip


def _build_listings_of_both(
    type_: str, path: str, keep: tuple[str, ...], name: str = "id", nothing: str = ""
) -> list[RestListing]:
    """A request that the group and each project answers alike."""
    return [
        RestListing(
            type_, of, f"{base}/{path}?{_PAGE}", f"{role} of the {what}", keep, items="value", name=name, nothing=nothing
        )
        for of, base, what, role in (
            (docs.GITLAB_GROUP, _GROUP, "group", "read_api as Owner"),
            (docs.GITLAB_PROJECT, _PROJECT, "project", "read_api as Maintainer"),
        )
    ]  # fmt: skip


def _declare_project_listing(
    type_: str, path: str, keep: tuple[str, ...], items: str = "", name: str = "default", nothing: str = ""
) -> RestListing:
    return RestListing(
        type_, docs.GITLAB_PROJECT, f"{_PROJECT}{path}", "read_api as Maintainer of the project", keep, items, name, nothing=nothing
    )  # fmt: skip


GITLAB = DevOpsPlatform(
    name="gitlab",
    title="GitLab",
    root=docs.GITLAB_GROUP,
    variable="group",
    origins={"": "https://gitlab.com/api/v4"},
    listings=(
        RestListing(
            docs.SETTINGS, docs.GITLAB_GROUP, f"{_GROUP}?with_projects=false", "read_api as Owner of the group", _SETTINGS_OF_GROUP
        ),
        *_build_listings_of_both(docs.VARIABLES, "variables", _VARIABLE, name="key"),
        *_build_listings_of_both(docs.ACCESS_TOKENS, "access_tokens", _TOKEN),
        *_build_listings_of_both(docs.DEPLOY_TOKENS, "deploy_tokens", _DEPLOY_TOKEN),
        *_build_listings_of_both(docs.RUNNERS, "runners", _RUNNER),
        *_build_listings_of_both(docs.WEBHOOKS, "hooks", _WEBHOOK, nothing=_NOT_IN_EDITION),
        RestListing(
            docs.GITLAB_PROJECT, docs.GITLAB_GROUP, f"{_GROUP}/projects?include_subgroups=true&{_PAGE}",
            "read_api as Reporter of the group", items="value", name="path_with_namespace", binds={"project": "id"},
            shape={
                "fullyQualifiedName": "path_with_namespace", "fullyQualifiedFriendlyName": "name_with_namespace",
                "fullyQualifiedParentGroupName": "namespace.full_path", "url": "web_url",
            },
        ),
        _declare_project_listing(docs.SETTINGS, "", _SETTINGS_OF_PROJECT),
        _declare_project_listing(docs.BRANCH_PROTECTIONS, f"/protected_branches?{_PAGE}", _BRANCH, "value", "name"),
        _declare_project_listing(docs.APPROVAL_SETTINGS, "/approvals", _APPROVALS, nothing=_NOT_IN_EDITION),
        _declare_project_listing(
            docs.APPROVAL_RULES, f"/approval_rules?{_PAGE}", _APPROVAL_RULE, "value", "id", nothing=_NOT_IN_EDITION
        ),
        _declare_project_listing(
            docs.DEPLOY_KEYS, f"/deploy_keys?{_PAGE}", ("id", "title", "created_at", "expires_at", "can_push"), "value", "id"
        ),
        _declare_project_listing(docs.PUSH_RULES, "/push_rule", _PUSH_RULE, nothing=_NOT_IN_EDITION),
        _declare_project_listing(docs.JOB_TOKEN_SCOPES, "/job_token_scope", ("inbound_enabled", "outbound_enabled")),
        _declare_project_listing(
            docs.SECURITY_SETTINGS, "/security_settings", ("secret_push_protection_enabled", "pre_receive_secret_detection_enabled"),
            nothing=_NOT_IN_EDITION,
        ),
    ),
)  # fmt: skip
