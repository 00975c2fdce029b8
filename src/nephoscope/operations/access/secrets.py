"""Secrets of people and programs: API tokens, client secrets, links and sessions. What they are is told once, when they are made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from nephoscope.operations.access.principals import require_principal
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    finding,
)
from nephoscope.operations.declaration.schemas import Id, Shape, Text, shape_of
from nephoscope.service import principals as service
from nephoscope.service.principals import SECRET_DELETE, SECRET_WRITE
from nephoscope.state.access.principals import PrincipalKind, SecretKind

OPERATIONS = OperationGroup("secrets", "Tokens, client secrets and sessions", "A secret")
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


@OPERATIONS.operation(READ, ApiRoute("GET", "/principals/{id}/secrets"))
def list_secrets(call: OperationCall, id: Id) -> SecretList:  # noqa: A002 - the name in the path
    """List the tokens, client secrets, links and sessions of a principal."""
    require_principal(call, id)
    found = call.state.principals.secrets(list(SecretKind), id)[:MOST]
    return SecretList(value=tuple(shape_of(AccessSecretShape, one) for one in found))


@OPERATIONS.operation(SECRET_WRITE, ApiRoute("POST", "/principals/{id}/secrets", 201))
def make(call: OperationCall, id: Id, body: NewSecret) -> MadeSecret:  # noqa: A002 - the name in the path
    """Create a secret; it is shown only once."""
    who = require_principal(call, id)
    kind = SecretKind(body.kind)
    if kind is SecretKind.LINK and who.kind is not PrincipalKind.PERSON:
        raise RefusedRequestError("Links are available for users only.", "kind")
    if who.disabled:
        raise RefusedRequestError(f"{who.name} is disabled.", "id")
    lasts = timedelta(days=body.days)
    made = service.make_secret(call.service, call.guard, who, kind, body.label, lasts)
    return MadeSecret(secret=made)


@OPERATIONS.operation(SECRET_DELETE, ApiRoute("DELETE", "/principals/{id}/secrets/{secret}", 204))
def drop(call: OperationCall, id: Id, secret: Id) -> None:  # noqa: A002 - the name in the path
    """Revoke a secret; revoking a session signs its browser out."""
    who = require_principal(call, id)
    with finding(f"A secret {secret}"):
        service.drop_secret(call.service, who, secret)
