"""An assessment key: a recommendation of Defender for Cloud that an analyzer answers."""

from __future__ import annotations

import msgspec


class Key(msgspec.Struct, frozen=True):
    """A well-known key with what depends on it.

    `title` says in our words what healthy means; `types` are the lower-cased types that policies ask it of; `policies`
    the GUIDs of the built-in definitions that read it, deprecated ones in `retired`.
    """

    id: str
    title: str
    types: tuple[str, ...]
    policies: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()


def index_keys(*keys: Key) -> dict[str, Key]:
    """Keys by id."""
    return {key.id: key for key in keys}
