"""Registries of images: set up, changed, tried and removed; images in them, and what is decided about those."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import finding, refusing
from nephoscope.operations.declaration.schemas import PLAIN, Shape, Text
from nephoscope.protect.registry.registry_connection import RegistrySecrets
from nephoscope.protect.registry.registry_settings import (
    RegistrySettings,
    RegistrySettingsError,
    read_settings,
)
from nephoscope.protect.registry.registry_watch import POLLED
from nephoscope.service import registries as service
from nephoscope.service.attestation_key import attestation_key as make_attestation_key
from nephoscope.service.registries import DELETE, READ, READ_IMAGES, WRITE, WRITE_IMAGES
from nephoscope.state.registries.registry_images import RegistryImage, RegistryImageFilter
from nephoscope.state.registries.watched_registries import WatchedRegistry

SECTION = RouteSection("registries", "Registries")
RegistryName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)", description="Such as production.")
]
ImageId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)", description="An image's id.")]
Address = Annotated[
    str, msgspec.Meta(max_length=255, pattern=PLAIN, description="Such as registry.contoso.com:5000.")
]
SecretText = Annotated[str, msgspec.Meta(max_length=20_000)]
Status = Literal["", "Queued", "Untagged", "Held", "Promoted", "Rejected", "Passed", "Failed", "Gone"]


class NewRegistry(Shape, frozen=True, kw_only=True):
    """A registry to watch: `password` or `token` are kept encrypted and never shown again; `settings` as of the guide."""

    address: Address
    username: Text = ""
    password: SecretText = ""
    token: SecretText = ""
    workspace: Text = "default"
    settings: dict[str, Any] = msgspec.field(default_factory=dict)


class RegistryChange(Shape, frozen=True, kw_only=True):
    """What is to be another; what is absent stays as it is."""

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
    """Whether a registry could be reached, and what it said."""

    works: bool
    message: str


class AttestationKey(Shape, frozen=True, kw_only=True):
    """The public key (PEM) that verifies the server's attestations of images."""

    public_key: str


class EventsSecret(Shape, frozen=True, kw_only=True):
    """The secret that events of the registry carry as `Authorization: Bearer SECRET`, and the path they go to."""

    secret: str
    path: str


class RegistryImageShape(Shape, frozen=True, kw_only=True):
    """An image of a repository: where it stands, the verdict with its reasons, what its examination counted, and who decided."""

    id: str
    registry: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    promoted_tags: tuple[str, ...]
    status: str
    step: str
    origin: str
    verdict: str
    reasons: tuple[dict[str, Any], ...]
    summary: dict[str, Any]
    target: str
    attempts: int
    error: str
    received: datetime
    examined: datetime | None
    decided: datetime | None
    decided_by: str
    decision_reason: str


class RegistryImageList(Shape, frozen=True, kw_only=True):
    """The newest of them; `counts` is how many there are by status."""

    value: tuple[RegistryImageShape, ...]
    counts: dict[str, int]


class RegistryImageQuery(Shape, frozen=True, kw_only=True):
    """Which images: of a registry ('' = all), a status, with a text in repository, tag or digest."""

    registry: Annotated[str, msgspec.Meta(max_length=64, pattern=PLAIN)] = ""
    status: Status = ""
    text: Text = ""
    top: Annotated[int, msgspec.Meta(ge=1, le=1000, description="Maximum number of images.")] = 100


class RegistryImageDecision(Shape, frozen=True, kw_only=True):
    """What is to become of an image that quarantine holds, and why."""

    decision: Literal["promote", "reject", "examine"]
    reason: Annotated[str, msgspec.Meta(max_length=2000, pattern=PLAIN)] = ""


@SECTION.route("GET", "/registries", READ)
def registries(ask: AdminRequest) -> RegistryList:
    """The registries that are watched, with how many images they have."""
    found = ask.instance.state.watched_registries.all()
    return RegistryList(value=tuple(_registry(ask, one) for one in found))


@SECTION.route("PUT", "/registries/{name}", WRITE, status=201)
def add(ask: AdminRequest, name: RegistryName, body: NewRegistry) -> RegistryShape:
    """Watch a registry from now on."""
    with refusing("body", RegistrySettingsError):
        made = service.add_registry(
            ask.service, name, body.address, _settings(body.settings), username=body.username,
            given=RegistrySecrets(password=body.password, token=body.token), workspace=body.workspace,
        )  # fmt: skip
    return _registry(ask, made)


@SECTION.route("PATCH", "/registries/{name}", WRITE)
def change(ask: AdminRequest, name: RegistryName, body: RegistryChange) -> RegistryShape:
    """Change a registry that is watched, or let it pause or go on."""
    settings = None if body.settings is None else _settings(body.settings)
    with refusing("body", RegistrySettingsError), finding(f"The registry {name}"):
        changed = service.change_registry(
            ask.service, name, address=body.address, settings=settings, username=body.username, enabled=body.enabled,
            given=RegistrySecrets(password=body.password, token=body.token),
        )  # fmt: skip
    return _registry(ask, changed)


@SECTION.route("DELETE", "/registries/{name}", DELETE, status=204)
def remove(ask: AdminRequest, name: RegistryName) -> None:
    """Watch a registry no more; what it holds stays as it is."""
    with finding(f"The registry {name}"):
        service.remove_registry(ask.service, name)


@SECTION.route("POST", "/registries/{name}/test", WRITE)
def test(ask: AdminRequest, name: RegistryName) -> RegistryTrialShape:
    """Try whether a registry lists its repositories."""
    with finding(f"The registry {name}"):
        found = service.try_registry(ask.service, name)
    return RegistryTrialShape(works=found.works, message=found.message)


@SECTION.route("POST", "/registries/{name}/eventsSecret", WRITE)
def events_secret(ask: AdminRequest, name: RegistryName) -> EventsSecret:
    """Make the secret that events of a registry carry, shown this once; the one before counts no more."""
    with finding(f"The registry {name}"):
        made = service.make_events_secret(ask.service, name)
    return EventsSecret(secret=made, path=f"/hooks/registries/{name}")


@SECTION.route("POST", "/registryAttestationKey", WRITE)
def attestation_key(ask: AdminRequest) -> AttestationKey:
    """Give the public key by which the server attests its examinations of images; it is made where there is none."""
    return AttestationKey(public_key=make_attestation_key(ask.service))


@SECTION.route("GET", "/registryImages", READ_IMAGES)
def images(ask: AdminRequest, query: RegistryImageQuery) -> RegistryImageList:
    """The newest images of registries, with the verdict on each."""
    kept = ask.instance.state.registry_images
    wanted = RegistryImageFilter(
        [query.registry] if query.registry else None, [query.status] if query.status else [], query.text
    )
    return RegistryImageList(
        value=tuple(map(_image, kept.list_images(wanted, query.top))), counts=kept.counts(wanted)
    )


@SECTION.route("GET", "/registryImages/{id}", READ_IMAGES)
def image(ask: AdminRequest, id: ImageId) -> RegistryImageShape:  # noqa: A002
    """An image with the reasons of its verdict."""
    with finding(f"The image {id}"):
        return _image(ask.instance.state.registry_images.get(id))


@SECTION.route("POST", "/registryImages/{id}/decision", WRITE_IMAGES)
def decide(ask: AdminRequest, id: ImageId, body: RegistryImageDecision) -> RegistryImageShape:  # noqa: A002
    """Promote or reject an image that quarantine holds, or have it examined again; malware is never promoted."""
    with finding(f"The image {id}"):
        if body.decision == "examine":
            return _image(service.examine_again(ask.service, [id])[0])
        return _image(service.decide_image(ask.service, id, body.decision, body.reason))


def _settings(document: dict[str, object]) -> RegistrySettings:
    with refusing("settings", RegistrySettingsError):
        return read_settings(document)


def _registry(ask: AdminRequest, one: WatchedRegistry) -> RegistryShape:
    state = ask.instance.state
    polled = state.checkpoints.get(POLLED, one.name) or {}
    return RegistryShape(
        name=one.name, address=one.address, username=one.username, workspace=one.workspace, enabled=one.enabled,
        settings=dict(one.settings), images=state.registry_images.counts(RegistryImageFilter([one.name])),
        polled=datetime.fromisoformat(polled["at"]) if polled else None, error=polled.get("error", ""), created=one.created,
    )  # fmt: skip


def _image(one: RegistryImage) -> RegistryImageShape:
    told = ("status", "step", "reasons", "summary")
    names = [name for name in RegistryImageShape.__struct_fields__ if name not in told]
    return RegistryImageShape(
        **{name: getattr(one, name) for name in names}, status=one.status.value, step=one.step.value,
        reasons=tuple(dict(reason) for reason in one.reasons), summary=dict(one.summary or {}),
    )  # fmt: skip
