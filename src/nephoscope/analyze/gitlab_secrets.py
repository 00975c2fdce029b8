"""Secrets of GitLab pipelines should be masked, reach protected branches only, expire, and be no long-lived key of Azure.

Variables are judged by their names, as values are never read: one whose name ends in TOKEN, PASSWORD, API_KEY and the like holds a
secret. An access token should expire within a year after it was made, a deploy token some day; revoked and expired ones do not count.

Source: https://docs.gitlab.com/api/group_level_variables, .../api/project_level_variables, .../api/project_access_tokens,
.../api/group_access_tokens, .../api/deploy_tokens
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_gitlab, assess_parts, get_display_name, parse_moment
from nephoscope.analyze.secret_names import names_azure_key, names_secret
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import (
    ACCESS_TOKENS,
    DEPLOY_TOKENS,
    GITLAB_GROUP,
    GITLAB_PROJECT,
    SETTINGS,
    VARIABLES,
    get_member_flag,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_BOTH = (GITLAB_GROUP.lower(), GITLAB_PROJECT.lower())
MASKED = Key("1100e2a1-76ea-5677-8ed0-3e763811616a", "Pipeline secrets should be masked in logs", _BOTH)
PROTECTED = Key(
    "be34bd22-d84e-5269-b814-f7668ff201bb", "Pipeline secrets should be limited to protected branches", _BOTH
)
FEDERATED = Key(
    "8a693d79-9ef8-59d2-92de-ec2ecde8305b", "Pipelines should sign in to Azure without a stored key", _BOTH
)
EXPIRING = Key("d674f77b-00d3-5123-b2d6-4b518944a9b5", "Access tokens and deploy tokens should expire", _BOTH)
KEYS = index_keys(MASKED, PROTECTED, FEDERATED, EXPIRING)
TYPES = (*_BOTH, SETTINGS.lower(), VARIABLES.lower(), ACCESS_TOKENS.lower(), DEPLOY_TOKENS.lower())

#: A year, and the day in another time zone.
_LONGEST = timedelta(days=367)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every group and project under each key."""

    def assess_by_variables(
        is_bad: Callable[[Resource], bool], problem: str
    ) -> Callable[[Resource, Key], Assessment]:
        def assess(owner: Resource, key: Key) -> Assessment:
            variables = require_documents(view, VARIABLES, owner.key)
            bad = [one for one in variables if is_bad(one)]
            return assess_parts(owner, key, bad, len(variables), ("variables", problem))

        return assess

    def assess_expiring(owner: Resource, key: Key) -> Assessment:
        access = [one for one in require_documents(view, ACCESS_TOKENS, owner.key) if _is_in_use(one)]
        deploy = [one for one in require_documents(view, DEPLOY_TOKENS, owner.key) if _is_in_use(one)]
        bad = [one for one in access if _is_long_lived(one)] + [one for one in deploy if not _has_expiry(one)]
        words = ("tokens", "valid for longer than a year")
        return assess_parts(owner, key, bad, len(access) + len(deploy), words)

    def is_secret_without(flag: str) -> Callable[[Resource], bool]:
        return lambda one: (
            names_secret(get_display_name(one)) and not get_member_flag(require_complete(one), flag, one.key)
        )

    yield from assess_gitlab(
        view, MASKED, assess_by_variables(is_secret_without("masked"), "a secret and not masked")
    )
    yield from assess_gitlab(
        view,
        PROTECTED,
        assess_by_variables(is_secret_without("protected"), "a secret that every branch gets"),
    )
    yield from assess_gitlab(
        view,
        FEDERATED,
        assess_by_variables(
            lambda one: names_azure_key(get_display_name(one)), "with a long-lived key of Azure"
        ),
    )
    yield from assess_gitlab(view, EXPIRING, assess_expiring)


def _is_in_use(token: Resource) -> bool:
    members = require_complete(token)
    ended = members.get("expired") is True or members.get("active") is False
    return not ended and not get_member_flag(members, "revoked", token.key)


def _has_expiry(token: Resource) -> bool:
    members = require_complete(token)
    if "expires_at" not in members:
        raise DataNotCollectedError(f"'expires_at' of {token.key}")
    return bool(members["expires_at"])


def _is_long_lived(token: Resource) -> bool:
    """Return whether a token lives longer than a year after it was made; DataNotCollectedError."""
    if not _has_expiry(token):
        return True
    members = require_complete(token)
    try:
        end = date.fromisoformat(str(members["expires_at"])[:10])
    except ValueError:
        raise DataNotCollectedError(f"'expires_at' of {token.key}: it is not a date") from None
    return end - parse_moment(members, "created_at").date() > _LONGEST
