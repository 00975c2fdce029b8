"""Tells the form of what a registry posts, and reads its events."""

from __future__ import annotations

import msgspec

from nephoscope.collect.images.digest import check_digest_text
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.image_name import is_repository, is_tag
from nephoscope.protect.registry.events.distribution import read_acr_webhook, read_distribution
from nephoscope.protect.registry.events.event_grid import read_cloud_events, read_event_grid
from nephoscope.protect.registry.events.harbor import is_harbor_event, read_harbor, read_harbor_event
from nephoscope.protect.registry.events.registry_event import (
    RegistryEvent,
    RegistryEventBatch,
    RegistryEventError,
)

MOST_EVENTS = 10_000


def read_events(content: bytes) -> RegistryEventBatch:
    """Return the events of a post of Distribution, Azure Container Registry, Harbor or Event Grid; raises RegistryEventError.

    An event whose repository, tag or digest can be none of a registry is set aside: no part of it reaches a path.
    """
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistryEventError(f"the content is not JSON: {error}") from error
    batch = _read_form(document)
    if len(batch.events) > MOST_EVENTS:
        raise RegistryEventError(f"{len(batch.events)} events in one post: at most {MOST_EVENTS}")
    faults = [(one, _explain_fault(one)) for one in batch.events]
    return msgspec.structs.replace(
        batch,
        events=tuple(one for one, why in faults if not why),
        set_aside=tuple(f"event {number}: {why}" for number, (_, why) in enumerate(faults) if why),
    )


def _read_form(document: object) -> RegistryEventBatch:
    if isinstance(document, list):
        is_cloud = bool(document) and isinstance(document[0], dict) and "specversion" in document[0]
        return read_cloud_events(document) if is_cloud else read_event_grid(document)
    if not isinstance(document, dict):
        raise RegistryEventError("the content is not an object or a list of events")
    if "specversion" in document and is_harbor_event(document):
        return RegistryEventBatch(events=tuple(read_harbor_event(document)))
    if "specversion" in document:
        return read_cloud_events(document)
    if "event_data" in document:
        return RegistryEventBatch(events=tuple(read_harbor(document)))
    if "events" in document:
        return RegistryEventBatch(events=tuple(read_distribution(document)))
    if "action" in document:
        return RegistryEventBatch(events=tuple(read_acr_webhook(document)))
    raise RegistryEventError(
        "unknown event format: Distribution, Azure Container Registry, Harbor or Event Grid is expected"
    )


def _explain_fault(event: RegistryEvent) -> str:
    """Return why an event can be none of a registry, '' where it can."""
    try:
        check_digest_text(event.digest)
    except ImageError as error:
        return str(error)
    if not is_repository(event.repository):
        return f"{event.repository[:100]!r} is no name of a repository"
    return f"{event.tag[:100]!r} is no tag" if event.tag and not is_tag(event.tag) else ""
