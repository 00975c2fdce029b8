"""Notifications of Distribution (docker-registry), and webhooks of Azure Container Registry, which have the same event.

Source: https://distribution.github.io/distribution/about/notifications/ and
https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference and, of the action `quarantine`,
https://github.com/Azure/acr/blob/main/docs/preview/quarantine/readme.md
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from nephoscope.protect.registry.events.registry_event import RegistryEvent, convert_events

MEDIA_TYPE = "application/vnd.docker.distribution.events.v1+json"
_ACTIONS = frozenset(("push", "pull", "delete"))
#: Media types of manifests and indexes; events of blobs have others.
MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.", "application/vnd.oci.image.manifest.", "application/vnd.oci.image.index.",
)  # fmt: skip


class _DistributionTarget(msgspec.Struct, frozen=True, rename="camel"):
    repository: str = ""
    digest: str = ""
    tag: str = ""
    media_type: str = ""
    size: int = 0


class _DistributionRequest(msgspec.Struct, frozen=True):
    addr: str = ""
    useragent: str = ""


class _Actor(msgspec.Struct, frozen=True):
    name: str = ""


class _DistributionEvent(msgspec.Struct, frozen=True):
    id: str = ""
    action: str = ""
    timestamp: datetime | None = None
    target: _DistributionTarget = _DistributionTarget()
    request: _DistributionRequest = _DistributionRequest()
    actor: _Actor = _Actor()


class _NotificationEnvelope(msgspec.Struct, frozen=True):
    events: tuple[_DistributionEvent, ...]


def read_distribution(document: object) -> list[RegistryEvent]:
    """Return the events of an envelope, those of blobs left out; raises RegistryEventError."""
    envelope: _NotificationEnvelope = convert_events(
        document, _NotificationEnvelope, "notification of Distribution"
    )
    return [found for one in envelope.events if (found := _read_distribution_event(one))]


def read_acr_webhook(document: object) -> list[RegistryEvent]:
    """Return the event of a webhook of Azure Container Registry: that of a ping or a chart is none.

    One of quarantine is that of a push: a registry with a quarantine policy sends no other until the image has passed.
    """
    event: _DistributionEvent = convert_events(
        document, _DistributionEvent, "webhook of Azure Container Registry"
    )
    if event.action == "quarantine":
        event = msgspec.structs.replace(event, action="push")
        found = _read_distribution_event(event, is_manifest=not event.target.media_type)
    else:
        found = _read_distribution_event(event)
    return [found] if found else []


def _read_distribution_event(event: _DistributionEvent, *, is_manifest: bool = False) -> RegistryEvent | None:
    target = event.target
    is_manifest = (
        is_manifest
        or target.media_type.startswith(MANIFEST_TYPES)
        or (not target.media_type and event.action == "delete")
    )
    if event.action not in _ACTIONS or not (target.repository and target.digest and is_manifest):
        return None
    return RegistryEvent(
        action=event.action, id=event.id, repository=target.repository, digest=target.digest, tag=target.tag,  # type: ignore[arg-type]
        media_type=target.media_type, size=target.size, actor=event.actor.name, address=event.request.addr,
        user_agent=event.request.useragent, time=event.timestamp,
    )  # fmt: skip
