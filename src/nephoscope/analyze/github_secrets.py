"""Secrets of GitHub Actions should be few, renewed, and no long-lived key of Azure.

Names and times are read, never values. A secret that was not renewed for a year is old. A secret that holds credentials of Azure
by its name (AZURE_CREDENTIALS, AZURE_CLIENT_SECRET, ARM_CLIENT_SECRET) is a key where workload identity federation needs none.

Source: https://docs.github.com/rest/actions/secrets
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.devops_verdicts import (
    assess_active,
    assess_by_parts,
    assess_parts,
    get_display_name,
    parse_moment,
)
from nephoscope.analyze.secret_names import names_azure_key
from nephoscope.estate.devops_documents import (
    ENVIRONMENTS,
    GITHUB_OWNER,
    GITHUB_REPOSITORY,
    SECRETS,
    SETTINGS,
    get_member,
    require_documents,
)
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_OWNER, _REPOSITORY = GITHUB_OWNER.lower(), GITHUB_REPOSITORY.lower()
SELECTED = Key(
    "6331fad3-a7a2-497d-b616-52672057e0f3",
    "Secrets of the organization should be limited to selected repositories",
    (_OWNER,),
)
RENEWED = Key(
    "21b54842-f518-5022-a7ea-0715c18ddbb3", "Workflow secrets should be renewed every year", (_REPOSITORY,)
)
FEDERATED = Key(
    "be9d34d1-fafb-5371-be71-f76e84f45656",
    "Workflows should sign in to Azure without a stored key",
    (_REPOSITORY,),
)
KEYS = index_keys(SELECTED, RENEWED, FEDERATED)
TYPES = (_OWNER, _REPOSITORY, SETTINGS.lower(), SECRETS.lower(), ENVIRONMENTS.lower())

#: A secret that was not renewed for so long is old.
_OLD = timedelta(days=365)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every organization and repository under each key."""

    def assess_selected(owner: Resource, key: Key) -> Assessment:
        secrets = require_documents(view, SECRETS, owner.key)
        bad = [
            one for one in secrets if get_member(require_complete(one), "visibility", one.key) != "selected"
        ]
        return assess_parts(
            owner, key, bad, len(secrets), ("secrets", "open to repositories that nobody selected")
        )

    def assess_renewed(repository: Resource, key: Key) -> Assessment:
        secrets = _list_secrets(view, repository)
        bad = [
            one
            for one in secrets
            if view.clock.is_older(parse_moment(require_complete(one), "updated_at", "created_at"), _OLD)
        ]
        return assess_parts(repository, key, bad, len(secrets), ("secrets", "not renewed for a year"))

    def assess_federated(repository: Resource, key: Key) -> Assessment:
        secrets = _list_secrets(view, repository)
        bad = [one for one in secrets if names_azure_key(get_display_name(one))]
        return assess_parts(repository, key, bad, len(secrets), ("secrets", "with a long-lived key of Azure"))

    yield from assess_by_parts(view, GITHUB_OWNER, SELECTED, assess_selected)
    yield from assess_active(view, RENEWED, assess_renewed)
    yield from assess_active(view, FEDERATED, assess_federated)


def _list_secrets(view: EstateView, repository: Resource) -> list[Resource]:
    """The secrets of a repository and of its environments; NotCollected."""
    found = list(require_documents(view, SECRETS, repository.key))
    for environment in require_documents(view, ENVIRONMENTS, repository.key):
        found += require_documents(view, SECRETS, environment.key)
    return found
