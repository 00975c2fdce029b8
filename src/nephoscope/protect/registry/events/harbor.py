"""Webhooks of Harbor, in its own payload format.

Source: https://goharbor.io/docs/2.10.0/working-with-projects/project-configuration/configure-webhooks/
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from nephoscope.protect.registry.events.registry_event import EventAction, RegistryEvent, convert_events

_ACTIONS: dict[str, EventAction] = {
    "PUSH_ARTIFACT": "push",
    "PULL_ARTIFACT": "pull",
    "DELETE_ARTIFACT": "delete",
    "pushImage": "push",
    "pullImage": "pull",
    "deleteImage": "delete",
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


def read_harbor(document: object) -> list[RegistryEvent]:
    """Return the events of a webhook, one for each artifact; raises RegistryEventError."""
    webhook: _Webhook = convert_events(document, _Webhook, "webhook of Harbor")
    action = _ACTIONS.get(webhook.type)
    repository = webhook.event_data.repository.repo_full_name
    if action is None or not repository:
        return []
    return [
        RegistryEvent(
            action=action, id=_build_id(webhook, one), repository=repository, digest=one.digest, tag=_choose_tag(one),
            actor=webhook.operator, time=datetime.fromtimestamp(webhook.occur_at, UTC) if webhook.occur_at else None,
        )
        for one in webhook.event_data.resources
        if one.digest
    ]  # fmt: skip


def _choose_tag(resource: _Resource) -> str:
    """Return the tag; of an artifact without one Harbor repeats the digest."""
    return "" if resource.tag == resource.digest or ":" in resource.tag else resource.tag


def _build_id(webhook: _Webhook, resource: _Resource) -> str:
    """Return what a delivery that is tried again has in common with the first: Harbor gives events no id."""
    if not webhook.occur_at:
        return ""
    return f"{webhook.type}:{webhook.occur_at}:{webhook.event_data.repository.repo_full_name}:{resource.digest}:{resource.tag}"
