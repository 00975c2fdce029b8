"""DevOps verdicts: apply an analyzer to repositories, organizations and projects; an unread document gives Unknown."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.analyze.verdict import (
    assess_all,
    join_names,
    make_finding,
    report_healthy,
    report_not_applicable,
    report_unhealthy,
)
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.devops_documents import (
    GITHUB_REPOSITORY,
    GITLAB_GROUP,
    GITLAB_PROJECT,
    SETTINGS,
    get_document,
)
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nephoscope.analyze.assessment_key import Key
    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource


def assess_by_parts(
    view: EstateView, type_: str, key: Key, assess: Callable[[Resource, Key], Assessment]
) -> Iterable[Assessment]:
    """Judge every resource of a type by the documents beside it."""
    return assess_all(view.list_resources(type_), key, assess, by_body=False)


def assess_active(
    view: EstateView, key: Key, assess: Callable[[Resource, Key], Assessment], type_: str = GITHUB_REPOSITORY
) -> Iterable[Assessment]:
    """Judge every repository that is not archived: nothing is pushed to one that is, and no workflow runs in it."""

    def _assess_repository(repository: Resource, asked: Key) -> Assessment:
        settings = get_repository_settings(view, repository)
        if settings.get("archived") is True:
            return report_not_applicable(
                get_resource_id(repository), asked, "archived", "the repository is archived"
            )
        return assess(repository, asked)

    return assess_by_parts(view, type_, key, _assess_repository)


def assess_gitlab(
    view: EstateView, key: Key, assess: Callable[[Resource, Key], Assessment]
) -> Iterable[Assessment]:
    """Judge what a key of GitLab is about: groups, and projects that are not archived."""
    for type_ in key.types:
        if type_ == GITLAB_GROUP.lower():
            yield from assess_by_parts(view, GITLAB_GROUP, key, assess)
        else:
            yield from assess_active(view, key, assess, GITLAB_PROJECT)


def get_repository_settings(view: EstateView, repository: Resource) -> dict[str, object]:
    """Give the settings of a repository of GitHub or a project of GitLab; DataNotCollectedError."""
    return get_document(view, SETTINGS, repository.key)


def get_resource_id(resource: Resource) -> str:
    """Give the id of a resource as it is written."""
    return str(resource.body["id"])


def assess_parts(
    resource: Resource, key: Key, bad: Sequence[Resource], total: int, words: tuple[str, str]
) -> Assessment:
    """Judge by what is wrong among the parts of a resource: `words` name a part and say what is wrong with one."""
    what, problem = words
    if not bad:
        return report_healthy(
            get_resource_id(resource),
            key,
            f"{total} {what}, none {problem}" if total else f"there are no {what}",
        )
    found = [
        make_finding(part.key, f"{get_display_name(part)}: {problem}", "High", id=part.key) for part in bad
    ]
    names = join_names([get_display_name(part) for part in bad])
    return report_unhealthy(
        get_resource_id(resource), key, f"{len(bad)} of {total} {what} {problem}: {names}", found
    )


def is_unsafe_webhook(webhook: Resource) -> bool:
    """Say whether GitHub calls an address without checking TLS, or without a secret that signs the call; DataNotCollectedError."""
    members = require_complete(webhook)
    if members.get("active") is False:
        return False
    address = str(get_nested_value(members, "config", "url") or "")
    insecure = str(get_nested_value(members, "config", "insecure_ssl") or "0") == "1"
    return (
        insecure
        or not address.startswith("https://")
        or get_nested_value(members, "config", "secret") is not True
    )


def get_display_name(part: Resource) -> str:
    """Give the name that people know a document by."""
    members = get_properties(part)
    for name in ("displayName", "name", "key", "title", "description", "login"):
        if isinstance(members.get(name), str) and members[name]:
            return str(members[name])
    return part.id.name


def parse_moment(members: Mapping[str, object], *names: str) -> datetime:
    """Give the first member of these that is a time; DataNotCollectedError where none is."""
    for name in names:
        try:
            found = datetime.fromisoformat(str(members.get(name)))
        except ValueError:
            continue
        if found.tzinfo is not None:
            return found
    raise DataNotCollectedError(f"{' or '.join(names)}")


def get_nested_value(value: object, *path: str) -> object:
    """Give what stands at a path of members, None where it leads nowhere."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
