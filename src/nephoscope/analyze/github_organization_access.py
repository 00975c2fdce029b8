"""Check external access to all repositories of a GitHub organization: its webhooks and self-hosted runners.

A webhook of the organization tells what happens in every repository. A runner of the organization keeps what a workflow left on it:
a group that public repositories reach runs what anybody puts into a pull request, and one that is open to all repositories lets the
least of them take over what the others deploy with. A group without runners runs nothing.

Source: https://docs.github.com/rest/orgs/webhooks, .../rest/actions/self-hosted-runner-groups
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_by_parts, assess_parts, is_unsafe_webhook
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import (
    GITHUB_OWNER,
    RUNNER_GROUPS,
    RUNNERS,
    WEBHOOKS,
    get_member,
    get_member_flag,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_OWNER = GITHUB_OWNER.lower()
SIGNED_WEBHOOKS = Key(
    "37b27421-3494-5283-9240-4c210c3e9df3",
    "Webhooks of the organization should verify TLS and have a secret",
    (_OWNER,),
)
PRIVATE_RUNNERS = Key(
    "227441b7-c64f-543b-aaa4-59b238b602c1",
    "Runners of the organization should not be available to public repositories",
    (_OWNER,),
)
SELECTED_RUNNERS = Key(
    "21a9c1a8-2163-5d94-aba2-17a6fd1141fb",
    "Runners of the organization should serve selected repositories",
    (_OWNER,),
)
KEYS = index_keys(SIGNED_WEBHOOKS, PRIVATE_RUNNERS, SELECTED_RUNNERS)
TYPES = (_OWNER, WEBHOOKS.lower(), RUNNERS.lower(), RUNNER_GROUPS.lower())


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every organization under each key."""

    def assess_webhooks(owner: Resource, key: Key) -> Assessment:
        parts = require_documents(view, WEBHOOKS, owner.key)
        bad = [one for one in parts if is_unsafe_webhook(one)]
        return assess_parts(owner, key, bad, len(parts), ("webhooks", "without TLS or without a secret"))

    def assess_by_groups(
        is_bad: Callable[[Resource], bool], problem: str
    ) -> Callable[[Resource, Key], Assessment]:
        def assess(owner: Resource, key: Key) -> Assessment:
            groups = require_documents(view, RUNNER_GROUPS, owner.key)
            return _assess_groups(
                view, owner, key, [one for one in groups if is_bad(one)], len(groups), problem
            )

        return assess

    yield from assess_by_parts(view, GITHUB_OWNER, SIGNED_WEBHOOKS, assess_webhooks)
    yield from assess_by_parts(
        view,
        GITHUB_OWNER,
        PRIVATE_RUNNERS,
        assess_by_groups(_allows_public, "reached by public repositories"),
    )
    yield from assess_by_parts(
        view, GITHUB_OWNER, SELECTED_RUNNERS, assess_by_groups(_is_for_all, "open to all repositories")
    )


def _assess_groups(
    view: EstateView, owner: Resource, key: Key, open_: list[Resource], total: int, problem: str
) -> Assessment:
    """Judge by the open groups that have runners; DataNotCollectedError where they are the enterprise's, which are not read."""
    filled = _find_groups_with_runners(view, owner) if open_ else frozenset()
    bad = [one for one in open_ if str(require_complete(one).get("id")) in filled]
    inherited = [one for one in open_ if require_complete(one).get("inherited") is True]
    if inherited and not bad:
        raise DataNotCollectedError(f"the runners of {inherited[0].key}, which the enterprise shares")
    return assess_parts(owner, key, bad, total, ("runner groups", problem))


def _find_groups_with_runners(view: EstateView, owner: Resource) -> frozenset[str]:
    """The ids of the groups that have runners; DataNotCollectedError."""
    runners = require_documents(view, RUNNERS, owner.key)
    return frozenset(str(get_member(require_complete(one), "runner_group_id", one.key)) for one in runners)


def _allows_public(group: Resource) -> bool:
    return get_member_flag(require_complete(group), "allows_public_repositories", group.key)


def _is_for_all(group: Resource) -> bool:
    return str(get_member(require_complete(group), "visibility", group.key)) == "all"
