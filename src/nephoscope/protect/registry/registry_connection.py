"""Connects to a registry that is watched, with its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.images.credentials import RegistryCredential
from nephoscope.collect.images.registry import Registry
from nephoscope.protect.registry.image_events import get_user_agent
from nephoscope.protect.registry.registry_settings import build_tls_verification, read_settings

if TYPE_CHECKING:
    from nephoscope.state import State
    from nephoscope.state.registries.watched_registries import WatchedRegistry


class RegistrySecrets(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The secrets of a registry: the password or the token that it is asked with, and the secret that its events carry."""

    password: str = ""
    token: str = ""
    events: str = ""

    def __repr__(self) -> str:
        return "RegistrySecrets(***)"


def load_secrets(state: State, registry: WatchedRegistry) -> RegistrySecrets:
    """Return the secrets of a registry; raises CredentialError where they cannot be opened."""
    if not registry.credential:
        return RegistrySecrets()
    return msgspec.json.decode(state.credentials.get(registry.credential).reveal(), type=RegistrySecrets)


def connect(state: State, registry: WatchedRegistry, *, tries: int = 1) -> Registry:
    """Return a client of a registry, to be closed; raises CredentialError, RegistrySettingsError."""
    settings, secrets = read_settings(registry.settings), load_secrets(state, registry)
    credential = RegistryCredential(registry.username, secrets.password, secrets.token)
    return Registry(
        registry.address,
        credential,
        build_tls_verification(settings),
        settings.insecure,
        get_user_agent(registry),
        tries,
    )
