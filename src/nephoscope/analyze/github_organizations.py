"""GitHub organizations should be set up so that one account or one mistake does not give away all repositories.

Reads the settings of the organization and its owners. A setting that the token could not see is Unknown: GitHub leaves it out of the
answer.

Source: https://docs.github.com/rest/orgs/orgs#get-an-organization
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_by_parts, get_resource_id
from nephoscope.analyze.verdict import report_healthy, report_unhealthy
from nephoscope.estate.devops_documents import (
    ADMINISTRATORS,
    GITHUB_OWNER,
    SETTINGS,
    get_document,
    get_member,
    get_member_flag,
    require_documents,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_OWNER = GITHUB_OWNER.lower()
BASE_PERMISSIONS = Key(
    "497e771e-d309-4e36-9bbd-353defd2658a", "Base permissions of members should be read or none", (_OWNER,)
)
MULTIFACTOR = Key(
    "a9621d26-9d8c-4cd6-8ad0-84501eb88f17",
    "Members and outside collaborators should use two-factor authentication",
    (_OWNER,),
)
PUSH_PROTECTION = Key(
    "90901cb2-c497-4389-b63a-d3a562e15847",
    "Secret scanning push protection should be enabled in new repositories",
    (_OWNER,),
)
SECOND_OWNER = Key(
    "2815b95f-f872-4d51-9709-54c1c7133d7b",
    "More than one person should administer the organization",
    (_OWNER,),
)
KEYS = index_keys(BASE_PERMISSIONS, MULTIFACTOR, PUSH_PROTECTION, SECOND_OWNER)
TYPES = (_OWNER, SETTINGS.lower(), ADMINISTRATORS.lower())

_MODEST = frozenset({"none", "read"})


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every organization under each key."""

    def assess_base_permissions(owner: Resource, key: Key) -> Assessment:
        settings = get_document(view, SETTINGS, owner.key)
        given = str(get_member(settings, "default_repository_permission", get_resource_id(owner)))
        report = report_healthy if given in _MODEST else report_unhealthy
        return report(get_resource_id(owner), key, f"members have '{given}' on every repository")

    def assess_multifactor(owner: Resource, key: Key) -> Assessment:
        settings = get_document(view, SETTINGS, owner.key)
        if get_member_flag(settings, "two_factor_requirement_enabled", get_resource_id(owner)):
            return report_healthy(get_resource_id(owner), key, "two-factor authentication is required")
        return report_unhealthy(
            get_resource_id(owner), key, "an account without a second factor may be a member"
        )

    def push_protection(owner: Resource, key: Key) -> Assessment:
        settings = get_document(view, SETTINGS, owner.key)
        name = "secret_scanning_push_protection_enabled_for_new_repositories"
        if get_member_flag(settings, name, get_resource_id(owner)):
            return report_healthy(get_resource_id(owner), key, "push protection is on for new repositories")
        return report_unhealthy(get_resource_id(owner), key, "push protection is off for new repositories")

    def assess_second_owner(owner: Resource, key: Key) -> Assessment:
        count = len(require_documents(view, ADMINISTRATORS, owner.key))
        report = report_healthy if count > 1 else report_unhealthy
        return report(get_resource_id(owner), key, f"{count} owners")

    yield from assess_by_parts(view, GITHUB_OWNER, BASE_PERMISSIONS, assess_base_permissions)
    yield from assess_by_parts(view, GITHUB_OWNER, MULTIFACTOR, assess_multifactor)
    yield from assess_by_parts(view, GITHUB_OWNER, PUSH_PROTECTION, push_protection)
    yield from assess_by_parts(view, GITHUB_OWNER, SECOND_OWNER, assess_second_owner)
