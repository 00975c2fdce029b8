"""The default branch of a GitHub repository should take changes by reviewed pull requests only.

Branch protection and rulesets (of the repository and of its organization) add up: the stricter of both holds. A branch without
protection and without a rule that asks for pull requests is open. Where one of the two was not read and the other does not
suffice, the verdict is Unknown.

Source: https://docs.github.com/rest/branches/branch-protection, https://docs.github.com/rest/repos/rules
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_active, get_nested_value, get_resource_id
from nephoscope.analyze.verdict import report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import (
    BRANCH_PROTECTIONS,
    BRANCH_RULES,
    GITHUB_REPOSITORY,
    SETTINGS,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_REPOSITORY = GITHUB_REPOSITORY.lower()
PROTECTED = Key(
    "17f3ad34-4f87-4463-a11d-6c6d7a84c486", "The default branch should be protected", (_REPOSITORY,)
)
NO_FORCE_PUSH = Key(
    "909d299a-1736-456d-aef5-63688b230bfd",
    "Force pushes to the default branch should be disabled",
    (_REPOSITORY,),
)
TWO_REVIEWERS = Key(
    "20be7df7-9ebb-4fb4-95a9-3ae19b78b80a",
    "Changes to the default branch should require two approvals",
    (_REPOSITORY,),
)
KEYS = index_keys(PROTECTED, NO_FORCE_PUSH, TWO_REVIEWERS)
TYPES = (_REPOSITORY, SETTINGS.lower(), BRANCH_PROTECTIONS.lower(), BRANCH_RULES.lower())

_REVIEWERS = 2
_REVIEWS = "required_pull_request_reviews"


class BranchGuard(msgspec.Struct, frozen=True):
    """Protection of a default branch; `unread` names what could not be read ('' = nothing)."""

    protected: bool
    force_push_blocked: bool
    reviewers: int
    unread: str


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every repository under each key."""
    guards = cache(lambda repository: read_branch_guard(view, repository))

    def assess_protected(repository: Resource, key: Key) -> Assessment:
        guard = guards(repository)
        if guard.protected:
            return report_healthy(get_resource_id(repository), key, "the default branch is protected")
        _require_collected_rules(guard)
        return report_unhealthy(
            get_resource_id(repository), key, "anyone with write access can push to the default branch"
        )

    def assess_force_push(repository: Resource, key: Key) -> Assessment:
        guard = guards(repository)
        if guard.force_push_blocked:
            return report_healthy(get_resource_id(repository), key, "force pushes are blocked")
        _require_collected_rules(guard)
        return report_unhealthy(
            get_resource_id(repository), key, "the history of the default branch can be rewritten"
        )

    def _require_two_reviewers(repository: Resource, key: Key) -> Assessment:
        guard = guards(repository)
        if guard.reviewers >= _REVIEWERS:
            return report_healthy(get_resource_id(repository), key, f"required approvals: {guard.reviewers}")
        _require_collected_rules(guard)
        return report_unhealthy(
            get_resource_id(repository), key, f"required approvals: {guard.reviewers} (minimum {_REVIEWERS})"
        )

    yield from assess_active(view, PROTECTED, assess_protected)
    yield from assess_active(view, NO_FORCE_PUSH, assess_force_push)
    yield from assess_active(view, TWO_REVIEWERS, _require_two_reviewers)


def _require_collected_rules(guard: BranchGuard) -> None:
    if guard.unread:
        raise DataNotCollectedError(guard.unread)


def read_branch_guard(view: EstateView, repository: Resource) -> BranchGuard:
    """Give what holds for the default branch of a repository."""
    unread: list[str] = []
    protections = _read_documents(view, BRANCH_PROTECTIONS, repository, unread)
    rules = _read_documents(view, BRANCH_RULES, repository, unread)
    kinds = {str(rule.get("type")) for rule in rules}
    reviewers = [
        _parse_count(get_nested_value(one, _REVIEWS, "required_approving_review_count"))
        for one in protections
    ]
    reviewers += [
        _parse_count(get_nested_value(rule, "parameters", "required_approving_review_count"))
        for rule in rules
    ]
    if any(get_nested_value(one, "allow_force_pushes", "enabled") is None for one in protections):
        unread.append(f"whether force pushes are allowed in {repository.key}")
    return BranchGuard(
        protected=bool(protections) or bool(kinds & {"pull_request", "update", "required_status_checks"}),
        force_push_blocked="non_fast_forward" in kinds
        or any(get_nested_value(one, "allow_force_pushes", "enabled") is False for one in protections),
        reviewers=max(reviewers, default=0),
        unread=" and ".join(unread),
    )


def _read_documents(
    view: EstateView, type_: str, repository: Resource, unread: list[str]
) -> list[dict[str, object]]:
    try:
        return [require_complete(one) for one in require_documents(view, type_, repository.key)]
    except DataNotCollectedError as gap:
        unread.append(gap.what)
        return []


def _parse_count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
