"""GitHub Actions should get no more rights than workflows ask for, run known actions only, and wait for approval of forks.

The settings of a repository hold; GitHub gives them as the organization restricts them. Where Actions is off in a repository,
the questions do not arise.

Source: https://docs.github.com/rest/actions/permissions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import (
    assess_active,
    assess_by_parts,
    get_repository_settings,
    get_resource_id,
)
from nephoscope.analyze.verdict import report_healthy, report_not_applicable, report_unhealthy
from nephoscope.estate.devops_documents import (
    ACTIONS_PERMISSIONS,
    FORK_APPROVALS,
    GITHUB_OWNER,
    GITHUB_REPOSITORY,
    SETTINGS,
    WORKFLOW_PERMISSIONS,
    get_document,
    get_member,
    get_member_flag,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_OWNER, _REPOSITORY = GITHUB_OWNER.lower(), GITHUB_REPOSITORY.lower()
READ_ONLY = Key(
    "48f93272-e99c-47be-8087-091c71be9897",
    "Workflows should get a read-only token by default",
    (_OWNER,),
)
REPOSITORY_READ_ONLY = Key(
    "ecc88399-8342-5a69-9a1c-01cd7b517230", "Workflows of the repository should get a read-only token by default",
    (_REPOSITORY,),
)  # fmt: skip
NO_APPROVING = Key(
    "114591e0-56d5-5697-b0b0-fdce53c000b2",
    "Workflows should not be able to approve pull requests",
    (_REPOSITORY,),
)
KNOWN_ACTIONS = Key(
    "46133d85-ec94-5b7e-a557-634a9acaeeb2", "Workflows should run selected actions only", (_REPOSITORY,)
)
FORKS_APPROVED = Key(
    "71fa739f-2657-5fe2-9803-a154061afd4f",
    "Workflows of outside contributors should require approval",
    (_REPOSITORY,),
)
KEYS = index_keys(READ_ONLY, REPOSITORY_READ_ONLY, NO_APPROVING, KNOWN_ACTIONS, FORKS_APPROVED)
TYPES = (
    _OWNER, _REPOSITORY, SETTINGS.lower(), ACTIONS_PERMISSIONS.lower(), WORKFLOW_PERMISSIONS.lower(), FORK_APPROVALS.lower()
)  # fmt: skip

#: Of GitHub's approval policies those that every outside contributor meets.
_EVERYBODY = frozenset({"all_external_contributors"})


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every organization and repository under each key."""

    def assess_if_actions_enabled(
        assess: Callable[[Resource, Key], Assessment],
    ) -> Callable[[Resource, Key], Assessment]:
        def _evaluate_resource(resource: Resource, key: Key) -> Assessment:
            permissions = get_document(view, ACTIONS_PERMISSIONS, resource.key)
            if not get_member_flag(permissions, "enabled", get_resource_id(resource)):
                return report_not_applicable(
                    get_resource_id(resource), key, "actions-off", "GitHub Actions is off"
                )
            return assess(resource, key)

        return _evaluate_resource

    def _require_read_only(resource: Resource, key: Key) -> Assessment:
        rights = get_document(view, WORKFLOW_PERMISSIONS, resource.key)
        given = str(get_member(rights, "default_workflow_permissions", get_resource_id(resource)))
        report = report_healthy if given == "read" else report_unhealthy
        return report(
            get_resource_id(resource), key, f"GITHUB_TOKEN has '{given}' where a workflow asks for nothing"
        )

    def assess_workflow_approval(resource: Resource, key: Key) -> Assessment:
        rights = get_document(view, WORKFLOW_PERMISSIONS, resource.key)
        if get_member_flag(rights, "can_approve_pull_request_reviews", get_resource_id(resource)):
            return report_unhealthy(
                get_resource_id(resource),
                key,
                "a workflow may approve pull requests, its own change included",
            )
        return report_healthy(get_resource_id(resource), key, "workflows cannot approve pull requests")

    def assess_allowed_actions(resource: Resource, key: Key) -> Assessment:
        permissions = get_document(view, ACTIONS_PERMISSIONS, resource.key)
        allowed = str(get_member(permissions, "allowed_actions", get_resource_id(resource)))
        report = report_unhealthy if allowed == "all" else report_healthy
        return report(get_resource_id(resource), key, f"allowed actions: {allowed}")

    def forks_approved(resource: Resource, key: Key) -> Assessment:
        if get_repository_settings(view, resource).get("private") is True:
            return report_not_applicable(
                get_resource_id(resource), key, "private", "only members fork a private repository"
            )
        approvals = get_document(view, FORK_APPROVALS, resource.key)
        policy = str(get_member(approvals, "approval_policy", get_resource_id(resource)))
        report = report_healthy if policy in _EVERYBODY else report_unhealthy
        return report(get_resource_id(resource), key, f"an approval is needed of: {policy.replace('_', ' ')}")

    yield from assess_by_parts(view, GITHUB_OWNER, READ_ONLY, _require_read_only)
    yield from assess_active(view, REPOSITORY_READ_ONLY, assess_if_actions_enabled(_require_read_only))
    yield from assess_active(view, NO_APPROVING, assess_if_actions_enabled(assess_workflow_approval))
    yield from assess_active(view, KNOWN_ACTIONS, assess_if_actions_enabled(assess_allowed_actions))
    yield from assess_active(view, FORKS_APPROVED, assess_if_actions_enabled(forks_approved))
