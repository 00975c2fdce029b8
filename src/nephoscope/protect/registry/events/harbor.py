"""Webhooks of Harbor, in its own payload format and as CloudEvents.

Source: https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from nephoscope.protect.registry.events.registry_event import (
    EventAction,
    RegistryEvent,
    RegistryEventError,
    convert_events,
)

_ACTIONS: dict[str, EventAction] = {
    "PUSH_ARTIFACT": "push",
    "PULL_ARTIFACT": "pull",
    "DELETE_ARTIFACT": "delete",
    "pushImage": "push",
    "pullImage": "pull",
    "deleteImage": "delete",
    "harbor.artifact.pushed": "push",
    "harbor.artifact.pulled": "pull",
    "harbor.artifact.deleted": "delete",
}


class _Resource(msgspec.Struct, frozen=True):
    digest: str = ""
    tag: str = ""


class _Repository(msgspec.Struct, frozen=True):
    repo_full_name: str = ""


class _EventData(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()
    repository: _Repository = _Repository()


class _Webhook(msgspec.Struct, frozen=True):
    type: str
    event_data: _EventData
    occur_at: int = 0
    operator: str = ""


class _HarborCloudEvent(msgspec.Struct, frozen=True):
    id: str
    type: str
    data: _EventData = _EventData()
    time: datetime | None = None
    operator: str = ""


def is_harbor_event(document: object) -> bool:
    """Return whether a CloudEvent is one of Harbor."""
    return isinstance(document, dict) and str(document.get("type", "")).startswith("harbor.")


def read_harbor_event(document: object) -> list[RegistryEvent]:
    """Return the events of a webhook in the format of CloudEvents, one for each artifact; raises RegistryEventError."""
    event: _HarborCloudEvent = convert_events(document, _HarborCloudEvent, "CloudEvent of Harbor")
    found = _list_events(_ACTIONS.get(event.type), event.data, event.operator, event.time)
    # artifacts of one event share its id
    return [msgspec.structs.replace(one, id=f"{event.id}:{one.digest}:{one.tag}") for one in found]


def read_harbor(document: object) -> list[RegistryEvent]:
    """Return the events of a webhook, one for each artifact; raises RegistryEventError."""
    webhook: _Webhook = convert_events(document, _Webhook, "webhook of Harbor")
    found = _list_events(
        _ACTIONS.get(webhook.type), webhook.event_data, webhook.operator, _read_time(webhook)
    )
    return [msgspec.structs.replace(one, id=_build_id(webhook, one)) for one in found]


def _list_events(
    action: EventAction | None, data: _EventData, operator: str, time: datetime | None
) -> list[RegistryEvent]:
    repository = data.repository.repo_full_name
    if action is None or not repository:
        return []
    return [
        RegistryEvent(
            action=action, repository=repository, digest=one.digest, tag=_choose_tag(one), actor=operator, time=time
        )
        for one in data.resources
        if one.digest
    ]  # fmt: skip


def _read_time(webhook: _Webhook) -> datetime | None:
    """Return when it happened. Raises RegistryEventError for a time that is none."""
    try:
        return datetime.fromtimestamp(webhook.occur_at, UTC) if webhook.occur_at else None
    except (ValueError, OverflowError, OSError) as error:
        raise RegistryEventError(f"webhook of Harbor: occur_at is not a time: {webhook.occur_at}") from error


def _choose_tag(resource: _Resource) -> str:
    """Return the tag; of an artifact without one Harbor repeats the digest."""
    return "" if resource.tag == resource.digest or ":" in resource.tag else resource.tag


def _build_id(webhook: _Webhook, event: RegistryEvent) -> str:
    """Return what a delivery that is tried again has in common with the first: Harbor gives events no id."""
    if not webhook.occur_at:
        return ""
    return f"{webhook.type}:{webhook.occur_at}:{event.repository}:{event.digest}:{event.tag}"
