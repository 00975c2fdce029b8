"""Secrets of people and programs: API tokens, client secrets, links and sessions. What they are is told once, when they are made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from nephoscope.admin.principals import require_principal
from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import bad, finding
from nephoscope.operations.declaration.schemas import Id, Shape, Text
from nephoscope.service import principals as service
from nephoscope.service.principals import SECRET_DELETE, SECRET_WRITE
from nephoscope.state.access.principals import PrincipalKind, PrincipalSecret, SecretKind

SECTION = RouteSection("secrets", "Tokens, client secrets and sessions")
READ = "Nephoscope/secrets/read"
MOST = 1000


class AccessSecretShape(Shape, frozen=True, kw_only=True):
    """A secret as it is kept: what it was is known to nobody here."""

    id: str
    kind: Literal["token", "client-secret", "session", "link"]
    label: str
    created: datetime
    expires: datetime | None
    used: datetime | None


class SecretList(Shape, frozen=True, kw_only=True):
    """Secrets, newest first, at most a thousand."""

    value: tuple[AccessSecretShape, ...]


class NewSecret(Shape, frozen=True, kw_only=True):
    """A secret to be made: a token of the API, a client secret, or a person's link that works once within half an hour."""

    kind: Literal["token", "client-secret", "link"]
    days: Annotated[
        int, msgspec.Meta(ge=1, le=730, description="Token lifetime in days (not for sign-in links).")
    ] = 90
    label: Text = ""


class MadeSecret(Shape, frozen=True, kw_only=True):
    """A secret, shown this once."""

    secret: str


@SECTION.route("GET", "/principals/{id}/secrets", READ)
def list_secrets(ask: AdminRequest, id: Id) -> SecretList:  # noqa: A002 - the name in the path
    """Return what a principal can come in with."""
    require_principal(ask, id)
    found = ask.instance.state.principals.secrets(list(SecretKind), id)[:MOST]
    return SecretList(value=tuple(map(_secret_shape, found)))


@SECTION.route("POST", "/principals/{id}/secrets", SECRET_WRITE, status=201)
def make(ask: AdminRequest, id: Id, body: NewSecret) -> MadeSecret:  # noqa: A002 - the name in the path
    """Make a secret."""
    who = require_principal(ask, id)
    kind = SecretKind(body.kind)
    if kind is SecretKind.LINK and who.kind is not PrincipalKind.PERSON:
        raise bad("Links are available for users only.", "kind")
    if who.disabled:
        raise bad(f"{who.name} is disabled.", "id")
    lasts = timedelta(days=body.days)
    made = service.make_secret(ask.service, ask.instance.guard, who, kind, body.label, lasts)
    return MadeSecret(secret=made)


@SECTION.route("DELETE", "/principals/{id}/secrets/{secret}", SECRET_DELETE, status=204)
def drop(ask: AdminRequest, id: Id, secret: Id) -> None:  # noqa: A002 - the name in the path
    """Let a secret open nothing any more; of a session: sign a browser out."""
    who = require_principal(ask, id)
    with finding(f"A secret {secret}"):
        service.drop_secret(ask.service, who, secret)


def _secret_shape(one: PrincipalSecret) -> AccessSecretShape:
    kind: Literal["token", "client-secret", "session", "link"] = one.kind.value
    return AccessSecretShape(
        id=one.id, kind=kind, label=one.label, created=one.created, expires=one.expires, used=one.used
    )
