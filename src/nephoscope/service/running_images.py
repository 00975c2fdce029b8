"""Keeps which images run where and lie in a registry, by bodies, reports of pods and logs, so that one that turns bad is known to run.

Names are followed to digests by what is kept of images; a name that leads to none stays as it is, so that nothing is clean by what
nobody scanned. An index stands for its images for all machines that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.image_name import ImageReference
from nephoscope.estate.container_images import list_images
from nephoscope.estate.reported_pods import read_reported_pods
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.model.running_container import RunningContainer
from nephoscope.posture.scans.logged_containers import collect_logged_images
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.service.inventories import InventoryError, keep_image_listing
from nephoscope.state.inventory.inventories import LISTING_HOLDS, MOST_CONTAINERS, ImageListing
from nephoscope.state.inventory.subject import SubjectFilter, SubjectKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from nephoscope.estate.estate import Estate
    from nephoscope.estate.log_queries import Logs
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.registries.watched_registries import WatchedRegistry

_DIGEST = "sha256:"


@dataclass(frozen=True, slots=True)
class RunningContainers:
    """The containers that a resource runs, their images by names or digests, as they were read at a time."""

    containers: frozenset[RunningContainer]
    read_at: datetime


def record_running_images(context: ServiceContext, estate: Estate, logs: Logs | None) -> int:
    """Keep what the resources of an estate run, where that changed or what is kept grows old; of how many resources.

    Raises DeniedError, StateError.
    """
    running = _list_running_containers(context, estate, logs)
    digests_of = _read_digests(context, {each.image for one in running.values() for each in one.containers})
    kept = 0
    for resource, one in running.items():
        containers = {
            each._replace(image=digest) for each in one.containers for digest in digests_of[each.image]
        }
        digests = frozenset(each.image for each in containers)
        of_workloads = sorted(each for each in containers if each.workload or each.container)
        listing = ImageListing(
            resource, estate.tenant, one.read_at, digests, tuple(of_workloads[:MOST_CONTAINERS])
        )
        if not _is_listing_outdated(context.state.inventories.listing(resource), listing):
            continue
        try:
            keep_image_listing(context, listing)
        except InventoryError:
            continue  # an id that lies in no subscription
        kept += 1
    return kept


def record_registry_images(context: ServiceContext, watched: WatchedRegistry) -> bool:
    """Keep what a registry of Azure holds outside of quarantine, once all of it was polled; whether that is news.

    One of which some repositories are not watched is not listed: nobody knows what lies there. Raises DeniedError, StateError.
    """
    settings = read_settings(watched.settings)
    if not settings.resource_id or "*" not in settings.repositories:
        return False
    held = context.state.registry_images.list_digests(watched.name)
    digests = {digest for repository, digest in held if not settings.get_promotion_target(repository)}
    parts = _read_index_parts(context, digests)
    every = frozenset(part for one in digests for part in parts.get(one, (one,)))
    resource = settings.resource_id.lower()
    before = context.state.inventories.listing(resource)
    listing = ImageListing(resource, before.tenant if before else "", context.now, every)
    if before is not None and not _is_listing_outdated(before, listing):
        return False
    keep_image_listing(context, listing)
    return True


def _list_running_containers(
    context: ServiceContext, estate: Estate, logs: Logs | None
) -> dict[str, RunningContainers]:
    """Return what each resource runs; of pods and logs, what is said of resources of this estate, and never as of later than now.

    Where a report of all pods of a cluster and logs tell of it, the newer holds. A reading of which nothing tells the time lists
    nothing, since it may be of any age.
    """
    now, found = context.now, dict[str, RunningContainers]()
    for id_, names in list_images(estate).items():
        if read_at := estate.coverage.find_read_time(id_):
            found[id_] = RunningContainers(frozenset(map(RunningContainer, names)), min(read_at, now))
    pods = read_reported_pods(estate)
    for id_, one in pods.items():
        if one.read_at:
            found[id_] = RunningContainers(one.containers, min(one.read_at, now))
    for id_, logged in (collect_logged_images(logs) if logs else {}).items():
        told_at = pods[id_].read_at if id_ in pods else None
        if id_ in estate.resources and (told_at is None or logged.heard_at > told_at):
            found[id_] = RunningContainers(frozenset(logged.containers), min(logged.heard_at, now))
    return found


def _is_listing_outdated(before: ImageListing | None, now: ImageListing) -> bool:
    if before is None:
        return bool(now.digests)
    if now.listed_at <= before.listed_at:
        return False
    same = (before.digests, before.tenant, before.containers) == (now.digests, now.tenant, now.containers)
    return not same or now.listed_at - before.listed_at > LISTING_HOLDS / 4


def _read_digests(context: ServiceContext, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the digests of the images that are kept behind each name; the name itself where there are none."""
    digests_of = {name: _resolve_digests(context, name) for name in names}
    every = {one for several in digests_of.values() for one in several}
    parts = _read_index_parts(context, every)
    return {
        name: frozenset(part for one in several for part in parts.get(one, (one,)))
        for name, several in digests_of.items()
    }


def _resolve_digests(context: ServiceContext, name: str) -> frozenset[str]:
    """Return the digest that a name has, or those of the images that are kept under its tag."""
    if name.startswith(_DIGEST):
        return frozenset([name])
    try:
        reference = ImageReference.parse(name)
    except ImageError:
        return frozenset([name[:500]])
    if reference.digest:
        return frozenset([reference.digest])
    wanted = SubjectFilter(EVERYTHING, SubjectKind.IMAGE, image=str(reference))
    found = {one.digest for one in context.state.inventories.list_subjects(wanted)}
    return frozenset(found or [str(reference)])


def _read_index_parts(context: ServiceContext, digests: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return, of indexes, the images that are kept; with the index itself where not every machine's is."""
    trees = {
        one.digest: one
        for one in context.state.registry_images.with_digests(digests)
        if len(one.manifests) > 1
    }
    kept = context.state.inventories.find_kept_digests(
        part for one in trees.values() for part in one.manifests
    )
    found: dict[str, frozenset[str]] = {}
    for digest, one in trees.items():
        images = kept.intersection(one.manifests)
        machines = len((one.summary or {}).get("platforms", ()))
        found[digest] = frozenset(images) if len(images) >= max(machines, 1) else frozenset({*images, digest})
    return found
