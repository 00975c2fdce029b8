"""GitHub repositories should be scanned for secrets, vulnerable code and vulnerable dependencies, and the findings resolved.

A scanner is on where its alerts can be listed, off where GitHub says so (or the settings of the repository do). Findings are open
alerts; of a repository whose scanner is off none can be told, so that the question does not arise there.

Source: https://docs.github.com/rest/secret-scanning, .../code-scanning, .../dependabot/alerts
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import (
    assess_active,
    get_nested_value,
    get_repository_settings,
    get_resource_id,
)
from nephoscope.analyze.verdict import make_finding, report_healthy, report_not_applicable, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import (
    CODE_ALERTS,
    DEPENDENCY_ALERTS,
    GITHUB_REPOSITORY,
    SCANNERS,
    SECRET_ALERTS,
    SETTINGS,
    require_documents,
)
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

_REPOSITORY = (GITHUB_REPOSITORY.lower(),)
SECRETS_ON = Key("b6ad173c-0cc6-4d44-b954-8217c8837a8e", "Secret scanning should be enabled", _REPOSITORY)
CODE_ON = Key("5a2b692f-9ccc-4519-b6bd-47125dd51884", "Code scanning should be enabled", _REPOSITORY)
DEPENDENCIES_ON = Key(
    "c64e7cfb-6d64-4227-8c23-b4fa5c72957b", "Dependency scanning should be enabled", _REPOSITORY
)
SECRETS = Key(
    "dd98425c-1407-40cc-8a2c-da5d0a2f80da", "Secret scanning findings should be resolved", _REPOSITORY
)
CODE = Key("18aa4e75-776a-4296-97f0-fe1cf10d679c", "Code scanning findings should be resolved", _REPOSITORY)
DEPENDENCIES = Key(
    "945f7b1c-8def-4ab3-a44d-1416060104b3",
    "Dependency vulnerability findings should be resolved",
    _REPOSITORY,
)
KEYS = index_keys(SECRETS_ON, CODE_ON, DEPENDENCIES_ON, SECRETS, CODE, DEPENDENCIES)
TYPES = (
    *_REPOSITORY, SETTINGS.lower(), SCANNERS.lower(), SECRET_ALERTS.lower(), CODE_ALERTS.lower(), DEPENDENCY_ALERTS.lower()
)  # fmt: skip


class _Scanner(NamedTuple):
    """A scanner: its document, the type of its alerts, the feature in the repository's settings, and its two keys."""

    name: str
    alerts: str
    setting: str
    on: Key
    resolved: Key


_SCANNERS = (
    _Scanner("secretScanning", SECRET_ALERTS, "secret_scanning", SECRETS_ON, SECRETS),
    _Scanner("codeScanning", CODE_ALERTS, "", CODE_ON, CODE),
    _Scanner("dependabot", DEPENDENCY_ALERTS, "", DEPENDENCIES_ON, DEPENDENCIES),
)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every repository under each key."""
    for scanner in _SCANNERS:
        yield from _assess_scanner(view, scanner)


def _assess_scanner(view: EstateView, scanner: _Scanner) -> Iterable[Assessment]:
    def assess_enabled(repository: Resource, key: Key) -> Assessment:
        if _is_on(view, repository, scanner):
            return report_healthy(get_resource_id(repository), key, "it is on")
        return report_unhealthy(get_resource_id(repository), key, "it is off")

    def assess_resolved(repository: Resource, key: Key) -> Assessment:
        if not _is_on(view, repository, scanner):
            return report_not_applicable(
                get_resource_id(repository), key, "scanner-off", "nothing scans for it"
            )
        alerts = require_documents(view, scanner.alerts, repository.key)
        if not alerts:
            return report_healthy(get_resource_id(repository), key, "no alert is open")
        return report_unhealthy(
            get_resource_id(repository), key, f"open alerts: {len(alerts)}", map(_make_finding, alerts)
        )

    yield from assess_active(view, scanner.on, assess_enabled)
    yield from assess_active(view, scanner.resolved, assess_resolved)


def _is_on(view: EstateView, repository: Resource, scanner: _Scanner) -> bool:
    for one in view.list_children(SCANNERS.lower(), repository.key):
        if one.id.name == scanner.name.lower():
            return require_complete(one).get("enabled") is True
    status = get_nested_value(
        get_repository_settings(view, repository), "security_and_analysis", scanner.setting, "status"
    )
    if status in ("enabled", "disabled"):
        return bool(status == "enabled")
    raise DataNotCollectedError(f"the setting {scanner.name} of {repository.key}")


def _make_finding(alert: Resource) -> SubAssessment:
    members = get_properties(alert)
    title = (
        get_nested_value(members, "security_advisory", "summary")
        or get_nested_value(members, "rule", "description")
        or members.get("secret_type_display_name")
        or members.get("secret_type")
        or f"alert {alert.id.name}"
    )
    severity = get_nested_value(members, "security_advisory", "severity") or get_nested_value(
        members, "rule", "security_severity_level"
    )
    place = get_nested_value(members, "most_recent_instance", "location", "path") or get_nested_value(
        members, "dependency", "manifest_path"
    )
    return make_finding(alert.key, str(title), str(severity or "high").capitalize(), path=place or "")
