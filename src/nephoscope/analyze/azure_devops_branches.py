"""The default branch of an Azure DevOps repository should take changes that two other people approved.

Reads the policies of the project that are enabled and blocking and whose scope holds the default branch: of the repository, of all
repositories, by the name of the branch, a prefix of it, or as the default one. A disabled or empty repository takes no changes.

Source: https://learn.microsoft.com/azure/devops/repos/git/branch-policies
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_by_parts, get_nested_value, get_resource_id
from nephoscope.analyze.verdict import report_healthy, report_not_applicable, report_unhealthy
from nephoscope.estate.devops_documents import (
    AZURE_DEVOPS_REPOSITORY,
    BRANCH_POLICIES,
    get_member,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete
from nephoscope.files.json_tree import get_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_REPOSITORY = (AZURE_DEVOPS_REPOSITORY.lower(),)
TWO_REVIEWERS = Key(
    "470742ea-324a-406c-b91f-fc1da6a27c0c",
    "Changes to the default branch should require two approvals",
    _REPOSITORY,
)
NO_SELF_APPROVAL = Key(
    "98b5895a-0ad8-4ed9-8c9d-d654f5bda816",
    "Requestors should not approve their own pull requests",
    _REPOSITORY,
)
KEYS = index_keys(TWO_REVIEWERS, NO_SELF_APPROVAL)
TYPES = (*_REPOSITORY, BRANCH_POLICIES.lower())

#: The policy type "Minimum number of reviewers".
_REVIEWERS_POLICY = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
_REVIEWERS = 2


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every repository under each key."""

    def assess_active_policies(
        assess: Callable[[Resource, Key, list[Mapping[str, object]]], Assessment],
    ) -> Callable[[Resource, Key], Assessment]:
        def _assess_repository(repository: Resource, key: Key) -> Assessment:
            members = require_complete(repository)
            if members.get("isDisabled") is True:
                return report_not_applicable(
                    get_resource_id(repository), key, "disabled", "the repository is disabled"
                )
            if members.get("repoId") and not members.get("defaultBranch"):
                return report_not_applicable(
                    get_resource_id(repository), key, "empty", "the repository has no branch"
                )
            return assess(repository, key, _list_reviewer_policies(view, repository))

        return _assess_repository

    def _require_two_reviewers(
        repository: Resource, key: Key, policies: list[Mapping[str, object]]
    ) -> Assessment:
        count = max((_parse_count(one.get("minimumApproverCount")) for one in policies), default=0)
        if count >= _REVIEWERS:
            return report_healthy(get_resource_id(repository), key, f"required approvals: {count}")
        return report_unhealthy(
            get_resource_id(repository), key, f"required approvals: {count} (minimum {_REVIEWERS})"
        )

    def assess_self_approval(
        repository: Resource, key: Key, policies: list[Mapping[str, object]]
    ) -> Assessment:
        if not policies:
            return report_unhealthy(get_resource_id(repository), key, "no approval is required")
        if any(one.get("creatorVoteCounts") is not True for one in policies):
            return report_healthy(get_resource_id(repository), key, "the requester's own vote does not count")
        return report_unhealthy(
            get_resource_id(repository), key, "the requester can approve their own change"
        )

    yield from assess_by_parts(
        view, AZURE_DEVOPS_REPOSITORY, TWO_REVIEWERS, assess_active_policies(_require_two_reviewers)
    )
    yield from assess_by_parts(
        view, AZURE_DEVOPS_REPOSITORY, NO_SELF_APPROVAL, assess_active_policies(assess_self_approval)
    )


def _list_reviewer_policies(view: EstateView, repository: Resource) -> list[Mapping[str, object]]:
    """The settings of the reviewer policies that hold for the default branch of a repository."""
    members = require_complete(repository)
    id_ = str(get_member(members, "repoId", repository.key)).lower()
    branch = str(get_member(members, "defaultBranch", repository.key))
    found: list[Mapping[str, object]] = []
    for one in require_documents(view, BRANCH_POLICIES, repository.id.parent):
        policy = require_complete(one)
        if str(
            get_nested_value(policy, "type", "id")
        ).lower() != _REVIEWERS_POLICY or not _is_blocking_policy(policy):
            continue
        scopes = get_nested_value(policy, "settings", "scope")
        if isinstance(scopes, list) and any(_covers(scope, id_, branch) for scope in scopes):
            found.append(get_tree(policy, "settings"))
    return found


def _is_blocking_policy(policy: Mapping[str, object]) -> bool:
    return (
        policy.get("isEnabled") is True
        and policy.get("isBlocking") is True
        and policy.get("isDeleted") is not True
    )


def _covers(scope: object, repository: str, branch: str) -> bool:
    """Return whether the scope of a policy holds a branch of a repository."""
    of = get_nested_value(scope, "repositoryId")
    if of and str(of).lower() != repository:
        return False
    kind, ref = (
        str(get_nested_value(scope, "matchKind") or "").lower(),
        str(get_nested_value(scope, "refName") or ""),
    )
    if kind == "defaultbranch" or not ref:
        return True
    return branch.startswith(ref) if kind == "prefix" else branch == ref


def _parse_count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
