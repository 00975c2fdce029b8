"""Images as a page tells of them: what registries say of each, what a scan of it found, and where it runs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.service.inventories import READ, list_inventories
from nephoscope.service.registries import READ_IMAGES
from nephoscope.state import NotFoundError
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.subject import InventorySubject, SubjectFilter, SubjectKind
from nephoscope.state.registries.registry_images import ImageStatus, RegistryImage, RegistryImageFilter
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from nephoscope.model.read_scope import Reach
    from nephoscope.model.running_container import RunningContainer
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.registries.watched_registries import WatchedRegistry

#: Images of each source that are looked through; a filter finds the others.
MOST_IMAGES = 20_000
_REGISTRY_TYPE = "microsoft.containerregistry/registries"


@dataclass(frozen=True, slots=True)
class ImageOverview:
    """An image of a repository: as its registry is watched, as scans of it (one a platform) are kept, and what runs it.

    `registered` is None for one of no registry that is watched; `running` are the ids of the clusters and services that run it.
    """

    server: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    registered: RegistryImage | None
    subjects: tuple[InventorySubject, ...]
    running: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its server and repository with the last tag, or the beginning of its digest."""
        place = f"{self.server}/{self.repository}" if self.server else self.repository
        return f"{place}:{self.tags[-1]}" if self.tags else f"{place}@{self.digest[:19]}"

    @property
    def status(self) -> str:
        """Return where it stands in its registry; `Scanned` where that is not watched."""
        return self.registered.status.value if self.registered else "Scanned"

    @property
    def scanned_at(self) -> datetime | None:
        """Return when the image was scanned last, None where it was never scanned."""
        examined = self.registered.examined if self.registered else None
        times = [one.scanned_at for one in self.subjects] + ([examined] if examined else [])
        return max(times, default=None)

    @property
    def last_seen_at(self) -> datetime:
        """Return when the image was received or scanned last, whatever was later."""
        received = self.registered.received if self.registered else None
        return max(one for one in (self.scanned_at, received) if one is not None)


def list_readable_registries(context: ServiceContext, reach: Reach) -> list[WatchedRegistry]:
    """Return the registries whose images a reach lets read: all, or those that are resources of it."""
    every = context.state.watched_registries.all()
    return (
        every
        if reach.everything
        else [one for one in every if _is_in_reach(_read_registry_resource(one), reach)]
    )


def list_images(
    context: ServiceContext,
    reaches: Callable[[str], Reach],
    text: str = "",
    digests: Sequence[str] | None = None,
) -> list[ImageOverview]:
    """Return the images that may be read, the newest first; `reaches` says what an operation may be done on.

    With a text, those that have it in their name, a tag or their digest; with digests, those alone, or that are made of them.
    """
    watched = {one.name: one for one in list_readable_registries(context, reaches(READ_IMAGES))}
    subjects = _group_subjects(context, reaches(READ), text, digests)
    registered = _list_registered_images(context, watched, text, digests)
    running = _map_running_images(context, reaches(READ))
    found = [
        _build_overview(
            watched[one.registry].address.lower(),
            one,
            _pop_image_parts(subjects, watched[one.registry], one),
            running,
        )
        for one in registered
    ]
    for (server, repository, digest), several in subjects.items():
        found.append(_build_scanned_overview(server, repository, digest, several, running))
    return sorted(found, key=lambda one: (one.last_seen_at, one.name), reverse=True)


def find_image(context: ServiceContext, reaches: Callable[[str], Reach], digest: str) -> list[ImageOverview]:
    """Return the places of the image of a digest. Raises NotFoundError where there is none that may be read."""
    found = [
        one
        for one in list_images(context, reaches, digests=[digest])
        if one.digest == digest or any(each.digest == digest for each in one.subjects)
    ]
    if not found:
        raise NotFoundError(f"image {digest[:100]!r} not found, or you cannot access it")
    return found


def find_workloads(
    context: ServiceContext, images: Sequence[ImageOverview]
) -> dict[str, list[RunningContainer]]:
    """Return the containers that run images, by the ids of the clusters and services that `running` names."""
    digests = {digest for one in images for digest in _list_digests(one)}
    found: dict[str, list[RunningContainer]] = {}
    for resource in dict.fromkeys(each for one in images for each in one.running):
        listing = context.state.inventories.listing(resource)
        every = listing.containers if listing else ()
        found[resource] = [one for one in every if one.image in digests]
    return found


def _list_digests(image: ImageOverview) -> tuple[str, ...]:
    return (image.digest, *(image.registered.manifests if image.registered else ()))


def count_severities(
    context: ServiceContext, reach: Reach, images: Iterable[ImageOverview]
) -> dict[int, dict[str, int]]:
    """Return how many vulnerabilities of each severity the scans of images have, by the ids of those."""
    ids = frozenset(each.id for one in images for each in one.subjects)
    return (
        context.state.vulnerabilities.count_by_severity(FindingFilter(SubjectFilter(reach, ids=ids)))
        if ids
        else {}
    )


def _read_registry_resource(registry: WatchedRegistry) -> str:
    return read_settings(registry.settings).resource_id


def _is_in_reach(resource: str, reach: Reach) -> bool:
    if not resource:
        return False
    at = ResourceId.parse(resource)
    return reach.can_read(at.subscription, at.resource_group_id)


_Key = tuple[str, str, str]


def _group_subjects(
    context: ServiceContext, reach: Reach, text: str, digests: Sequence[str] | None
) -> dict[_Key, list[InventorySubject]]:
    wanted = [SubjectFilter(reach, SubjectKind.IMAGE, image=one, most=MOST_IMAGES) for one in digests or [""]]
    found: dict[_Key, list[InventorySubject]] = {}
    for one in (each for several in wanted for each in list_inventories(context, several)):
        if digests is not None or not text or _is_image_named(one, text):
            found.setdefault((one.login_server, one.repository, one.digest), []).append(one)
    return found


def _is_image_named(one: InventorySubject, text: str) -> bool:
    return text.casefold() in " ".join((one.key, one.name, *one.tags)).casefold()


def _list_registered_images(
    context: ServiceContext, watched: Mapping[str, WatchedRegistry], text: str, digests: Sequence[str] | None
) -> list[RegistryImage]:
    images = context.state.registry_images
    if digests is None:
        return images.list_images(RegistryImageFilter(list(watched), (), text), MOST_IMAGES)
    return [one for one in images.with_digests(digests) if one.registry in watched]


def _pop_image_parts(
    subjects: dict[_Key, list[InventorySubject]], registry: WatchedRegistry, image: RegistryImage
) -> tuple[InventorySubject, ...]:
    """Take out the scans of an image and of the images for single platforms that it is made of."""
    server = registry.address.lower()
    digests = dict.fromkeys((image.digest, *image.manifests))
    several = [subjects.pop((server, image.repository, one), []) for one in digests]
    return tuple(one for each in several for one in each)


def _build_overview(
    server: str,
    image: RegistryImage,
    parts: tuple[InventorySubject, ...],
    running: Mapping[str, Sequence[str]],
) -> ImageOverview:
    digests = dict.fromkeys((image.digest, *image.manifests))
    places = tuple(dict.fromkeys(place for one in digests for place in running.get(one, ())))
    tags = tuple(dict.fromkeys((*image.promoted_tags, *image.tags)))
    return ImageOverview(server, image.repository, image.digest, tags, image, parts, places)


def _build_scanned_overview(
    server: str,
    repository: str,
    digest: str,
    several: Sequence[InventorySubject],
    running: Mapping[str, Sequence[str]],
) -> ImageOverview:
    tags = tuple(dict.fromkeys(tag for one in several for tag in one.tags))
    return ImageOverview(
        server, repository, digest, tags, None, tuple(several), tuple(running.get(digest, ()))
    )


def _map_running_images(context: ServiceContext, reach: Reach) -> dict[str, list[str]]:
    """Return what runs each digest, of what may be read; a registry holds images and runs none."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in context.state.inventories.list_listings():
        if _REGISTRY_TYPE not in one.resource_id and _is_in_reach(one.resource_id, reach):
            for digest in one.digests:
                found[digest].append(one.resource_id)
    return found


#: Where an image stands -> how pages say so.
STATUS_WORDS = {
    ImageStatus.QUEUED.value: "Queued",
    ImageStatus.UNTAGGED.value: "Untagged",
    ImageStatus.HELD.value: "Quarantined",
    ImageStatus.PROMOTED.value: "Approved",
    ImageStatus.REJECTED.value: "Rejected",
    ImageStatus.PASSED.value: "Passed",
    ImageStatus.FAILED.value: "Failed",
    ImageStatus.GONE.value: "Gone",
    "Scanned": "Scanned",
}
