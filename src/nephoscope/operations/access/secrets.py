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
    convert_not_found_error,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.schemas import Id, Shape, Text, to_shape
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
    return SecretList(value=tuple(to_shape(AccessSecretShape, one) for one in found))


@OPERATIONS.operation(SECRET_WRITE, ApiRoute("POST", "/principals/{id}/secrets", 201))
def create_secret(call: OperationCall, id: Id, body: NewSecret) -> MadeSecret:  # noqa: A002 - the name in the path
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
def revoke_secret(call: OperationCall, id: Id, secret: Id) -> None:  # noqa: A002 - the name in the path
    """Revoke a secret; revoking a session signs its browser out."""
    who = require_principal(call, id)
    with convert_not_found_error(f"A secret {secret}"):
        service.drop_secret(call.service, who, secret)


@OPERATIONS.operation(
    READ,
    page=SectionList(
        "Tokens and client secrets", "Access", "token", "Programs sign in with them. The page of a user or program creates new ones.",
        key="id", name="owner", guide="serve.md", facets=("kind", "state"),
        columns=(
            PageColumn("owner", "User or program"), PageColumn("kind", "Kind", optional=True), PageColumn("label", "Description"),
            PageColumn("state", "State", optional=True), PageColumn("used", "Last used", optional=True),
            PageColumn("expires", "Expires", optional=True),
        ),
    ),
)  # fmt: skip
def list_tokens(call: OperationCall) -> list[Row]:
    """List the tokens and client secrets of all users and programs, newest first."""
    names = {one.id: one.name for one in call.state.principals.all()}
    kept = call.state.principals.secrets([SecretKind.TOKEN, SecretKind.CLIENT_SECRET])
    now = call.service.now
    return [
        {
            "id": one.id, "owner": names.get(one.principal, one.principal), "kind": one.kind.value, "label": one.label,
            "state": "expired" if one.expires is not None and one.expires <= now else "active", "used": one.used,
            "expires": one.expires, "created": one.created,
        }
        for one in kept
    ]  # fmt: skip


@OPERATIONS.operation(SECRET_DELETE, page=OperationForm("Revoke", in_rows=True, closes=True, danger=True))
def revoke_token(call: OperationCall, id: Id) -> None:  # noqa: A002 - the key of a row
    """Revoke a token or client secret: it opens nothing from now on."""
    kept = call.state.principals.secrets([SecretKind.TOKEN, SecretKind.CLIENT_SECRET])
    owner = next((one.principal for one in kept if one.id == id), "")
    with convert_not_found_error(f"A secret {id}"):
        service.drop_secret(call.service, require_principal(call, owner), id)
