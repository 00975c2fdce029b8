"""The images that resources run, as their bodies name them: container apps and jobs, container groups, and web apps with containers.

Clusters do not name theirs: what runs in them stands in logs.

Source: https://learn.microsoft.com/azure/templates/microsoft.app/containerapps,
https://learn.microsoft.com/azure/templates/microsoft.containerinstance/containergroups,
https://learn.microsoft.com/azure/templates/microsoft.web/sites
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.estate.estate import Estate
    from nephoscope_policy.model.resource import Resource

_APPS = ("microsoft.app/containerapps", "microsoft.app/jobs")
_GROUP = "microsoft.containerinstance/containergroups"
_SITES = ("microsoft.web/sites", "microsoft.web/sites/slots")
_SIDECARS = ("microsoft.web/sites/sitecontainers", "microsoft.web/sites/slots/sitecontainers")
_CONFIGURATIONS = ("microsoft.web/sites/config", "microsoft.web/sites/slots/config")
_VERSIONS = ("linuxFxVersion", "windowsFxVersion")
_STOPPED = frozenset(("stopped", "succeeded", "failed", "suspended"))


def list_images(estate: Estate) -> dict[str, frozenset[str]]:
    """Return the names of the images that each resource runs, by its lower-cased id; of one that was stopped, none."""
    found: dict[str, set[str]] = {}
    for type_ in (*_APPS, _GROUP, *_SITES):
        for resource in estate.list_of_type(type_):
            names = set(_list_image_names(resource, type_))
            if names or _is_container_stopped(resource):
                found.setdefault(resource.key, set()).update(() if _is_container_stopped(resource) else names)
    for resource in _list_site_parts(estate):
        site = estate.resources.get(resource.id.parent)
        if site is not None and not _is_container_stopped(site):
            names = set(_list_site_images(resource))
            if names:
                found.setdefault(site.key, set()).update(names)
    return {id_: frozenset(names) for id_, names in found.items()}


def _list_site_parts(estate: Estate) -> Iterator[Resource]:
    for type_ in (*_SIDECARS, *_CONFIGURATIONS):
        yield from estate.list_of_type(type_)


def _list_image_names(resource: Resource, type_: str) -> Iterator[str]:
    properties = _to_mapping(resource.body.get("properties"))
    if type_ in _APPS:
        template = _to_mapping(properties.get("template"))
        for one in (*_read_items(template.get("containers")), *_read_items(template.get("initContainers"))):
            yield from _give_text(one.get("image"))
    elif type_ == _GROUP:
        for one in (
            *_read_items(properties.get("containers")),
            *_read_items(properties.get("initContainers")),
        ):
            yield from _give_text(_to_mapping(one.get("properties")).get("image"))
    else:
        yield from _read_site_image(_to_mapping(properties.get("siteConfig")))


def _list_site_images(resource: Resource) -> Iterator[str]:
    properties = _to_mapping(resource.body.get("properties"))
    yield from _give_text(properties.get("image"))
    yield from _read_site_image(properties)


def _read_site_image(configuration: dict[str, object]) -> Iterator[str]:
    """Yield the image of a site's configuration: `DOCKER|registry/repository:tag`."""
    for name in _VERSIONS:
        kind, _, image = str(configuration.get(name) or "").partition("|")
        if kind.upper() == "DOCKER":
            yield from _give_text(image)


def _is_container_stopped(resource: Resource) -> bool:
    properties = _to_mapping(resource.body.get("properties"))
    states = (
        properties.get("runningStatus"), properties.get("state"),
        _to_mapping(properties.get("instanceView")).get("state"),
    )  # fmt: skip
    return any(isinstance(one, str) and one.lower() in _STOPPED for one in states)


def _give_text(value: object) -> Iterator[str]:
    if isinstance(value, str) and value.strip():
        yield value.strip().removeprefix("https://")


def _to_mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _read_items(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
