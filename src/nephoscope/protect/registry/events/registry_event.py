"""An event of a registry, whatever its form was."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

EventAction = Literal["push", "pull", "delete"]


class RegistryEventError(Exception):
    """A document that is no event of a form that is known: the message says what is wrong."""


class RegistryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An image was pushed, pulled or deleted. `id` is the registry's own, '' where it gives none; `tag` '' where it names none."""

    action: EventAction
    repository: str
    digest: str
    id: str = ""
    tag: str = ""
    media_type: str = ""
    size: int = 0
    actor: str = ""
    address: str = ""
    user_agent: str = ""
    time: datetime | None = None


class RegistryEventBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a post; `answer` is what a handshake wants to hear, None where none was asked for.

    `set_aside` says why events were left out that can be none of a registry.
    """

    events: tuple[RegistryEvent, ...] = ()
    set_aside: tuple[str, ...] = ()
    answer: dict[str, str] | None = None


def convert_events(document: object, shape: type[Any], what: str) -> Any:
    """Return a document as a shape; raises RegistryEventError with the place of what is wrong."""
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        raise RegistryEventError(f"{what}: {error}") from error
