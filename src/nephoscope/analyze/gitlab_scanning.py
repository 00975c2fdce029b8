"""A push to a GitLab project that holds a secret should be blocked: by secret push protection, or by a push rule.

GitLab leaves the setting out where its edition does not have it, so that the push rules and the security settings must both have
been read before it is said that nothing blocks.

Source: https://docs.gitlab.com/api/projects, .../api/project_security_settings, .../api/project_push_rules
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_gitlab, get_repository_settings, get_resource_id
from nephoscope.analyze.verdict import report_healthy, report_unhealthy
from nephoscope.estate.devops_documents import (
    GITLAB_PROJECT,
    PUSH_RULES,
    SECURITY_SETTINGS,
    SETTINGS,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_PROJECT = GITLAB_PROJECT.lower()
SECRETS_BLOCKED = Key(
    "655711f3-ab7f-5c96-8e4b-d6b170be7d77", "Pushes that contain a secret should be blocked", (_PROJECT,)
)
KEYS = index_keys(SECRETS_BLOCKED)
TYPES = (_PROJECT, SETTINGS.lower(), PUSH_RULES.lower(), SECURITY_SETTINGS.lower())

_SWITCHES = ("secret_push_protection_enabled", "pre_receive_secret_detection_enabled")


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every project."""

    def assess_secret_push_protection(project: Resource, key: Key) -> Assessment:
        if _is_on(get_repository_settings(view, project)):
            return report_healthy(get_resource_id(project), key, "secret push protection is on")
        rules = [require_complete(one) for one in require_documents(view, PUSH_RULES, project.key)]
        if any(one.get("prevent_secrets") is True for one in rules):
            return report_healthy(get_resource_id(project), key, "a push rule rejects files of secrets")
        if any(
            _is_on(require_complete(one)) for one in require_documents(view, SECURITY_SETTINGS, project.key)
        ):
            return report_healthy(get_resource_id(project), key, "secret push protection is on")
        return report_unhealthy(
            get_resource_id(project), key, "neither secret push protection nor a push rule blocks a secret"
        )

    yield from assess_gitlab(view, SECRETS_BLOCKED, assess_secret_push_protection)


def _is_on(members: Mapping[str, object]) -> bool:
    return any(members.get(name) is True for name in _SWITCHES)
