"""Registries of images: set up, changed, tried and removed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape, Text
from nephoscope.protect.registry.registry_connection import RegistrySecrets
from nephoscope.protect.registry.registry_settings import (
    RegistrySettings,
    RegistrySettingsError,
    read_settings,
)
from nephoscope.protect.registry.registry_watch import POLLED
from nephoscope.service import registries as service
from nephoscope.service.attestation_key import get_attestation_key as make_attestation_key
from nephoscope.service.registries import DELETE, READ, WRITE
from nephoscope.state.registries.registry_images import RegistryImageFilter
from nephoscope.state.registries.watched_registries import WatchedRegistry

OPERATIONS = OperationGroup("registries", "Registries", "The registry")
RegistryName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)", description="Such as production.")
]
Address = Annotated[
    str, msgspec.Meta(max_length=255, pattern=PLAIN, description="Such as registry.contoso.com:5000.")
]
SecretText = Annotated[str, msgspec.Meta(max_length=20_000)]


class NewRegistry(Shape, frozen=True, kw_only=True):
    """A registry to watch: `password` or `token` are kept encrypted and never shown again; `settings` as of the guide."""

    address: Address
    username: Text = ""
    password: SecretText = ""
    token: SecretText = ""
    workspace: Text = "default"
    settings: dict[str, Any] = msgspec.field(default_factory=dict)


class RegistryChange(Shape, frozen=True, kw_only=True):
    """Changes of a registry; what is left out stays."""

    address: Address | None = None
    username: Text | None = None
    password: SecretText = ""
    token: SecretText = ""
    enabled: bool | None = None
    settings: dict[str, Any] | None = None


class RegistryShape(Shape, frozen=True, kw_only=True):
    """A registry that is watched; `images` counts its images by status, `error` is what the last poll ended with, '' = none."""

    name: str
    address: str
    username: str
    workspace: str
    enabled: bool
    settings: dict[str, Any]
    images: dict[str, int]
    polled: datetime | None
    error: str
    created: datetime


class RegistryList(Shape, frozen=True, kw_only=True):
    """All registries."""

    value: tuple[RegistryShape, ...]


class RegistryTrialShape(Shape, frozen=True, kw_only=True):
    """The result of a registry's connection test."""

    works: bool
    message: str


class AttestationKey(Shape, frozen=True, kw_only=True):
    """The public key (PEM) that verifies the server's attestations of images."""

    public_key: str


class EventsSecret(Shape, frozen=True, kw_only=True):
    """The secret that events of the registry carry as `Authorization: Bearer SECRET`, and the path they go to."""

    secret: str
    path: str


class AttestationKeyRequest(Shape, frozen=True, kw_only=True):
    """The request for the key of attestations."""

    renew: Annotated[
        bool, describe("Create a new key; attestations by the previous key are verified with its public key.")
    ] = False


def _list_rows(found: RegistryList) -> list[dict[str, object]]:
    counted = ("queued", "held", "promoted", "rejected")
    return [
        {
            "name": one.name, "address": one.address, "enabled": one.enabled,
            **{name: one.images.get(name.capitalize(), 0) for name in counted},
            "polled": one.polled or "", "error": one.error, "settings": one.settings,
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/registries"),
    CommandLine(
        "list", columns=("name", "address", "enabled", "queued", "held", "promoted", "rejected", "polled", "error"), rows=_list_rows,
        nothing="no registries: add one with `nephoscope protect registry add`",
    ),
)  # fmt: skip
def list_registries(call: OperationCall) -> RegistryList:
    """List registries with the number of waiting, held, promoted and rejected images."""
    return RegistryList(
        value=tuple(_build_registry(call, one) for one in service.list_registries(call.service))
    )


@OPERATIONS.operation(WRITE, ApiRoute("PUT", "/registries/{name}", 201))
def put_registry(call: OperationCall, name: RegistryName, body: NewRegistry) -> RegistryShape:
    """Monitor a registry."""
    with translate_errors("body", RegistrySettingsError):
        made = service.add_registry(
            call.service, name, body.address, _read_settings(body.settings), username=body.username,
            given=RegistrySecrets(password=body.password, token=body.token), workspace=body.workspace,
        )  # fmt: skip
    return _build_registry(call, made)


@OPERATIONS.operation(WRITE, ApiRoute("PATCH", "/registries/{name}"))
def change_registry(call: OperationCall, name: RegistryName, body: RegistryChange) -> RegistryShape:
    """Change a registry, or pause or resume it."""
    settings = None if body.settings is None else _read_settings(body.settings)
    with translate_errors("body", RegistrySettingsError):
        changed = service.change_registry(
            call.service, name, address=body.address, settings=settings, username=body.username, enabled=body.enabled,
            given=RegistrySecrets(password=body.password, token=body.token),
        )  # fmt: skip
    return _build_registry(call, changed)


@OPERATIONS.operation(WRITE, command=CommandLine("pause"))
def pause_registry(call: OperationCall, name: RegistryName) -> None:
    """Pause a registry: its images are neither scanned nor promoted."""
    service.change_registry(call.service, name, enabled=False)


@OPERATIONS.operation(WRITE, command=CommandLine("resume"))
def resume_registry(call: OperationCall, name: RegistryName) -> None:
    """Resume a registry."""
    service.change_registry(call.service, name, enabled=True)


@OPERATIONS.operation(DELETE, ApiRoute("DELETE", "/registries/{name}", 204), CommandLine("remove"))
def remove_registry(call: OperationCall, name: RegistryName) -> None:
    """Stop monitoring a registry; its images are preserved."""
    service.remove_registry(call.service, name)


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/registries/{name}/test"),
    CommandLine(
        "test", "{message}", failed=lambda found: not found.works,
        help="Test the connection to the registry NAME; exits 1 if its repositories cannot be listed.",
    ),
)  # fmt: skip
def test_registry(call: OperationCall, name: RegistryName) -> RegistryTrialShape:
    """Test the connection to a registry: whether its repositories can be listed."""
    found = service.try_registry(call.service, name)
    return RegistryTrialShape(works=found.works, message=found.message)


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/registries/{name}/eventsSecret"),
    CommandLine("secret", "POST {path}\nAuthorization: Bearer {secret}"),
)  # fmt: skip
def create_events_secret(call: OperationCall, name: RegistryName) -> EventsSecret:
    """Create the webhook secret for events of a registry. It is shown only once and replaces the previous
    secret.
    """
    return EventsSecret(
        secret=service.make_events_secret(call.service, name), path=f"/hooks/registries/{name}"
    )


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/registryAttestationKey"))
def get_attestation_key(call: OperationCall) -> AttestationKey:
    """Return the public key that verifies the attestations of images, and create it if necessary."""
    return AttestationKey(public_key=make_attestation_key(call.service))


@OPERATIONS.operation(WRITE, command=CommandLine("key", "{public_key}"))
def print_attestation_key(call: OperationCall, body: AttestationKeyRequest) -> AttestationKey:
    """Print the public key of the server's attestations, and create it if necessary."""
    return AttestationKey(public_key=make_attestation_key(call.service, renew=body.renew).rstrip("\n"))


def _read_settings(document: dict[str, object]) -> RegistrySettings:
    with translate_errors("settings", RegistrySettingsError):
        return read_settings(document)


def _build_registry(call: OperationCall, one: WatchedRegistry) -> RegistryShape:
    polled = call.state.checkpoints.get(POLLED, one.name) or {}
    return RegistryShape(
        name=one.name, address=one.address, username=one.username, workspace=one.workspace, enabled=one.enabled,
        settings=dict(one.settings), images=call.state.registry_images.counts(RegistryImageFilter([one.name])),
        polled=datetime.fromisoformat(polled["at"]) if polled else None, error=polled.get("error", ""), created=one.created,
    )  # fmt: skip
