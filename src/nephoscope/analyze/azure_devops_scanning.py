"""Azure DevOps repositories should be scanned by GitHub Advanced Security, and what it finds resolved.

Findings are active alerts of secrets, code and dependencies. In a repository without Advanced Security none can be told, so that the
question does not arise there.

Source: https://learn.microsoft.com/rest/api/azure/devops/advancedsecurity
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import assess_by_parts, get_resource_id
from nephoscope.analyze.verdict import make_finding, report_healthy, report_not_applicable, report_unhealthy
from nephoscope.estate.devops_documents import (
    ADVANCED_SECURITY,
    AZURE_DEVOPS_REPOSITORY,
    CODE_ALERTS,
    get_document,
    get_member_flag,
    require_documents,
)
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_REPOSITORY = (AZURE_DEVOPS_REPOSITORY.lower(),)
ENABLED = Key(
    "c7a934bf-7be6-407a-84d9-4f20e6e49592", "GitHub Advanced Security should be enabled", _REPOSITORY
)
SECRETS = Key(
    "b5ef903f-8655-473b-9784-4f749eeb25c6", "Secret scanning findings should be resolved", _REPOSITORY
)
CODE = Key("99232bb2-9b21-4bbb-8e3c-763673b9923d", "Code scanning findings should be resolved", _REPOSITORY)
DEPENDENCIES = Key(
    "2ea72208-8558-4011-8dcd-d93375a4003d",
    "Dependency vulnerability findings should be resolved",
    _REPOSITORY,
)
KEYS = index_keys(ENABLED, SECRETS, CODE, DEPENDENCIES)
TYPES = (*_REPOSITORY, ADVANCED_SECURITY.lower(), CODE_ALERTS.lower())


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every repository under each key."""

    def is_on(repository: Resource) -> bool:
        return get_member_flag(
            get_document(view, ADVANCED_SECURITY, repository.key),
            "advSecEnabled",
            get_resource_id(repository),
        )

    def assess_enabled(repository: Resource, key: Key) -> Assessment:
        if is_on(repository):
            return report_healthy(get_resource_id(repository), key, "it is on")
        return report_unhealthy(get_resource_id(repository), key, "it is off")

    def make_resolved_assessor(kind: str) -> Callable[[Resource, Key], Assessment]:
        def assess(repository: Resource, key: Key) -> Assessment:
            if not is_on(repository):
                return report_not_applicable(
                    get_resource_id(repository), key, "scanner-off", "nothing scans for it"
                )
            alerts = [
                one
                for one in require_documents(view, CODE_ALERTS, repository.key)
                if _read_alert_kind(one) == kind
            ]
            if not alerts:
                return report_healthy(get_resource_id(repository), key, "no alert is active")
            found = [
                make_finding(
                    one.key,
                    str(get_properties(one).get("title") or one.id.name),
                    str(get_properties(one).get("severity") or "high").capitalize(),
                )
                for one in alerts
            ]
            return report_unhealthy(get_resource_id(repository), key, f"active alerts: {len(alerts)}", found)

        return assess

    yield from assess_by_parts(view, AZURE_DEVOPS_REPOSITORY, ENABLED, assess_enabled)
    yield from assess_by_parts(view, AZURE_DEVOPS_REPOSITORY, SECRETS, make_resolved_assessor("secret"))
    yield from assess_by_parts(view, AZURE_DEVOPS_REPOSITORY, CODE, make_resolved_assessor("code"))
    yield from assess_by_parts(
        view, AZURE_DEVOPS_REPOSITORY, DEPENDENCIES, make_resolved_assessor("dependency")
    )


def _read_alert_kind(alert: Resource) -> str:
    return str(require_complete(alert).get("alertType", "")).lower()
