"""Events of Azure Container Registry by Event Grid, in both of its schemas, with the handshake of a subscription.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-container-registry and
https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from nephoscope.protect.registry.events.distribution import MANIFEST_TYPES
from nephoscope.protect.registry.events.registry_event import (
    EventAction,
    RegistryEvent,
    RegistryEventBatch,
    convert_events,
)

_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_ACTIONS: dict[str, EventAction] = {
    "Microsoft.ContainerRegistry.ImagePushed": "push",
    "Microsoft.ContainerRegistry.ImageDeleted": "delete",
}


class _GridTarget(msgspec.Struct, frozen=True, rename="camel"):
    repository: str = ""
    digest: str = ""
    tag: str = ""
    media_type: str = ""
    size: int = 0


class _GridData(msgspec.Struct, frozen=True, rename="camel"):
    target: _GridTarget = _GridTarget()
    validation_code: str = ""


class _GridEvent(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    event_type: str
    data: _GridData
    event_time: datetime | None = None


class _CloudEvent(msgspec.Struct, frozen=True):
    id: str
    type: str
    data: _GridData
    time: datetime | None = None


def read_event_grid(document: object) -> RegistryEventBatch:
    """Return the events of a delivery, or the answer to the validation of a subscription; raises RegistryEventError."""
    events: tuple[_GridEvent, ...] = convert_events(
        document, tuple[_GridEvent, ...], "delivery of Event Grid"
    )
    for one in events:
        if one.event_type == _VALIDATION:
            return RegistryEventBatch(answer={"validationResponse": one.data.validation_code})
    found = (_read_grid_event(one.id, one.event_type, one.data, one.event_time) for one in events)
    return RegistryEventBatch(events=tuple(one for one in found if one))


def read_cloud_events(document: object) -> RegistryEventBatch:
    """Return the events of a delivery in the schema of CloudEvents, one or several; raises RegistryEventError."""
    several = document if isinstance(document, list) else [document]
    events: tuple[_CloudEvent, ...] = convert_events(several, tuple[_CloudEvent, ...], "CloudEvents")
    found = (_read_grid_event(one.id, one.type, one.data, one.time) for one in events)
    return RegistryEventBatch(events=tuple(one for one in found if one))


def _read_grid_event(id_: str, kind: str, data: _GridData, time: datetime | None) -> RegistryEvent | None:
    action, target = _ACTIONS.get(kind), data.target
    is_manifest = action == "delete" or target.media_type.startswith(MANIFEST_TYPES)
    if action is None or not (target.repository and target.digest and is_manifest):
        return None
    return RegistryEvent(
        action=action, id=id_, repository=target.repository, digest=target.digest, tag=target.tag,
        media_type=target.media_type, size=target.size, time=time,
    )  # fmt: skip
