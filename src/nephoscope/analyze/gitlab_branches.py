"""A change of a GitLab project's default branch should come by a merge request that two other people approved.

Every protected branch whose name matches counts, `*` in a name stands for anything, and GitLab lets the most open one of them hold.
An edition of GitLab without approval rules requires none. A project without a branch has nothing to protect.

Source: https://docs.gitlab.com/api/protected_branches, .../api/merge_request_approvals
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import (
    assess_gitlab,
    get_nested_value,
    get_repository_settings,
    get_resource_id,
)
from nephoscope.analyze.verdict import report_healthy, report_not_applicable, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import (
    APPROVAL_RULES,
    APPROVAL_SETTINGS,
    BRANCH_PROTECTIONS,
    GITLAB_PROJECT,
    SETTINGS,
    get_member,
    get_member_flag,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_PROJECT = GITLAB_PROJECT.lower()
PROTECTED = Key(
    "21c7f29e-b8b1-59af-b465-af18b9ec4676",
    "Developers should not be able to push to the default branch",
    (_PROJECT,),
)
NO_FORCE_PUSH = Key(
    "7b947408-6aad-5426-bee6-ed65b3d65e7f",
    "Force pushes to the default branch of the project should be disabled",
    (_PROJECT,),
)
TWO_APPROVALS = Key(
    "5815187b-8c28-5320-92bc-9362ef50cab0", "Merge requests should require two approvals", (_PROJECT,)
)
NO_SELF_APPROVAL = Key(
    "a48e2f35-2375-54a9-b811-b173528fcb1f",
    "Merge requests should not be approved by their authors",
    (_PROJECT,),
)
KEYS = index_keys(PROTECTED, NO_FORCE_PUSH, TWO_APPROVALS, NO_SELF_APPROVAL)
TYPES = (
    _PROJECT, SETTINGS.lower(), BRANCH_PROTECTIONS.lower(), APPROVAL_RULES.lower(), APPROVAL_SETTINGS.lower()
)  # fmt: skip

_APPROVALS = 2
_DEVELOPER = 30
#: Rules that hold for every merge request; those of code owners and of reports hold for some.
_ALWAYS = frozenset({"any_approver", "regular"})


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every project under each key."""

    def assess_default_branch(
        assess: Callable[[EstateView, Resource, Key, str], Assessment],
    ) -> Callable[[Resource, Key], Assessment]:
        def _assess_project(project: Resource, key: Key) -> Assessment:
            branch = _find_default_branch(view, project)
            if not branch:
                return report_not_applicable(
                    get_resource_id(project), key, "empty", "the project has no branch"
                )
            return assess(view, project, key, branch)

        return _assess_project

    yield from assess_gitlab(view, PROTECTED, assess_default_branch(_assess_protected_branch))
    yield from assess_gitlab(view, NO_FORCE_PUSH, assess_default_branch(_assess_force_push))
    yield from assess_gitlab(view, TWO_APPROVALS, assess_default_branch(_require_two_approvals))
    yield from assess_gitlab(view, NO_SELF_APPROVAL, assess_default_branch(_assess_self_approval))


def _assess_protected_branch(view: EstateView, project: Resource, key: Key, branch: str) -> Assessment:
    found = _list_protections(view, project, branch)
    if not found:
        return report_unhealthy(get_resource_id(project), key, f"'{branch}' is not protected")
    if any(_may_developers_push(one, project.key) for one in found):
        return report_unhealthy(get_resource_id(project), key, f"developers may push to '{branch}'")
    return report_healthy(get_resource_id(project), key, f"'{branch}' is protected")


def _assess_force_push(view: EstateView, project: Resource, key: Key, branch: str) -> Assessment:
    found = _list_protections(view, project, branch)
    if found and not any(get_member_flag(one, "allow_force_push", project.key) for one in found):
        return report_healthy(get_resource_id(project), key, "force pushes are blocked")
    return report_unhealthy(get_resource_id(project), key, f"the history of '{branch}' can be rewritten")


def _require_two_approvals(view: EstateView, project: Resource, key: Key, branch: str) -> Assessment:
    rules = [require_complete(one) for one in require_documents(view, APPROVAL_RULES, project.key)]
    count = max(
        (_count_required_approvals(one, project.key) for one in rules if _applies_to_branch(one, branch)),
        default=0,
    )
    if count >= _APPROVALS:
        return report_healthy(get_resource_id(project), key, f"required approvals: {count}")
    return report_unhealthy(
        get_resource_id(project), key, f"required approvals: {count} (minimum {_APPROVALS})"
    )


def _assess_self_approval(view: EstateView, project: Resource, key: Key, branch: str) -> Assessment:  # noqa: ARG001 - as the others
    found = require_documents(view, APPROVAL_SETTINGS, project.key)
    if not found:
        return report_not_applicable(
            get_resource_id(project), key, "edition", "this edition of GitLab has no approvals"
        )
    members = require_complete(found[0])
    author = get_member_flag(members, "merge_requests_author_approval", project.key)
    committers = not get_member_flag(members, "merge_requests_disable_committers_approval", project.key)
    who = [name for name, may in (("authors", author), ("committers", committers)) if may]
    if who:
        return report_unhealthy(
            get_resource_id(project), key, f"{' and '.join(who)} may approve their own changes"
        )
    return report_healthy(get_resource_id(project), key, "neither authors nor committers approve")


def _find_default_branch(view: EstateView, project: Resource) -> str:
    """The name of the default branch, '' where the project has none; DataNotCollectedError."""
    settings = get_repository_settings(view, project)
    if "default_branch" not in settings:
        raise DataNotCollectedError(f"'default_branch' of {project.key}")
    return str(settings["default_branch"] or "")


def _list_protections(view: EstateView, project: Resource, branch: str) -> list[dict[str, object]]:
    every = [require_complete(one) for one in require_documents(view, BRANCH_PROTECTIONS, project.key)]
    return [one for one in every if is_named_by(branch, str(one.get("name", "")))]


def is_named_by(branch: str, pattern: str) -> bool:
    """Say whether the name of a protected branch, with `*` for anything, names a branch."""
    first, *rest = pattern.split("*")
    if not rest:
        return branch == pattern
    *middle, last = rest
    if not branch.startswith(first) or not branch.endswith(last) or len(branch) < len(first) + len(last):
        return False
    at, end = len(first), len(branch) - len(last)
    for part in middle:
        found = branch.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _may_developers_push(protection: Mapping[str, object], of: str) -> bool:
    """Return whether the role of a developer may push, and not only people, groups or keys by name."""
    levels: Sequence[object] = get_member(protection, "push_access_levels", of)
    named = ("user_id", "group_id", "deploy_key_id")
    return any(
        get_nested_value(one, "access_level") == _DEVELOPER
        and not any(get_nested_value(one, name) for name in named)
        for one in levels
    )


def _applies_to_branch(rule: Mapping[str, object], branch: str) -> bool:
    """Return whether an approval rule holds for every merge request into a branch that is protected."""
    if rule.get("rule_type") not in _ALWAYS:
        return False
    listed = rule.get("protected_branches")
    names = [str(get_nested_value(one, "name") or "") for one in listed] if isinstance(listed, list) else []
    if rule.get("applies_to_all_protected_branches") is True or not names:
        return True
    return any(is_named_by(branch, name) for name in names)


def _count_required_approvals(rule: Mapping[str, object], of: str) -> int:
    count = get_member(rule, "approvals_required", of)
    if not isinstance(count, int) or isinstance(count, bool):
        raise DataNotCollectedError(f"a number in 'approvals_required' of {of}")
    return count
