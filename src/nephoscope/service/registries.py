"""Registries of images: set up, changed and removed; their events taken in; what people decide about images."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import msgspec

from nephoscope.protect.registry.events.reading import read_events
from nephoscope.protect.registry.image_events import requeue_image, store_events
from nephoscope.protect.registry.registry_connection import RegistrySecrets, connect, load_secrets
from nephoscope.protect.registry.registry_settings import (
    RegistrySettings,
    RegistrySettingsError,
    convert_settings_for_storage,
    read_settings,
)
from nephoscope.protect.registry.registry_watch import POLLED
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.audited_values import describe_difference, to_audited_value
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.registries.registry_images import (
    ImageStatus,
    ImageStep,
    RegistryImage,
    RegistryImageFilter,
)
from nephoscope.state.registries.watched_registries import WatchedRegistry

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.protect.registry.events.registry_event import RegistryEventBatch
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State

READ, WRITE, DELETE = (f"Nephoscope/registries/{one}" for one in ("read", "write", "delete"))
READ_IMAGES, WRITE_IMAGES = (f"Microsoft.Security/registryImages/{one}" for one in ("read", "write"))
_ADDRESS = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
#: Reasons that no person may let pass.
_NEVER = frozenset(("malware",))


class EventDeniedError(Exception):
    """Events that do not carry the secret of a registry, or of a registry that there is none of."""


@dataclass(frozen=True, slots=True)
class RegistryTrial:
    """Result of a connection test of a registry, and the registry's answer."""

    works: bool
    message: str


def list_registries(context: ServiceContext) -> list[WatchedRegistry]:
    """Return the watched registries; raises DeniedError."""
    context.require(READ)
    return context.state.watched_registries.all()


def list_images(context: ServiceContext, wanted: RegistryImageFilter, most: int = 100) -> list[RegistryImage]:
    """Return the newest images that are wanted; raises DeniedError."""
    context.require(READ_IMAGES)
    return context.state.registry_images.list_images(wanted, most)


def find_image(context: ServiceContext, text: str) -> RegistryImage:
    """Return the image of an id, or the only one with a text in its name.

    Raises DeniedError; NotFoundError where none has it, StateError where several have.
    """
    context.require(READ_IMAGES)
    images = context.state.registry_images
    try:
        return images.get(text)
    except NotFoundError:
        found = images.list_images(RegistryImageFilter(text=text), 2)
    if not found:
        raise NotFoundError(f"no image matches {text!r}: list them with `nephoscope protect registry images`")
    if len(found) > 1:
        raise StateError(f"several images match {text!r}: use the ID of one")
    return found[0]


def add_registry(
    context: ServiceContext,
    name: str,
    address: str,
    settings: RegistrySettings,
    *,
    username: str = "",
    given: RegistrySecrets | None = None,
    workspace: str = "default",
) -> WatchedRegistry:
    """Watch a registry from now on; its secrets are kept encrypted.

    Raises DeniedError; StateError for a name or workspace that cannot be; RegistrySettingsError for an address that is none.
    """
    context.require(WRITE)
    _check_address(address)
    context.state.workspaces.get(workspace)
    kept = given or RegistrySecrets()
    now = context.now
    made = WatchedRegistry(
        name,
        address,
        convert_settings_for_storage(settings),
        now,
        now,
        username,
        f"registry.{name}",
        workspace,
    )
    with context.transact(
        WRITE, ROOT_SCOPE, name, keeps_secret=True, act="add", address=address, settings=to_audited_value(made.settings),
        secrets=_list_secret_names(kept),
    ):  # fmt: skip
        if context.state.watched_registries.find(name) is not None:
            raise StateError(f"registry {name!r} already exists")
        _keep_registry(context, made, kept)
    return context.state.watched_registries.get(name)


def change_registry(
    context: ServiceContext,
    name: str,
    *,
    address: str | None = None,
    settings: RegistrySettings | None = None,
    username: str | None = None,
    given: RegistrySecrets | None = None,
    enabled: bool | None = None,
) -> WatchedRegistry:
    """Change a registry: what is None stays as it is, secrets that are '' too.

    Raises as `add_registry`; NotFoundError where there is none; RegistrySettingsError where kept secrets would go elsewhere.
    """
    context.require(WRITE)
    before = context.state.watched_registries.get(name)
    kept = load_secrets(context.state, before)
    new = given or RegistrySecrets()
    changed = replace(
        before, address=address or before.address, username=before.username if username is None else username,
        settings=before.settings if settings is None else convert_settings_for_storage(settings),
        enabled=before.enabled if enabled is None else enabled, changed=context.now,
    )  # fmt: skip
    _check_address(changed.address)
    if (
        (kept.password or kept.token)
        and not (new.password or new.token)
        and _has_new_destination(before, changed)
    ):
        raise RegistrySettingsError("the address or its trust changed: enter the password or token again")
    merged = RegistrySecrets(
        password=new.password or ("" if new.token else kept.password),
        token=new.token or ("" if new.password else kept.token),
        events=new.events or kept.events,
    )
    with context.transact(
        WRITE, ROOT_SCOPE, name, keeps_secret=True, act="change", secrets=_list_secret_names(new),
        **describe_difference(_describe_registry(before), _describe_registry(changed)),
    ):  # fmt: skip
        if context.state.watched_registries.get(name) != before:
            raise StateError(f"registry {name} was changed by someone else: check its current settings")
        _keep_registry(context, changed, merged)
    return context.state.watched_registries.get(name)


def remove_registry(context: ServiceContext, name: str) -> None:
    """Watch a registry no more: its images are forgotten here and stay where they are. Raises DeniedError, NotFoundError."""
    context.require(DELETE)
    state = context.state
    before = state.watched_registries.get(name)
    with (
        context.transact(DELETE, ROOT_SCOPE, name, **describe_difference(_describe_registry(before), None)),
        state.database.write() as session,
    ):
        state.registry_images.delete_registry_images(session, name)
        state.watched_registries.remove(session, name)
        state.credentials.drop(session, [before.credential])
        state.checkpoints.remove(POLLED, name)


def make_events_secret(context: ServiceContext, name: str) -> str:
    """Make the secret that a registry's events are to carry, shown this once, in place of the one before. Raises DeniedError."""
    made = secrets.token_urlsafe(32)
    change_registry(context, name, given=RegistrySecrets(events=made))
    return made


def try_registry(context: ServiceContext, name: str) -> RegistryTrial:
    """Try whether a registry lists its repositories to us, with its stored secret: audited. Raises DeniedError, NotFoundError."""
    from nephoscope.collect.images.errors import ImageError

    context.require(WRITE)
    watched = context.state.watched_registries.get(name)
    settings = read_settings(watched.settings)
    with context.state.transaction() as session:
        context.enter(session, WRITE, f"registry {name}", act="test")
    try:
        with connect(context.state, watched) as registry:
            names = [one for one in registry.list_repositories() if settings.watches(one)]
    except ImageError as error:
        return RegistryTrial(False, str(error))
    held = sum(bool(settings.get_promotion_target(one)) for one in names)
    return RegistryTrial(True, f"{len(names)} repositories are monitored, {held} of them in quarantine")


def find_registry_by_secret(state: State, name: str, authorization: str) -> WatchedRegistry:
    """Return the registry of a name whose secret is shown: alone, or behind `Bearer`; raises EventDeniedError."""
    watched = state.watched_registries.find(name)
    wanted = load_secrets(state, watched).events if watched else ""
    kind, _, rest = authorization.partition(" ")
    shown = rest.strip() if kind.lower() == "bearer" else authorization
    # compared even where there is nothing to compare with: the time says nothing of which registries there are
    same = hmac.compare_digest(shown.encode("utf-8", "replace"), (wanted or secrets.token_hex(16)).encode())
    if watched is None or not wanted or not same:
        raise EventDeniedError(f"events of registry {name[:64]} with a wrong secret")
    return watched


def receive_events(
    state: State, watched: WatchedRegistry, content: bytes, now: datetime
) -> tuple[RegistryEventBatch, int]:
    """Take in what a registry posts, and return it with the number of events that were new.

    Raises RegistryEventError for a content that is none; StateError where it cannot be kept, so that the registry sends it again.
    """
    batch = read_events(content)
    return batch, store_events(state, watched, batch.events, now) if watched.enabled else 0


def decide_image(
    context: ServiceContext, id_: str, decision: Literal["promote", "reject"], reason: str
) -> RegistryImage:
    """Let an image of quarantine that is held or rejected be promoted, or reject one that is held.

    Raises DeniedError; NotFoundError; StateError for an image that stands otherwise, an empty reason, or malware.
    """
    context.require(WRITE_IMAGES)
    images, now = context.state.registry_images, context.now
    known = images.get(id_)
    if not reason.strip():
        raise StateError("reason is required")
    with (
        context.transact(WRITE_IMAGES, ROOT_SCOPE, f"image {known.name}", decision=decision, reason=reason),
        context.state.database.write() as session,
    ):
        image = images.find(session, known.registry, known.repository, known.digest)
        if image is None:
            raise NotFoundError(f"image {id_!r} not found")
        return images.put(session, _apply_decision(image, decision, context.author, reason, now))


def request_examination(context: ServiceContext, ids: Sequence[str]) -> list[RegistryImage]:
    """Let images be examined anew. Raises DeniedError, NotFoundError."""
    context.require(WRITE_IMAGES)
    images, now = context.state.registry_images, context.now
    known = [images.get(one) for one in ids]
    with (
        context.transact(WRITE_IMAGES, ROOT_SCOPE, [f"image {one.name}" for one in known], act="examine"),
        context.state.database.write() as session,
    ):
        return [
            images.put(session, requeue_image(found, "person", now))
            for one in known
            if (found := images.find(session, one.registry, one.repository, one.digest))
        ]


def _apply_decision(
    image: RegistryImage, decision: Literal["promote", "reject"], author: str, reason: str, now: datetime
) -> RegistryImage:
    allowed = (ImageStatus.HELD, ImageStatus.REJECTED) if decision == "promote" else (ImageStatus.HELD,)
    if image.status not in allowed or not image.target:
        raise StateError(
            f"{image.name} is {image.status.value}: only images in quarantine can be approved or rejected"
        )
    never = [one for one in image.reasons if one.get("kind") in _NEVER]
    if decision == "promote" and never:
        raise StateError(f"{image.name} cannot be promoted: {never[0].get('text', 'malware')}")
    decided = replace(
        image, decided=now, decided_by=author, decision_reason=reason, verdict=decision, error=""
    )
    if decision == "reject":
        return replace(decided, status=ImageStatus.REJECTED)
    summary = dict(image.summary or {})
    accepted = [*summary.get("accepted", ()), *summary.get("concerns", ())]
    return replace(
        decided, status=ImageStatus.QUEUED, step=ImageStep.COPY, due=now, attempts=0, origin="person",
        summary={**summary, "accepted": accepted},
    )  # fmt: skip


def _keep_registry(context: ServiceContext, registry: WatchedRegistry, kept: RegistrySecrets) -> None:
    context.state.credentials.put(registry.credential, msgspec.json.encode(kept).decode())
    with context.state.database.write() as session:
        context.state.watched_registries.put(session, registry)


def _describe_registry(registry: WatchedRegistry) -> dict[str, object]:
    """Return what an audit entry says of a registry."""
    return {
        "address": registry.address, "username": registry.username, "enabled": registry.enabled, "settings": registry.settings,
    }  # fmt: skip


def _check_address(address: str) -> None:
    if not _ADDRESS.fullmatch(address) or len(address) > 255:
        raise RegistrySettingsError(
            f"address must be a host, with :port if it is not 443 (got {address[:100]!r})"
        )


def _has_new_destination(before: WatchedRegistry, after: WatchedRegistry) -> bool:
    trust = ("insecure", "authority")
    return before.address != after.address or any(
        before.settings.get(one) != after.settings.get(one) for one in trust
    )


def _list_secret_names(given: RegistrySecrets) -> list[str]:
    """Return the names of the secrets that were given."""
    found: Mapping[str, object] = msgspec.to_builtins(given)
    return sorted(name for name, value in found.items() if value)
