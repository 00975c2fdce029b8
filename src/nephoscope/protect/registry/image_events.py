"""Image events: pushes, pulls and polled changes of a registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.protect.registry.image_attachments import parse_subject
from nephoscope.protect.registry.registry_settings import RegistrySettings, read_settings
from nephoscope.state.registries.registry_images import ImageStatus, ImageStep, RegistryImage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.protect.registry.events.registry_event import RegistryEvent
    from nephoscope.state import State
    from nephoscope.state.registries.watched_registries import WatchedRegistry

#: The table of Azure's that pushes, pulls and deletions are rows of.
EVENTS_TABLE = "ContainerRegistryRepositoryEvents"
PRODUCT = "images of registries"
_OPERATIONS = {"push": "Push", "pull": "Pull", "delete": "Delete"}
#: What in an image's summary counts the examinations that began and did not end.
UNENDED = "unendedExaminations"
#: Reasons that a statement on an image can take away.
_STATED = ("signature", "attestation")
#: What asks for an examination while nobody did.
_BY_ITSELF = ("rescan", "pull")
_EVENTS_KEPT = timedelta(days=7)
_STANDING = (ImageStatus.HELD, ImageStatus.REJECTED, ImageStatus.PASSED, ImageStatus.FAILED)


def get_user_agent(registry: WatchedRegistry) -> str:
    """Return the name that our own requests to a registry carry, by which its events of them are told from others."""
    return f"nephoscope/{registry.mark}"


def store_events(
    state: State, registry: WatchedRegistry, events: Iterable[RegistryEvent], now: datetime
) -> int:
    """Keep events in one transaction, each once, and return how many were new; what is due of images follows from them.

    Events of our own requests change nothing, so that an examination never asks for the next.
    """
    settings, agent = read_settings(registry.settings), get_user_agent(registry)
    taken = 0
    with state.transaction(product=PRODUCT) as session:
        state.registry_images.forget_events(session, now - _EVENTS_KEPT)
        rows: list[tuple[str, dict[str, object]]] = []
        for event in events:
            if event.user_agent == agent or not settings.watches(event.repository):
                continue
            if event.id and not state.registry_images.is_new_event(session, registry.name, event.id):
                continue
            taken += 1
            rows.append((EVENTS_TABLE, _build_row(registry, event, now)))
            _store_event(state, session, registry, settings, event, now)
        state.outbox.add_many(session, registry.workspace, rows)
    return taken


def store_found_tag(
    state: State,
    session: Session,
    registry: WatchedRegistry,
    repository: str,
    tag: str,
    digest: str,
    now: datetime,
) -> bool:
    """Take in what a tag stands for, as polling found it; returns whether something is to be done that no event asked for."""
    if subject := parse_subject(tag):
        return requeue_for_attachment(state, session, registry, repository, subject, now)
    images = state.registry_images
    before = images.find(session, registry.name, repository, digest)
    if before is None:
        images.put(session, _create_image(registry, repository, digest, tag, "poll", now))
        return True
    known = tag in before.tags or tag in before.promoted_tags
    pushed_again = before.status is ImageStatus.PROMOTED and before.removed
    if (
        pushed_again
        or before.status in (ImageStatus.GONE, ImageStatus.UNTAGGED)
        or (not known and before.status is ImageStatus.PROMOTED)
    ):
        images.put(session, _requeue_push(before, tag, "poll", now))
        return True
    if not known:
        images.put(session, replace(before, tags=(*before.tags, tag)))
    return False


def requeue_for_attachment(
    state: State, session: Session, registry: WatchedRegistry, repository: str, subject: str, now: datetime
) -> bool:
    """Have an image examined anew that is held for want of a signature or attestation, as a statement came; returns whether it is."""
    image = state.registry_images.find(session, registry.name, repository, subject)
    waits = image is not None and image.status is ImageStatus.HELD
    if image is None or not waits or not any(one.get("kind") in _STATED for one in image.reasons):
        return False
    state.registry_images.put(session, requeue_image(image, "signature", now))
    return True


def store_imported_image(
    state: State,
    session: Session,
    registry: WatchedRegistry,
    repository: str,
    tag: str,
    digest: str,
    now: datetime,
) -> None:
    """Take in an image that we put into quarantine ourselves, so that no event tells of it."""
    before = state.registry_images.find(session, registry.name, repository, digest)
    image = (
        _create_image(registry, repository, digest, tag, "request", now)
        if before is None
        else _requeue_push(before, tag, "request", now)
    )
    state.registry_images.put(session, image)


def requeue_image(image: RegistryImage, origin: str, now: datetime) -> RegistryImage:
    """Return an image that is to be examined anew; what ended its workers is tried once more only for a person or a push."""
    if origin not in _BY_ITSELF:
        image = without_unfinished(image)
    return replace(
        image, status=ImageStatus.QUEUED, step=ImageStep.EXAMINE, origin=origin, due=now, attempts=0, error=""
    )


def count_unended_examinations(image: RegistryImage) -> int:
    """Return how many examinations of an image began, one after another, and never ended."""
    return int((image.summary or {}).get(UNENDED, 0))


def without_unfinished(image: RegistryImage) -> RegistryImage:
    """Return an image of which no examination is under way."""
    if not count_unended_examinations(image):
        return image
    summary = {name: value for name, value in (image.summary or {}).items() if name != UNENDED}
    return replace(image, summary=summary or None)


def _store_event(
    state: State,
    session: Session,
    registry: WatchedRegistry,
    settings: RegistrySettings,
    event: RegistryEvent,
    now: datetime,
) -> None:
    if subject := parse_subject(event.tag):
        if event.action == "push":
            requeue_for_attachment(state, session, registry, event.repository, subject, now)
        return
    images = state.registry_images
    if event.action == "push" and not event.tag:
        # it may be a statement that refers to an image of the repository
        for image in images.list_held_images(session, registry.name, event.repository):
            requeue_for_attachment(state, session, registry, event.repository, image.digest, now)
    before = images.find(session, registry.name, event.repository, event.digest)
    if before is None:
        if event.action != "delete":
            images.put(
                session, _create_image(registry, event.repository, event.digest, event.tag, event.action, now)
            )
        return
    standing = before.status in _STANDING
    if event.action == "push":
        images.put(session, _record_new_push(before, event.tag, now))
    elif event.action == "pull":
        age = now - (before.examined or now)
        if standing and age > timedelta(hours=settings.rescan_hours):
            images.put(session, requeue_image(before, "pull", now))
    elif standing or before.status is ImageStatus.UNTAGGED:
        images.put(session, replace(before, status=ImageStatus.GONE))


def _record_new_push(before: RegistryImage, tag: str, now: datetime) -> RegistryImage:
    """Return an image that was pushed once more: what is under way goes on with the new tag, all else begins anew."""
    if before.status is ImageStatus.QUEUED:
        return _with_tag(before, tag)
    if before.status is ImageStatus.UNTAGGED and not tag:
        return before
    return _requeue_push(before, tag, "push", now)


def _requeue_push(before: RegistryImage, tag: str, origin: str, now: datetime) -> RegistryImage:
    return replace(requeue_image(_with_tag(before, tag), origin, now), received=now, removed=False)


def _with_tag(image: RegistryImage, tag: str) -> RegistryImage:
    """Return an image with a tag that waits, even one that it was promoted with before: it may have moved meanwhile."""
    if not tag:
        return image
    return replace(
        image,
        tags=(*(one for one in image.tags if one != tag), tag),
        promoted_tags=tuple(one for one in image.promoted_tags if one != tag),
    )


def _create_image(
    registry: WatchedRegistry, repository: str, digest: str, tag: str, origin: str, now: datetime
) -> RegistryImage:
    """Return an image that was never seen; one without a tag waits for a tag, or for the index that names it."""
    return RegistryImage(
        registry.name, repository, digest, now, now, (tag,) if tag else (), origin=origin,
        status=ImageStatus.QUEUED if tag else ImageStatus.UNTAGGED,
    )  # fmt: skip


def _build_row(registry: WatchedRegistry, event: RegistryEvent, now: datetime) -> dict[str, object]:
    """Return the row of an event as Azure Container Registry writes it."""
    return {
        "TimeGenerated": (event.time or now).isoformat(), "OperationName": _OPERATIONS[event.action],
        "LoginServer": registry.address, "Repository": event.repository, "Tag": event.tag, "Digest": event.digest,
        "MediaType": event.media_type, "Size": event.size, "Identity": event.actor,
        "CallerIpAddress": _extract_host(event.address),
        "UserAgent": event.user_agent, "CorrelationId": event.id, "ResultType": "200", "ResultDescription": "Success",
        "Category": EVENTS_TABLE, "_ResourceId": str(registry.settings.get("resourceId", "")).lower(), "Type": EVENTS_TABLE,
    }  # fmt: skip


def _extract_host(address: str) -> str:
    """Return an address without its port."""
    has_port = address.startswith("[") or address.count(":") == 1
    return address.rpartition(":")[0].strip("[]") if has_port else address
