"""People and programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.admin.wire.ask import Ask
from nephoscope.admin.wire.route import Section
from nephoscope.admin.wire.shape import PLAIN, Id, Paging, Shape, Text, paged
from nephoscope.api.wire.fault import Fault, missing
from nephoscope.lake.state.principals import Principal, PrincipalKind

SECTION = Section("principals", "People and programs")
READ, WRITE = "Nephoscope/principals/read", "Nephoscope/principals/write"
Kind = Literal["User", "ServicePrincipal", "ManagedIdentity"]
Called = Annotated[str, msgspec.Meta(pattern=PLAIN, min_length=1, max_length=200)]


class PrincipalShape(Shape, frozen=True, kw_only=True):
    """A person, a program, or the managed identity; `subject` is how a provider calls a person: its issuer, a space, the sub."""

    id: str
    kind: Kind
    name: str
    subject: str
    disabled: bool
    created: datetime
    seen: datetime | None


class PrincipalList(Shape, frozen=True, kw_only=True):
    """Principals by name."""

    value: tuple[PrincipalShape, ...]
    next: str = ""


class NewPrincipal(Shape, frozen=True, kw_only=True):
    """Who is to be let in; without roles nothing is seen yet."""

    kind: Kind
    name: Called


class PrincipalChange(Shape, frozen=True, kw_only=True):
    """What is to change; what is left out stays."""

    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    subject: Text | msgspec.UnsetType = msgspec.UNSET


@SECTION.route("GET", "/principals", READ)
def everybody(ask: Ask, query: Paging) -> PrincipalList:
    """Everybody who was ever let in, disabled or not."""
    found, after = paged(ask.instance.state.principals.all(), lambda one: f"{one.name}/{one.id}", query)
    return PrincipalList(value=tuple(map(shown, found)), next=after)


@SECTION.route("POST", "/principals", WRITE, status=201)
def add(ask: Ask, body: NewPrincipal) -> PrincipalShape:
    """Let a person or program in."""
    with ask.instance.state.transaction() as session:
        made = ask.instance.state.principals.add(session, PrincipalKind(body.kind), body.name)
        ask.audit(session, WRITE, body.name, kind=body.kind)
    return shown(made)


@SECTION.route("GET", "/principals/{id}", READ)
def one(ask: Ask, id: Id) -> PrincipalShape:  # noqa: A002 - the name in the path
    """One of them."""
    return shown(known(ask, id))


@SECTION.route("PATCH", "/principals/{id}", WRITE)
def change(ask: Ask, id: Id, body: PrincipalChange) -> PrincipalShape:  # noqa: A002 - the name in the path
    """Let somebody in no more, which ends sessions, tokens and secrets, or again; say how a sign-in provider calls a person."""
    principals, who = ask.instance.state.principals, known(ask, id)
    if body.disabled is True and id == ask.caller.principal.id:
        raise Fault(409, "Conflict", "Nobody disables themselves: another owner can.")
    with ask.instance.state.transaction() as session:
        if body.disabled is not msgspec.UNSET:
            principals.disable(session, id, disabled=body.disabled)
        if body.subject is not msgspec.UNSET:
            other = principals.of_subject(body.subject)
            if other is not None and other.id != id:
                raise Fault(409, "Conflict", f"{other.name} has that subject.")
            principals.link(session, id, body.subject)
        ask.audit(session, WRITE, who.name, **msgspec.to_builtins(body))
    return shown(known(ask, id))


def known(ask: Ask, id_: str) -> Principal:
    """The principal of an id; Fault 404 where there is none."""
    found = ask.instance.state.principals.get(id_)
    if found is None:
        raise missing(f"A principal {id_}")
    return found


def shown(one: Principal) -> PrincipalShape:
    """A principal as it is answered."""
    kind: Kind = one.kind.value
    return PrincipalShape(
        id=one.id,
        kind=kind,
        name=one.name,
        subject=one.subject,
        disabled=one.disabled,
        created=one.created,
        seen=one.seen,
    )
