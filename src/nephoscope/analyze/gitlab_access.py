"""Check external access to GitLab groups and projects: accounts, deploy keys, webhooks, runners, job tokens.

A runner of a public project whose pipelines of forks run in it runs what a stranger wrote, once a member starts it. A job token of
any project reads from one that does not limit which ones may. GitLab does not tell whether a webhook has a secret token.

Source: https://docs.gitlab.com/api/groups, .../api/deploy_keys, .../api/project_webhooks, .../api/group_webhooks, .../api/runners,
.../api/project_job_token_scopes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import (
    assess_gitlab,
    assess_parts,
    get_repository_settings,
    get_resource_id,
)
from nephoscope.analyze.verdict import report_healthy, report_unhealthy
from nephoscope.estate.devops_documents import (
    DEPLOY_KEYS,
    GITLAB_GROUP,
    GITLAB_PROJECT,
    JOB_TOKEN_SCOPES,
    RUNNERS,
    SETTINGS,
    WEBHOOKS,
    get_document,
    get_member,
    get_member_flag,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_GROUP, _PROJECT = GITLAB_GROUP.lower(), GITLAB_PROJECT.lower()
MULTIFACTOR = Key(
    "c7714308-5e79-5ea5-83b5-1667a4efcf07", "Members should use two-factor authentication", (_GROUP,)
)
TLS_WEBHOOKS = Key(
    "100ce6d0-764a-5d81-851e-c0881683bf6d", "GitLab webhooks should verify TLS", (_GROUP, _PROJECT)
)
READ_ONLY_KEYS = Key(
    "3e8043a1-8c7b-5519-9510-b5fd5d9d0e77", "Deploy keys of the project should be read-only", (_PROJECT,)
)
NO_FORKS_ON_RUNNERS = Key(
    "cc7be235-581e-5dd5-805b-6a9f6e799bc3",
    "Pipelines of public forks should not run on self-managed runners",
    (_PROJECT,),
)
LIMITED_JOB_TOKENS = Key(
    "21360c85-1cb0-5c34-ae99-e27b839ebc78",
    "Job token access should be limited to selected projects",
    (_PROJECT,),
)
KEYS = index_keys(MULTIFACTOR, TLS_WEBHOOKS, READ_ONLY_KEYS, NO_FORKS_ON_RUNNERS, LIMITED_JOB_TOKENS)
TYPES = (
    _GROUP, _PROJECT, SETTINGS.lower(), WEBHOOKS.lower(), DEPLOY_KEYS.lower(), RUNNERS.lower(), JOB_TOKEN_SCOPES.lower()
)  # fmt: skip

_OF_INSTANCE = "instance_type"


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every group and project under each key."""

    def assess_multifactor(group: Resource, key: Key) -> Assessment:
        settings = get_document(view, SETTINGS, group.key)
        if get_member_flag(settings, "require_two_factor_authentication", get_resource_id(group)):
            return report_healthy(get_resource_id(group), key, "two-factor authentication is required")
        return report_unhealthy(
            get_resource_id(group), key, "an account without a second factor may be a member"
        )

    def assess_webhooks(owner: Resource, key: Key) -> Assessment:
        hooks = require_documents(view, WEBHOOKS, owner.key)
        bad = [one for one in hooks if _is_unsafe_webhook(one)]
        return assess_parts(owner, key, bad, len(hooks), ("webhooks", "without TLS"))

    def deploy_keys(project: Resource, key: Key) -> Assessment:
        keys = require_documents(view, DEPLOY_KEYS, project.key)
        bad = [one for one in keys if get_member_flag(require_complete(one), "can_push", one.key)]
        return assess_parts(project, key, bad, len(keys), ("deploy keys", "allowed to push"))

    def assess_runners(project: Resource, key: Key) -> Assessment:
        settings = get_repository_settings(view, project)
        visibility = str(get_member(settings, "visibility", get_resource_id(project)))
        if visibility != "public":
            return report_healthy(get_resource_id(project), key, f"the project is {visibility}")
        listed = require_documents(view, RUNNERS, project.key)
        own = [
            one for one in listed if get_member(require_complete(one), "runner_type", one.key) != _OF_INSTANCE
        ]
        if own and not get_member_flag(settings, _FORKS_RUN_HERE, get_resource_id(project)):
            return report_healthy(get_resource_id(project), key, "pipelines of forks run in the forks")
        return assess_parts(
            project, key, own, len(listed), ("runners", "of your own, where pipelines of forks run")
        )

    def assess_job_tokens(project: Resource, key: Key) -> Assessment:
        scope = get_document(view, JOB_TOKEN_SCOPES, project.key)
        if get_member_flag(scope, "inbound_enabled", get_resource_id(project)):
            return report_healthy(get_resource_id(project), key, "job tokens of selected projects reach it")
        return report_unhealthy(get_resource_id(project), key, "a job token of any project reaches it")

    yield from assess_gitlab(view, MULTIFACTOR, assess_multifactor)
    yield from assess_gitlab(view, TLS_WEBHOOKS, assess_webhooks)
    yield from assess_gitlab(view, READ_ONLY_KEYS, deploy_keys)
    yield from assess_gitlab(view, NO_FORKS_ON_RUNNERS, assess_runners)
    yield from assess_gitlab(view, LIMITED_JOB_TOKENS, assess_job_tokens)


_FORKS_RUN_HERE = "ci_allow_fork_pipelines_to_run_in_parent_project"


def _is_unsafe_webhook(webhook: Resource) -> bool:
    members = require_complete(webhook)
    address = str(get_member(members, "url", webhook.key))
    return not address.startswith("https://") or not get_member_flag(
        members, "enable_ssl_verification", webhook.key
    )
