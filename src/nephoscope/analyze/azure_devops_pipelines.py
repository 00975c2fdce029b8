"""Pipelines of Azure DevOps should get no more than they need: tokens of one project, and no secrets in builds of forks.

Reads the pipeline settings of a project, which an organization's own settings override towards the stricter, and for forks the
triggers of its pipelines.

Source: https://learn.microsoft.com/rest/api/azure/devops/build/general-settings, https://learn.microsoft.com/azure/devops/pipelines/security
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import (
    assess_by_parts,
    assess_parts,
    get_nested_value,
    get_resource_id,
)
from nephoscope.analyze.verdict import report_healthy, report_unhealthy
from nephoscope.estate.devops_documents import (
    AZURE_DEVOPS_PROJECT,
    PIPELINE_SETTINGS,
    PIPELINES,
    get_document,
    get_member_flag,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_PROJECT = (AZURE_DEVOPS_PROJECT.lower(),)
NO_CLASSIC = Key(
    "9f4a17ee-7a02-4978-b968-8c36b74ac8e3", "Creation of classic pipelines should be disabled", _PROJECT
)
FORKS = Key(
    "d5711372-9b5f-4926-a711-13dcf51565a6", "Builds of forks should not have access to secrets", _PROJECT
)
JOB_SCOPE = Key(
    "ee23ed24-653e-59fe-8f50-38ac194f2331",
    "Job tokens should be limited to one project and to referenced repositories",
    _PROJECT,
)
SETTABLE = Key(
    "c3fd1dd8-70cf-5f85-8e85-3e7f0a2e2808",
    "Variables that can be set at queue time should be limited",
    _PROJECT,
)
KEYS = index_keys(NO_CLASSIC, FORKS, JOB_SCOPE, SETTABLE)
TYPES = (*_PROJECT, PIPELINE_SETTINGS.lower(), PIPELINES.lower())

_CLASSIC = ("disableClassicBuildPipelineCreation", "disableClassicReleasePipelineCreation")
_SCOPES = ("enforceJobAuthScope", "enforceJobAuthScopeForReleases", "enforceReferencedRepoScopedToken")


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every project under each key."""

    def require_all_enabled(names: tuple[str, ...], title: str) -> Callable[[Resource, Key], Assessment]:
        def assess(project: Resource, key: Key) -> Assessment:
            settings = get_document(view, PIPELINE_SETTINGS, project.key)
            off = [name for name in names if not get_member_flag(settings, name, get_resource_id(project))]
            if off:
                return report_unhealthy(get_resource_id(project), key, f"off: {', '.join(off)}")
            return report_healthy(get_resource_id(project), key, title)

        return assess

    def forks(project: Resource, key: Key) -> Assessment:
        settings = get_document(view, PIPELINE_SETTINGS, project.key)
        if settings.get("forkProtectionEnabled") is True and (
            settings.get("enforceNoAccessToSecretsFromForks") is True
            or settings.get("buildsEnabledForForks") is False
        ):
            return report_healthy(
                get_resource_id(project), key, "the project keeps secrets from builds of forks"
            )
        pipelines = require_documents(view, PIPELINES, project.key)
        bad = [one for one in pipelines if _exposes_secrets(one)]
        return assess_parts(
            project, key, bad, len(pipelines), ("pipelines", "hand secrets to builds of forks")
        )

    yield from assess_by_parts(
        view,
        AZURE_DEVOPS_PROJECT,
        NO_CLASSIC,
        require_all_enabled(_CLASSIC, "classic pipelines cannot be created"),
    )
    yield from assess_by_parts(view, AZURE_DEVOPS_PROJECT, FORKS, forks)
    yield from assess_by_parts(
        view, AZURE_DEVOPS_PROJECT, JOB_SCOPE, require_all_enabled(_SCOPES, "tokens of jobs are limited")
    )
    yield from assess_by_parts(
        view,
        AZURE_DEVOPS_PROJECT,
        SETTABLE,
        require_all_enabled(("enforceSettableVar",), "variables are limited"),
    )


def _exposes_secrets(pipeline: Resource) -> bool:
    triggers = require_complete(pipeline).get("triggers")
    return any(
        get_nested_value(one, "forks", "enabled") is True
        and get_nested_value(one, "forks", "allowSecrets") is True
        for one in (triggers if isinstance(triggers, list) else ())
    )
