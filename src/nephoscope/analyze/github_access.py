"""Check external access to GitHub repositories: deploy keys, webhooks, self-hosted runners, environments.

A self-hosted runner keeps what a workflow left on it. A deploy key that may write pushes past every review of people. A webhook
tells what happens in the repository, to anybody where TLS is not checked, and its receiver cannot tell a forged call without a
secret. An environment without a rule deploys whatever a branch holds.

Source: https://docs.github.com/rest/deploy-keys, .../repos/webhooks, .../actions/self-hosted-runners, .../deployments/environments
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import (
    assess_active,
    assess_parts,
    get_nested_value,
    is_unsafe_webhook,
)
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import (
    DEPLOY_KEYS,
    ENVIRONMENTS,
    GITHUB_REPOSITORY,
    RUNNERS,
    SETTINGS,
    WEBHOOKS,
    get_member_flag,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_REPOSITORY = GITHUB_REPOSITORY.lower()
HOSTED_RUNNERS = Key(
    "bd041c7b-95db-4aaf-8bc4-fd9875ecdddf", "Workflows should run on GitHub-hosted runners", (_REPOSITORY,)
)
READ_ONLY_KEYS = Key(
    "f70fdc02-0ae0-525b-a602-6ab11e4b28de", "Deploy keys should be read-only", (_REPOSITORY,)
)
SIGNED_WEBHOOKS = Key(
    "576227f0-5f33-50be-bad9-8645a0e0ade8", "Webhooks should verify TLS and have a secret", (_REPOSITORY,)
)
GUARDED_ENVIRONMENTS = Key(
    "4516a9f2-28dc-5ed5-8a7f-4c14bd10edfb",
    "Environments should be limited to reviewers or branches",
    (_REPOSITORY,),
)
KEYS = index_keys(HOSTED_RUNNERS, READ_ONLY_KEYS, SIGNED_WEBHOOKS, GUARDED_ENVIRONMENTS)
TYPES = (
    _REPOSITORY, SETTINGS.lower(), RUNNERS.lower(), DEPLOY_KEYS.lower(), WEBHOOKS.lower(), ENVIRONMENTS.lower()
)  # fmt: skip


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every repository under each key."""

    def assess_by_parts(
        type_: str, is_bad: Callable[[Resource], bool], words: tuple[str, str]
    ) -> Callable[[Resource, Key], Assessment]:
        def assess(repository: Resource, key: Key) -> Assessment:
            parts = require_documents(view, type_, repository.key)
            return assess_parts(repository, key, [one for one in parts if is_bad(one)], len(parts), words)

        return assess

    yield from assess_active(
        view, HOSTED_RUNNERS, assess_by_parts(RUNNERS, lambda _: True, ("runners", "self-hosted"))
    )
    yield from assess_active(
        view, READ_ONLY_KEYS, assess_by_parts(DEPLOY_KEYS, _may_write, ("deploy keys", "allowed to push"))
    )
    yield from assess_active(
        view,
        SIGNED_WEBHOOKS,
        assess_by_parts(WEBHOOKS, is_unsafe_webhook, ("webhooks", "without TLS or without a secret")),
    )
    yield from assess_active(
        view,
        GUARDED_ENVIRONMENTS,
        assess_by_parts(ENVIRONMENTS, _is_open, ("environments", "open to every branch and person")),
    )


def _may_write(key: Resource) -> bool:
    return not get_member_flag(require_complete(key), "read_only", key.key)


def _is_open(environment: Resource) -> bool:
    members: dict[str, object] = require_complete(environment)
    for name in ("protection_rules", "deployment_branch_policy"):
        if name not in members:
            raise DataNotCollectedError(f"'{name}' of {environment.key}")
    rules = members.get("protection_rules")
    reviewed = isinstance(rules, list) and any(
        get_nested_value(rule, "type") == "required_reviewers" for rule in rules
    )
    return not reviewed and not members.get("deployment_branch_policy")
